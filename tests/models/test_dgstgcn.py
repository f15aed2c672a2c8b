"""DG-STGCN has the published size, whatever the skeleton's edges."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from dualhead import create_model
from dualhead.models.dgstgcn import DGSTGCN
from dualhead.skeleton import NTU25


@pytest.mark.parametrize(("classes", "parameters"), [(60, 1_701_172), (120, 1_716_592)])
def test_published_parameters(classes: int, parameters: int) -> None:
    model = create_model("dgstgcn", num_classes=classes, skeleton="ntu25")
    assert isinstance(model, DGSTGCN)
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_the_edges_of_the_skeleton_make_no_difference() -> None:
    logits = []
    for skeleton in (NTU25, replace(NTU25, edges=NTU25.edges[:5])):
        torch.manual_seed(0)
        model = create_model("dgstgcn", num_classes=3, skeleton=skeleton, width=8, depth=1).eval()
        logits.append(model(torch.ones(1, 3, 8, 25, 2)))
    assert torch.equal(*logits)


def test_every_unit_has_eight_graphs_of_its_own_and_a_share_of_the_mean_joint() -> None:
    model = create_model("dgstgcn", num_classes=3, skeleton="coco17", width=16, depth=1)
    for index in range(4):
        assert model.get_parameter(f"units.{index}.spatial.adjacency").shape == (8, 17, 17)
        assert model.get_parameter(f"units.{index}.temporal.coefficient").shape == (17,)
