from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz_targets import make_targets
from dualhead.reading.sources import list_sources

TARGETS = {target.name: target for target in make_targets()}


@pytest.mark.parametrize("name", list(TARGETS))
def test_what_is_mutated_is_whole(name: str, tmp_path: Path) -> None:
    """Every seed must be read: mutations of what is refused anyway would test nothing."""
    feed = TARGETS[name].start(tmp_path)
    for file, seeds in TARGETS[name].seeds:
        for seed in seeds:
            feed(file, seed)


def test_every_source_has_a_target() -> None:
    same_as_ntu60 = {"ntu120", "synthetic"}
    assert {name for name in list_sources() if name not in TARGETS} == same_as_ntu60
