"""Published figures by the words of an experiment."""

from __future__ import annotations

import pytest

from dualhead.models.published_results import _SETTINGS, _STREAMS, PublishedResult, published_result
from dualhead.models.registry import model_entries
from dualhead.runtime.errors import ConfigError


def test_figures_that_the_papers_give() -> None:
    four = ("joint", "bone", "joint_motion", "bone_motion")
    on_test = "best epoch on the test split"
    assert published_result("dualhead", "ntu60", "xsub") == PublishedResult(
        "NTU RGB+D 60 xsub, 4 streams", four, 92.0, on_test, "published"
    )
    assert published_result("msg3d", "kinetics", "official") == PublishedResult(
        "Kinetics-Skeleton 400, 2 streams", ("joint", "bone"), 38.0, on_test, "published"
    )
    ctrgcn, pyskl = published_result("ctrgcn", "ucla", "xview"), published_result("stgcnpp", "ntu120", "xset")
    assert ctrgcn is not None
    assert pyskl is not None
    assert (ctrgcn.epoch, pyskl.epoch) == (on_test, "epoch not stated")
    assert (ctrgcn.weights, pyskl.weights) == ("published", "pyskl")
    stgcn = published_result("stgcn", "ntu60", "xview")
    assert stgcn is not None
    assert (stgcn.streams, stgcn.top1) == (("joint",), 88.3)


def test_what_was_not_published() -> None:
    assert published_result("dualhead", "ucla", "xview") is None
    assert published_result("dualhead", None, "xsub") is None
    assert published_result("dualhead_small", "ntu60", "xsub") is None
    with pytest.raises(ConfigError, match="did you mean 'msg3d'"):
        published_result("ms-g3d", "ntu60", "xsub")


def test_every_figure_of_the_registry_has_known_words_and_the_first_of_a_protocol_is_found() -> None:
    for name, entry in model_entries().items():
        first: dict[str, str] = {}
        for setting in entry.published:
            where, _, streams = setting.rpartition(", ")
            assert where in _SETTINGS.values()
            assert streams in _STREAMS
            first.setdefault(where, setting)
        for key, where in _SETTINGS.items():
            found = published_result(name, *key)
            assert (None if found is None else found.setting) == first.get(where)
