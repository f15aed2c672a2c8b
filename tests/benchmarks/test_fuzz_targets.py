from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.fuzz_targets import make_targets
from dualhead.reading.registry import list_formats
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
    decoded_by_a_library = {"videos"}
    assert {name for name in list_sources() if name not in TARGETS} == same_as_ntu60 | decoded_by_a_library


def test_every_format_of_pose_programs_has_a_target() -> None:
    named = {name.partition("-")[0] for name in TARGETS}
    others = {"ntu", "kinetics", "openpose", "array", "pyskl", "ucla", "video", "poses"}
    assert {known.name for known in list_formats() if known.is_supported} - named - others == set()
