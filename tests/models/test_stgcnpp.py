"""ST-GCN++ has the published size and starts from the published graph."""

from __future__ import annotations

import pytest
import torch

from dualhead import create_model
from dualhead.graph import directed_partition
from dualhead.models.stgcnpp import published_graph
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import COCO17, NTU25


@pytest.mark.parametrize(("classes", "parameters"), [(60, 1_403_144), (120, 1_418_564)])
def test_published_parameters(classes: int, parameters: int) -> None:
    model = create_model("stgcnpp", num_classes=classes, skeleton="ntu25")
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_the_tips_of_the_hands_hang_from_the_hands() -> None:
    loops, inward, outward = published_graph(NTU25)
    assert (loops == directed_partition(NTU25)[0]).all()
    assert inward[:, 21].nonzero()[0].tolist() == [7]  # published counting from 1: 22-8, 24-12
    assert inward[:, 23].nonzero()[0].tolist() == [11]
    assert outward[:, 7].nonzero()[0].tolist() == [21, 22]
    assert outward[21, 7] == 0.5  # a column is shared out among its entries
    others = [joint for joint in range(25) if joint not in (21, 23)]
    assert (inward[:, others] == directed_partition(NTU25)[1][:, others]).all()


def test_other_skeletons_keep_their_edges() -> None:
    assert (published_graph(COCO17) == directed_partition(COCO17)).all()


def test_the_learned_graph_starts_there() -> None:
    model = create_model("stgcnpp", num_classes=3, skeleton="ntu25", width=6, depth=1)
    for index in range(4):
        graph = model.get_parameter(f"units.{index}.spatial.adjacency")
        torch.testing.assert_close(graph.detach(), torch.tensor(published_graph(NTU25), dtype=torch.float32))
    assert not model.get_parameter("classifier.bias").any()


def test_a_width_below_six_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"5.*6 branches"):
        create_model("stgcnpp", num_classes=3, skeleton="ntu25", width=5)
