from __future__ import annotations

import pickle

import pytest

from dualhead.reading.sources import get_source, list_sources
from dualhead.runtime.errors import ConfigError


def test_every_source_is_complete_and_travels_to_a_worker() -> None:
    assert {"ntu60", "ntu120", "kinetics", "ucla", "pyskl", "ctrgcn", "published", "custom"} <= set(list_sources())
    for name in list_sources():
        source = get_source(name)
        assert source.name == name
        assert pickle.loads(pickle.dumps(source)) == source  # noqa: S301
        assert get_source(source) is source
        learns = ("pyskl", "ctrgcn", "published", "custom", "videos")  # their classes come with the data
        assert source.classes or name in learns
        assert {rule.field for rule in source.protocols.values()} <= set(source.fields)


def test_an_unknown_source_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'ntu60'"):
        get_source("ntu-60")
