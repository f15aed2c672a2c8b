from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.units import body_extent, body_extents, doubt_unit, usual_extent
from dualhead.skeleton import COCO17, NTU25, SKELETONS


def test_the_extent_of_bodies_by_hand() -> None:
    joints = np.zeros((1, 3, 3, 3))
    joints[0, 0] = [[0.1, 1, 0], [0.1, 2.5, 0], [0.3, 2, 0]]  # 1.5 tall
    joints[0, 1] = [[0.1, 1, 0], [0.1, 2, 0], [0, 0, 0]]  # 1 tall, a joint is absent
    assert body_extent(joints[:, :1]) == pytest.approx(1.5)
    assert body_extent(joints) == pytest.approx(1.25)  # the third frame is empty
    assert body_extent(np.zeros((0, 5, 3, 3))) == body_extent(np.zeros((2, 5, 3, 3))) == 0
    assert body_extent(joints.astype(np.float32)) == pytest.approx(1.25)
    assert body_extents([joints[:, :1], np.zeros((1, 2, 3, 3)), joints]) == pytest.approx([1.5, 0, 1.25])


def test_the_extent_of_more_bodies_than_are_measured_at_once() -> None:
    joints = np.zeros((9001, 2, 3))
    joints[:, 1, 1] = np.arange(9001)  # of the first, that joint is absent
    joints[:, 0, 1] = -1
    joints[4500:] = 0
    assert body_extent(joints) == pytest.approx(np.median(np.arange(1, 4500) + 1))


def test_whole_bodies_have_a_usual_size() -> None:
    assert usual_extent(NTU25) == 1.6
    assert usual_extent(COCO17) is None  # flat
    assert usual_extent(SKELETONS["hand22"]) is None


@pytest.mark.parametrize(
    ("extent", "cure"),
    [(1600, "--unit mm"), (160, "--unit cm"), (63, "--unit in"), (5, "of a body?"), (0.3, "of a body?")],
)
def test_a_doubt_names_both_figures_and_the_cure(extent: float, cure: str) -> None:
    told = doubt_unit(extent, 1.6)
    assert f"{extent:g} units" in told and "1.6 metres" in told and cure in told


@pytest.mark.parametrize("extent", [0, 0.6, 1.6, 4.5])
def test_no_doubt(extent: float) -> None:
    assert doubt_unit(extent, 1.6) == ""
    assert doubt_unit(1600, None) == ""
