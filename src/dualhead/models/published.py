"""Published checkpoints in, and out again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dualhead.errors import CheckpointError
from dualhead.models.agcn import AGCN
from dualhead.models.base import SkeletonModel
from dualhead.models.ctrgcn import CTRGCN
from dualhead.models.dualhead import DualHeadNet
from dualhead.models.msg3d import MSG3D
from dualhead.models.published_keys import Pairs, agcn_keys, ctrgcn_keys, dualhead_keys, msg3d_keys, stgcn_keys
from dualhead.models.stgcn import STGCN

PREFIXES = ("module.", "model.")
"""What wrappers put before every key."""

_WALKS: dict[type[SkeletonModel], Callable[[Any], Pairs]] = {
    DualHeadNet: dualhead_keys,
    MSG3D: msg3d_keys,
    AGCN: agcn_keys,
    STGCN: stgcn_keys,
    CTRGCN: ctrgcn_keys,
}


def published_keys(model: SkeletonModel) -> dict[str, str]:
    """Map every key of our state dict to the published one.

    Args:
        model: A model of the package.

    Returns:
        Ours to theirs.

    Raises:
        CheckpointError: If nothing was published for this kind of model.
    """
    if type(model) not in _WALKS:
        raise CheckpointError(
            f"no published checkpoints are known for {type(model).__name__}: they are for "
            f"{', '.join(kind.__name__ for kind in _WALKS)}"
        )
    return dict(_WALKS[type(model)](model))


def published_constants(model: SkeletonModel) -> dict[str, Tensor]:
    """Give the matrices of the graph that the published code saves with its weights, by published key.

    Args:
        model: A model of the package.

    Returns:
        `A`, `(3, V, V)`, for ST-GCN; nothing for the others.
    """
    if isinstance(model, STGCN):
        return {"A": model.get_buffer("units.0.spatial.adjacency")}
    return {}


@dataclass(frozen=True)
class KeyReport:
    """How the keys of a published checkpoint meet those that a model needs.

    Attributes:
        mapped: Published key to our key.
        missing: Published keys that the model needs and the checkpoint lacks.
        unexpected: Keys of the checkpoint that stand for nothing in the model.
        reshaped: Sentences on the keys whose tensor has another shape than the model's.
        constants: Keys of matrices of the graph, which are left aside: the model makes its own from the skeleton.
    """

    mapped: Mapping[str, str]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    reshaped: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()

    @property
    def understood(self) -> bool:
        """Whether every key was mapped or is a constant, and none is missing."""
        return not (self.missing or self.unexpected or self.reshaped)


class PublishedKeysError(CheckpointError):
    """A checkpoint whose keys are not the published ones of a model.

    Attributes:
        report: What is missing, unexpected or of another shape.
    """

    def __init__(self, message: str, report: KeyReport):
        super().__init__(message)
        self.report = report


def without_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip the prefixes that every key shares, such as `module.`."""
    state = dict(state_dict)
    stripped = True
    while stripped and state:
        stripped = False
        for prefix in PREFIXES:
            if all(key.startswith(prefix) for key in state):
                state = {key.removeprefix(prefix): value for key, value in state.items()}
                stripped = True
    return state


def compare_published(model: SkeletonModel, state_dict: Mapping[str, Tensor]) -> KeyReport:
    """Compare a checkpoint as the authors' code wrote it with what a model needs; nothing is loaded.

    Step counters of batch norms may be absent: they take part in no result.

    Args:
        model: A model of the package.
        state_dict: Published keys to tensors, without prefix.

    Returns:
        The report.
    """
    own = model.state_dict()
    names = published_keys(model)
    constants = published_constants(model)
    wanted = {**{theirs: own[ours] for ours, theirs in names.items()}, **constants}
    return KeyReport(
        mapped={theirs: ours for ours, theirs in names.items() if theirs in state_dict},
        missing=tuple(
            theirs
            for ours, theirs in names.items()
            if theirs not in state_dict and not ours.endswith("num_batches_tracked")
        ),
        unexpected=tuple(key for key in state_dict if key not in wanted),
        reshaped=tuple(
            f"{key} is {tuple(state_dict[key].shape)} and should be {tuple(value.shape)}"
            for key, value in wanted.items()
            if key in state_dict and state_dict[key].shape != value.shape
        ),
        constants=tuple(key for key in constants if key in state_dict),
    )


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
    state = without_prefix(state_dict)
    report = compare_published(model, state)
    if not report.understood:
        found = (
            (report.missing, "are missing"),
            (report.unexpected, "are not known"),
            (report.reshaped, "have another shape"),
        )
        problems = [f"{len(keys)} keys {what} (first: {keys[0]})" for keys, what in found if keys]
        raise PublishedKeysError(
            f"this is no published checkpoint of {model.config.name} with {model.config.num_classes} classes on "
            f"{model.config.skeleton.name}: {'; '.join(problems)}",
            report,
        )
    own = model.state_dict()
    with torch.no_grad():
        for theirs, ours in report.mapped.items():
            own[ours].copy_(state[theirs])
    return dict(report.mapped)


def to_published(model: SkeletonModel) -> dict[str, Tensor]:
    """Give a model's weights under the published keys, with the constants that the published code expects.

    Args:
        model: A model of the package.

    Returns:
        Published keys to tensors on the CPU that share no memory with the model.
    """
    own = model.state_dict()
    tensors = {theirs: own[ours] for ours, theirs in published_keys(model).items()} | published_constants(model)
    return {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
