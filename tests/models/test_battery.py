"""What every model of the registry must do, on narrow variants."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dualhead import create_model, list_models, load_published
from dualhead.conversion.published import published_constants, to_published
from dualhead.conversion.shapes import infer_arguments
from dualhead.models.base import ModelOutput, SkeletonModel
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.models.registry import model_entries, variant_arguments
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import NTU25, SKELETONS, Skeleton

NARROW: dict[str, dict[str, Any]] = {
    "dualhead": {"width": 12, "num_gcn_scales": 3, "num_g3d_scales": 2},
    "dualhead_small": {"width": 12, "num_gcn_scales": 2, "num_g3d_scales": 2},
    "msg3d": {"width": 6, "depth": 3, "num_gcn_scales": 3, "num_g3d_scales": 2},
    "agcn": {"width": 8, "depth": 1},
    "stgcn": {"width": 4, "depth": 1},
    "ctrgcn": {"width": 8, "depth": 1},
    "stgcnpp": {"width": 8, "depth": 1},
    "dgstgcn": {"width": 8, "depth": 1},
    "protogcn": {"width": 8, "depth": 1, "num_prototypes": 5},
}
"""A case for every model; a model without one fails the first test."""

CUSTOM = Skeleton(
    name="custom",
    joints=("a", "b", "c", "d", "e"),
    parents=(0, 0, 1, 1, 3),
    edges=((1, 0), (2, 1), (3, 1), (4, 3)),
    mirror=((2, 3),),
    centre=1,
    origin=0,
    spine=None,
    shoulders=None,
    dimensions=2,
)

EVERY = pytest.mark.parametrize("name", sorted(NARROW))


def build(name: str, skeleton: str | Skeleton = CUSTOM, **arguments: Any) -> SkeletonModel:
    """Build a narrow model whose parameters and statistics are all away from their start."""
    torch.manual_seed(0)
    model = create_model(name, **{"num_classes": 7, "skeleton": skeleton, **NARROW[name], **arguments})
    for part in model.training_parts:  # whose dropout has no argument
        for module in model.get_submodule(part).modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if parameter.ndim > 1:
                parameter.normal_(std=parameter[0].numel() ** -0.5)
            else:
                parameter.normal_(mean=0.0 if key.endswith(".bias") else 1.0, std=0.1)
        for key, value in model.named_buffers():
            if key.endswith("running_var"):
                value.uniform_(0.5, 1.5)
    return model


def clips(model: SkeletonModel, samples: int = 2, frames: int = 10) -> Tensor:
    config = model.config
    generator = torch.Generator().manual_seed(1)
    shape = (samples, config.in_channels, frames, config.skeleton.num_joints, config.num_bodies)
    return torch.randn(shape, generator=generator)


def logits_of(output: Tensor | ModelOutput) -> Tensor:
    """Return the logits of a model that may add extras to them in training."""
    return ModelOutput.of(output).logits


def all_of(output: Tensor | ModelOutput) -> Tensor:
    """Return logits and extras as one row for each clip."""
    logits, extras = ModelOutput.of(output)
    return torch.cat([logits.flatten(1), *(extra.flatten(1) for extra in extras.values())], dim=1)


def test_every_model_has_a_case() -> None:
    assert sorted(NARROW) == list_models()


@EVERY
@pytest.mark.parametrize("skeleton", [*SKELETONS, CUSTOM], ids=str)
def test_shapes_on_every_skeleton(name: str, skeleton: str | Skeleton) -> None:
    model = build(name, skeleton, num_bodies=1 if skeleton == "coco17" else 2, in_channels=2).eval()
    with torch.no_grad():
        logits = model(clips(model, samples=1))
    assert logits.shape == (1, len(model.heads), 7)
    assert logits.isfinite().all()


@EVERY
@pytest.mark.parametrize("frames", [8, 9, 13, 31])
def test_short_and_odd_lengths(name: str, frames: int) -> None:
    model = build(name, num_bodies=3)
    logits = logits_of(model(clips(model, frames=frames)))
    assert logits.shape == (2, len(model.heads), 7)
    assert logits.isfinite().all()


@EVERY
def test_a_gradient_for_every_parameter(name: str) -> None:
    model = build(name).double().train()
    output = model(clips(model, samples=3).double())
    loss = nn.functional.cross_entropy(logits_of(output).flatten(0, 1), torch.arange(3 * len(model.heads)) % 7)
    (loss + (all_of(output) * torch.randn(all_of(output).shape)).sum()).backward()
    still = set()
    for key, parameter in model.named_parameters():
        assert parameter.grad is not None, key
        assert parameter.grad.isfinite().all(), key
        if parameter.grad.abs().max() < 1e-12:
            still.add(key)
    # A shift in front of a batch norm, and of all senders in front of a softmax over them, changes nothing.
    assert all(key.endswith(".bias") for key in still), still


@EVERY
def test_evaluation_is_deterministic_and_leaves_no_trace(name: str) -> None:
    model = build(name, dropout=0.5).eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = clips(model)
    kept = x.clone()
    with torch.no_grad():
        assert torch.equal(model(x), model(x))
    assert torch.equal(x, kept)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


@EVERY
def test_training_moves_every_statistic(name: str) -> None:
    model = build(name).train()
    before = {key: value.clone() for key, value in model.named_buffers()}
    model(clips(model))
    for key, value in model.named_buffers():
        if "running_" in key:
            assert not torch.equal(value, before[key]), key
        if key.endswith("num_batches_tracked"):
            assert value == before[key] + 1, key


@EVERY
def test_samples_of_a_batch_are_independent_in_evaluation(name: str) -> None:
    model = build(name).double().eval()
    x = clips(model, samples=3).double()
    x[1, ..., 1] = 0
    with torch.no_grad():
        whole = model(x)
        single = torch.cat([model(sample[None]) for sample in x])
    torch.testing.assert_close(whole, single, rtol=1e-10, atol=1e-10)


@EVERY
@pytest.mark.parametrize("training", [True, False])
def test_an_absent_body_counts_like_any_other(name: str, training: bool) -> None:
    """A body of zeros gives what a body of next to nothing gives, in the logits and in the statistics."""
    results = []
    for nothing in (0.0, 1e-13):
        model = build(name).double().train(training)
        x = clips(model, samples=3).double()
        x[:2, ..., 1] = nothing
        logits = all_of(model(x))
        assert logits.isfinite().all()
        results.append((logits.detach(), dict(model.named_buffers())))
    (absent, statistics), (present, expected) = results
    torch.testing.assert_close(absent, present, rtol=1e-7, atol=1e-8)
    for key, value in statistics.items():
        torch.testing.assert_close(value, expected[key], rtol=1e-7, atol=1e-8)


@EVERY
def test_dropout_is_an_argument_and_acts_in_training_only(name: str) -> None:
    torch.manual_seed(0)
    model = build(name, dropout=0.5).train()
    x = clips(model)
    torch.manual_seed(1)
    first = logits_of(model(x))
    torch.manual_seed(2)
    assert not torch.allclose(first, logits_of(model(x)))
    without = build(name).train()
    assert torch.equal(all_of(without(x)), all_of(build(name).train()(x)))


@EVERY
def test_save_and_load(name: str, tmp_path: Path) -> None:
    skeleton = dataclasses.replace(CUSTOM, name="another")
    model = build(name, skeleton, num_bodies=1, in_channels=2).eval()
    save_checkpoint(tmp_path / "a.safetensors", model, {"stream": "joint"})
    again, _ = load_checkpoint(tmp_path / "a.safetensors")
    assert again.config == model.config
    x = clips(model)
    with torch.no_grad():
        assert torch.equal(again(x), model(x))


@EVERY
def test_adjacency_is_built_not_saved(name: str) -> None:
    model = build(name)
    buffers = {key for key, _ in model.named_buffers()}
    graph = {key for key in buffers if key.endswith("adjacency")}
    assert not graph & set(model.state_dict())
    assert all(value.dtype == torch.float32 for key, value in model.named_buffers() if key in graph)


@EVERY
def test_half_precision_stays_near(name: str) -> None:
    model = build(name).eval()
    x = clips(model)
    with torch.no_grad():
        exact = model(x)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            near = model(x).float()
    assert near.isfinite().all()
    assert (near - exact).abs().max() <= 0.1 * exact.abs().max()


def test_arguments_are_named_alike() -> None:
    for name, entry in model_entries().items():
        arguments = variant_arguments(entry)
        assert {"width", "depth", "dropout"} <= set(arguments), name
        known = {"width", "depth", "dropout", "num_gcn_scales", "num_g3d_scales", "num_prototypes", "partition"}
        assert set(arguments) <= known, name


@EVERY
def test_an_unknown_argument_is_named(name: str) -> None:
    with pytest.raises(ConfigError, match="did you mean 'width'"):
        create_model(name, num_classes=7, skeleton=NTU25, widht=8)


@EVERY
def test_a_width_that_cannot_be_is_one_sentence(name: str) -> None:
    with pytest.raises(ConfigError, match=f"width is 0: model {name} needs an integer from 1 to "):
        create_model(name, num_classes=7, skeleton=NTU25, width=0)
    step = model_entries()[name].architecture.width_step
    if step > 1:
        near = f"width is {2 * step + 1}: model {name} needs a multiple of {step}, such as {2 * step} or {3 * step}"
        with pytest.raises(ConfigError, match=near):
            create_model(name, num_classes=7, skeleton=NTU25, width=2 * step + 1)


@EVERY
@pytest.mark.parametrize("dropout", [1.5, 1, -0.1, float("nan"), True, "0.5", None])
def test_a_dropout_that_cannot_be_is_one_sentence(name: str, dropout: object) -> None:
    with pytest.raises(ConfigError, match=f"dropout is .*: model {name} needs a number from 0 to below 1"):
        create_model(name, num_classes=7, skeleton=NTU25, dropout=dropout)


@EVERY
@pytest.mark.parametrize("depth", [2, 4])
def test_another_depth(name: str, depth: int) -> None:
    """Deeper models have more parameters, run on the shortest clips, and go out and in under the published keys."""
    model, deeper = (build(name, depth=number).eval() for number in (depth, depth + 1))
    sizes = [sum(weight.numel() for weight in item.parameters()) for item in (model, deeper)]
    assert sizes[0] < sizes[1]
    x = clips(model, frames=8)
    with torch.no_grad():
        logits = model(x)
    assert logits.shape == (2, len(model.heads), 7)
    assert logits.isfinite().all()
    published = to_published(model)
    found = infer_arguments(name, published, CUSTOM)
    assert {**variant_arguments(model_entries()[name]), **found}["depth"] == depth
    assert len(load_published(build(name, depth=depth), published)) + len(published_constants(model)) == len(published)


@EVERY
def test_embeddings_are_what_the_classifiers_see(name: str) -> None:
    model = build(name, num_bodies=2).double().train()
    x = clips(model, samples=3).double()
    x[1, ..., 1] = 0
    assert len(model.embed(x)) == len(model.heads)
    model.eval()
    with torch.no_grad():
        embedded = model.embed(x)
        assert all(features.ndim == 2 and len(features) == 3 for features in embedded)
        torch.testing.assert_close(model.classify(embedded), model(x))


@EVERY
def test_a_reset_classifier_has_other_classes_and_fresh_weights(name: str, tmp_path: Path) -> None:
    model = build(name).double().eval()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    x = clips(model).double()
    model.reset_classifier(11)
    assert model.config.num_classes == 11
    assert logits_of(model(x)).shape == (2, len(model.heads), 11)
    for key, value in model.state_dict().items():
        same = not key.split(".")[0].endswith("classifier")
        assert (key in before and torch.equal(value, before[key])) == same, key
    save_checkpoint(tmp_path / "a.safetensors", model.float(), {})
    assert load_checkpoint(tmp_path / "a.safetensors")[0].config.num_classes == 11
    with pytest.raises(ConfigError, match="num_classes is 0"):
        model.reset_classifier(0)


@EVERY
def test_clips_that_are_too_short_are_refused(name: str) -> None:
    model = build(name)
    with pytest.raises(ConfigError, match=r"7 frames.*8"):
        model(clips(model, frames=7))
    with pytest.raises(ConfigError, match=r"clips of shape \(0, "):
        model(clips(model, samples=0))
