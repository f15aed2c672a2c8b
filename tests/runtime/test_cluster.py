from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from dualhead.runtime.cluster import ClusterError, on_cluster
from dualhead.runtime.errors import ConfigError, FormatError

ADDRESS = "local"


def _start(folder: Path) -> Callable[[int], tuple[int, int]]:
    """Squares numbers; the first worker that gets 5 is killed, 13 is damaged, 66 kills every worker."""

    def compute(number: int) -> tuple[int, int]:
        flag = folder / "killed"
        if number == 66 or (number == 5 and not flag.exists()):
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 13:
            raise FormatError("it is damaged", "file.txt", 3)
        return number * number, os.getpid()

    return compute


def test_a_killed_worker_costs_nothing(cluster: None, tmp_path: Path) -> None:
    with on_cluster(ADDRESS, partial(_start, tmp_path), range(12), workers=2) as results:
        found = list(results)
    assert [square for square, _ in found] == [number * number for number in range(12)]
    assert (tmp_path / "killed").exists()
    assert os.getpid() not in {process for _, process in found}


def test_the_error_of_a_part_is_raised_with_its_fields(cluster: None, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught, on_cluster(ADDRESS, partial(_start, tmp_path), [1, 13]) as results:
        list(results)
    assert (caught.value.path, caught.value.line) == ("file.txt", 3)


def test_a_part_that_kills_every_worker_ends_the_work(cluster: None, tmp_path: Path) -> None:
    with (
        pytest.raises(ClusterError, match="ended unexpectedly"),
        on_cluster(ADDRESS, partial(_start, tmp_path), [66], workers=1) as results,
    ):
        list(results)


def test_a_worker_that_does_not_see_a_file_says_so(cluster: None, tmp_path: Path) -> None:
    with (
        pytest.raises(ClusterError, match=r"does not see .*absent"),
        on_cluster(ADDRESS, partial(_start, tmp_path), [1], needs=[tmp_path / "absent"]) as results,
    ):
        list(results)


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"dualhead\[ray\]"), on_cluster(ADDRESS, partial(_start, tmp_path), [1]):
        pass
