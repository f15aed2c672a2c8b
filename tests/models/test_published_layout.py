"""What the shapes of a published checkpoint tell, on shapes made by hand."""

from __future__ import annotations

import pytest
import torch

from dualhead.models.published_layout import Shapes, trunk_arguments
from dualhead.models.registry import model_entries
from dualhead.runtime.errors import CheckpointError
from dualhead.skeleton import COCO17


def shapes(**found: tuple[int, ...]) -> Shapes:
    return Shapes("agcn", {key: torch.zeros(shape) for key, shape in found.items()}, COCO17)


def test_arguments_of_a_trunk() -> None:
    units = {f"unit{number}": (1,) for number in range(7)}
    found = trunk_arguments("mixing", "unit{}", subsets=3)(shapes(mixing=(24, 2, 1, 1), **units))
    assert found == {"width": 8, "in_channels": 2, "depth": 2}


def test_units_are_counted_wherever_their_numbers_start() -> None:
    assert shapes(unit1=(1,), unit2=(1,), other=(1,)).count("unit{}") == 2


@pytest.mark.parametrize("shape", [(3,), (3, 2, 1), (3, 0, 1, 1)])
def test_a_damaged_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(CheckpointError, match="'mixing' has shape"):
        shapes(mixing=shape).shape("mixing", 4)


def test_a_missing_key_is_named() -> None:
    with pytest.raises(CheckpointError, match="'mixing'"):
        shapes().shape("mixing", 4)


def test_every_model_of_a_paper_with_weights_states_its_layout() -> None:
    assert all(entry.layout is not None for name, entry in model_entries().items())
