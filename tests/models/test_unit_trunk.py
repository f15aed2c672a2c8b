"""The widths and strides of the ten units."""

from __future__ import annotations

import pytest

from dualhead.models.unit_trunk import unit_plan


def test_published_plan() -> None:
    plan = unit_plan(3, 64, 3)
    assert [unit.out_channels for unit in plan] == [64] * 4 + [128] * 3 + [256] * 3
    assert [unit.in_channels for unit in plan] == [3] + [64] * 4 + [128] * 3 + [256] * 2
    assert [number for number, unit in enumerate(plan, 1) if unit.stride == 2] == [5, 8]
    assert [unit.first for unit in plan] == [True] + [False] * 9


def test_small_plan_keeps_both_strides() -> None:
    assert [unit.stride for unit in unit_plan(2, 8, 1)] == [1, 1, 2, 2]


def test_refuses_nothing() -> None:
    with pytest.raises(ValueError, match="depth 0"):
        unit_plan(3, 64, 0)
