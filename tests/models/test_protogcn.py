"""ProtoGCN has the published size, and what it has for training alone is not there otherwise."""

from __future__ import annotations

import torch

from dualhead import create_model, deploy
from dualhead.layers.bodies import DistinctBodies
from dualhead.models.base import ModelOutput
from dualhead.models.protogcn import ProtoGCN


def small() -> ProtoGCN:
    torch.manual_seed(0)
    model = create_model("protogcn", num_classes=3, skeleton="coco17", width=8, depth=1, num_prototypes=5)
    assert isinstance(model, ProtoGCN)
    return model


def test_published_parameters() -> None:
    model = create_model("protogcn", num_classes=60, skeleton="ntu25")
    sizes = {name: parameter.numel() for name, parameter in model.named_parameters()}
    assert sum(sizes.values()) == 4_184_604
    assert sum(size for name, size in sizes.items() if not name.startswith("prototypes.")) == 3_728_796


def test_extras_come_in_training_only() -> None:
    model, clips = small(), torch.randn(2, 3, 8, 17, 2)
    output = model.train()(clips)
    assert isinstance(output, ModelOutput)
    assert output.logits.shape == (2, 1, 3)
    assert {name: extra.shape for name, extra in output.extras.items()} == {"prototypes": (2, 17 * 17)}
    assert isinstance(model.eval()(clips), torch.Tensor)


def test_the_prototypes_see_the_mean_graph_of_all_bodies() -> None:
    """A clip whose second body is its first has the graph of one, and absent bodies count."""
    model = small().double().train()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    clips = torch.randn(2, 3, 8, 17, 2, dtype=torch.float64)
    clips[..., 1] = 0
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    seen: list[torch.Tensor] = []
    model.prototypes.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    for bodies in (DistinctBodies.of(clips), DistinctBodies.every(clips)):
        model(clips, bodies)
    torch.testing.assert_close(seen[0], seen[1])
    assert seen[0].shape == (2, 32, 17, 17)


def test_a_deployed_model_is_without_the_prototypes() -> None:
    model, clips = small().eval(), torch.randn(2, 3, 8, 17, 2)
    deployed = deploy(model)
    assert not any("prototypes" in name for name, _ in deployed.named_parameters())
    torch.testing.assert_close(deployed(clips), model(clips))
    assert any("prototypes" in name for name, _ in model.named_parameters())
