from __future__ import annotations

import gc

import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.runtime.machine import MAX_WORKERS, check_workers, count_cores, paused_collection


def test_at_least_one_core_may_be_used() -> None:
    assert count_cores() >= 1


@pytest.mark.parametrize(("workers", "least"), [(-1, 0), (0, 1), (MAX_WORKERS + 1, 0), (10**6, 1)])
def test_a_number_of_processes_outside_its_range_is_refused(workers: int, least: int) -> None:
    with pytest.raises(ConfigError, match=rf"workers is {workers}\b.* {least} to {MAX_WORKERS}"):
        check_workers(workers, least=least)


def test_a_number_of_processes_in_its_range_is_fine() -> None:
    check_workers(0)
    check_workers(MAX_WORKERS, least=1)


def test_the_collector_is_paused_and_left_as_it_was() -> None:
    with paused_collection():
        assert not gc.isenabled()
        with paused_collection():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
