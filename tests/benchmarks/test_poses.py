"""The benchmark of poses and of the live page runs and gives figures that hang together."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import poses


def test_the_median_leaves_out_the_first() -> None:
    calls: list[int] = []
    assert poses.median_ms(lambda: calls.append(1), 4) >= 0
    assert len(calls) == 5


@pytest.mark.slow
def test_serve_is_measured(tmp_path: Path, pose_weights: Path) -> None:
    server = poses.make_server(pose_weights, tmp_path, "dualhead_small")
    try:
        found = poses.measure_serve(server, 4.0)
    finally:
        server.shutdown()
        server.close()
    assert found["fps"] > 0 and found["trip_ms"] > 0
    assert found["estimates"] >= 1 and found["longest_delay_ms"] >= found["delay_ms"]
