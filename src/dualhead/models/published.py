"""Published checkpoints in, and out again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dualhead.errors import CheckpointError
from dualhead.models.base import SkeletonModel
from dualhead.models.dualhead import DualHeadNet
from dualhead.models.published_keys import dualhead_keys

PREFIXES = ("module.", "model.")
"""What wrappers put before every key."""


def published_keys(model: SkeletonModel) -> dict[str, str]:
    """Map every key of our state dict to the published one.

    Args:
        model: A model of the package.

    Returns:
        Ours to theirs.

    Raises:
        CheckpointError: If nothing was published for this kind of model.
    """
    if isinstance(model, DualHeadNet):
        return dict(dualhead_keys(model))
    raise CheckpointError(f"no published checkpoints are known for {type(model).__name__}")


def _without_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip a prefix that every key shares."""
    state = dict(state_dict)
    stripped = True
    while stripped and state:
        stripped = False
        for prefix in PREFIXES:
            if all(key.startswith(prefix) for key in state):
                state = {key.removeprefix(prefix): value for key, value in state.items()}
                stripped = True
    return state


def load_published(model: SkeletonModel, state_dict: Mapping[str, Tensor]) -> dict[str, str]:
    """Load a checkpoint as the authors' code wrote it, strictly.

    Step counters of batch norms may be absent (they do not take part in any result); constants of the graph that the
    published code saved with its weights are recognised and left aside.

    Args:
        model: The model to fill, built with the checkpoint's class count, skeleton and bodies.
        state_dict: Published keys to tensors; a prefix such as `module.` before every key is dropped.

    Returns:
        What was mapped: published key to our key.

    Raises:
        CheckpointError: If a key is missing, unexpected or of another shape. Nothing is loaded then.
    """
    state = _without_prefix(state_dict)
    own = model.state_dict()
    names = published_keys(model)
    needed = [theirs for ours, theirs in names.items() if not ours.endswith("num_batches_tracked")]
    missing = [theirs for theirs in needed if theirs not in state]
    unexpected = sorted(set(state) - set(names.values()))
    shapes = [
        f"{theirs} is {tuple(state[theirs].shape)} and should be {tuple(own[ours].shape)}"
        for ours, theirs in names.items()
        if theirs in state and state[theirs].shape != own[ours].shape
    ]
    problems = [
        f"{len(found)} keys {what} (first: {found[0]})"
        for found, what in ((missing, "are missing"), (unexpected, "are not known"), (shapes, "have another shape"))
        if found
    ]
    if problems:
        raise CheckpointError(
            f"this is no published checkpoint of {model.config.name} with {model.config.num_classes} classes on "
            f"{model.config.skeleton.name}: {'; '.join(problems)}"
        )
    with torch.no_grad():
        for ours, theirs in names.items():
            if theirs in state:
                own[ours].copy_(state[theirs])
    return {theirs: ours for ours, theirs in names.items() if theirs in state}
