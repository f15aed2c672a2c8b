"""Multiplications as the papers count them."""

from __future__ import annotations

import pytest

from dualhead import create_model
from dualhead.models.macs import count_macs


@pytest.mark.parametrize(
    ("name", "frames", "gigas"), [("dualhead", 300, 18.94), ("msg3d", 300, 32.77), ("ctrgcn", 64, 1.94)]
)
def test_published(name: str, frames: int, gigas: float) -> None:
    model = create_model(name, num_classes=60, skeleton="ntu25")
    assert round(count_macs(model, frames) / 1e9, 2) == gigas


def test_stgcn_by_hand() -> None:
    model = create_model("stgcn", num_classes=5, skeleton="kinect20", num_bodies=1, width=2, depth=1)
    # Units 3 -> 2, 2 -> 2, 2 -> 4 (stride 2), 4 -> 8 (stride 2) on 9, 9, 9, 5 frames of 20 joints; for each joint
    # 3 subsets of C * O, for each frame 3 * 20 * 20 pairs of O, 9 taps of O * O, and C * O around the strided units.
    graph = 9 * (20 * 3 * 3 * 2 + 1200 * 2) + 9 * (20 * 3 * 2 * 2 + 1200 * 2)
    graph += 9 * (20 * 3 * 2 * 4 + 1200 * 4) + 5 * (20 * 3 * 4 * 8 + 1200 * 8)
    time = 20 * (9 * 9 * 4 + 9 * 9 * 4 + 5 * (9 * 16 + 8) + 3 * (9 * 64 + 32))
    assert count_macs(model, 9) == graph + time + 8 * 5


def test_agcn_by_hand() -> None:
    model = create_model("agcn", num_classes=5, skeleton="coco17", num_bodies=2, width=4, depth=1)
    joints, pairs, total = 17, 3 * 17 * 17, 0
    for channels, out, frames, stride in [(3, 4, 8, 1), (4, 4, 8, 1), (4, 8, 8, 2), (8, 16, 4, 2)]:
        total += frames * joints * 3 * (2 * channels * out // 4 + channels * out)
        total += frames * pairs * (out // 4 + channels)
        total += 0 if channels == out else frames * joints * channels * out
        after = frames // stride
        total += after * joints * 9 * out * out
        total += after * joints * channels * out if stride == 2 else 0
    assert count_macs(model, 8) == 2 * total + 16 * 5
