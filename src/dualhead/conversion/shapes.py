"""From the shapes of a published checkpoint to the arguments of the model that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dualhead.models.published_layout import Shapes
from dualhead.models.registry import ModelEntry, model_entries, variant_arguments
from dualhead.runtime.errors import CheckpointError
from dualhead.skeleton import Skeleton

_MOST_DEPTH = 100
"""The deepest model that is made of a checkpoint: ten times the published ones."""


def unknown_layout(what: str) -> CheckpointError:
    """Build the error for a model without known published checkpoints.

    Args:
        what: The model.
    """
    known = sorted(name for name, entry in model_entries().items() if entry.layout is not None)
    return CheckpointError(f"no published checkpoints are known for {what}: they are for {', '.join(known)}")


def infer_arguments(name: str, state: Mapping[str, Tensor], skeleton: Skeleton) -> dict[str, Any]:
    """Find the arguments of `create_model` from the shapes of published tensors.

    Args:
        name: The model's name in the registry.
        state: Published keys to tensors, without prefix.
        skeleton: The layout of its joints, which shapes do not determine.

    Returns:
        `num_classes`, `in_channels`, `num_bodies` (but for models whose weights are the same for any), and those
        variant arguments that differ from the model's defaults.

    Raises:
        CheckpointError: If a tensor that says so is missing or does not match the skeleton, or no such model can be.
    """
    entry = model_entries()[name]
    layout, defaults = entry.layout, variant_arguments(entry)
    if layout is None:
        raise unknown_layout(name)
    joints = skeleton.num_joints
    shapes = Shapes(name, state, skeleton, _advice(entry, state))
    found = layout.arguments(shapes)
    channels = found.pop("in_channels")
    for key, value in found.items():
        # scales are distances in the skeleton: those beyond its longest path are empty
        most = _MOST_DEPTH if key == "depth" else max(joints, defaults[key])
        if value > most and key not in layout.counted:
            raise CheckpointError(
                f"the checkpoint's shapes say that {key} is {value}, and {name} on the {joints} joints of "
                f"{skeleton.name!r} has at most {most}: it is damaged, use a complete copy"
            )
    arguments = {key: value for key, value in found.items() if value != defaults[key]}
    classes, *_ = shapes.shape(f"{layout.classifier}.weight", layout.classifier_dimensions)
    arguments |= {"num_classes": classes, "in_channels": channels}
    (normed,) = shapes.shape(f"{layout.input_norm}.weight", 1)
    bodies, rest = divmod(normed, channels * joints) if channels else (0, 0)
    if rest or not bodies:
        raise CheckpointError(
            f"the checkpoint's {layout.input_norm} has {normed} channels, no multiple of {joints} joints with "
            f"{channels} coordinates: it is not for skeleton {skeleton.name!r}"
        )
    if layout.tells_bodies:
        arguments["num_bodies"] = bodies
    return arguments


def _advice(wanted: ModelEntry, state: Mapping[str, Tensor]) -> str:
    """Return what to do about a checkpoint of another kind: which model its keys are of, or that they are ours."""
    if "input_norm.weight" in state:
        return "it is a checkpoint of this package already, which converts to .pt or .pth"
    for name, entry in model_entries().items():
        layout = entry.layout
        if layout is None or entry.architecture is wanted.architecture:
            continue
        if layout.telling in state and f"{layout.classifier}.weight" in state:
            return f"its keys are those of {name}"
    return "pass its model, or a complete copy of the file"
