"""Published checkpoints in, and out again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dualhead.conversion.shapes import unknown_layout
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import not_finite
from dualhead.models.published_layout import PublishedLayout
from dualhead.models.registry import model_entries
from dualhead.runtime.errors import CheckpointError

_SAME_GRAPH = 1e-6
"""Largest difference between two float32 matrices of one graph; their entries are at most 1."""


def _layout(model: SkeletonModel) -> PublishedLayout:
    for entry in model_entries().values():
        if entry.architecture is type(model) and entry.layout is not None:
            return entry.layout
    raise unknown_layout(type(model).__name__)


def published_keys(model: SkeletonModel) -> dict[str, str]:
    """Map every key of our state dict to the published one.

    Args:
        model: A model of the package.

    Returns:
        Ours to theirs.

    Raises:
        CheckpointError: If nothing was published for this kind of model.
    """
    return dict(_layout(model).keys(model))


def published_constants(model: SkeletonModel) -> dict[str, Tensor]:
    """Return the matrices of the graph that the published code saves with its weights, by published key.

    Args:
        model: A model of the package.

    Returns:
        `A`, `(3, V, V)`, for ST-GCN; nothing for the others.
    """
    return dict(_layout(model).constants(model))


@dataclass(frozen=True)
class KeyReport:
    """The keys of a published checkpoint compared with those that a model needs.

    Attributes:
        mapped: Published key to our key.
        missing: Published keys that the model needs and the checkpoint lacks.
        unexpected: Keys of the checkpoint without a counterpart in the model.
        shape_mismatches: Messages on the keys whose tensor differs from the model's in shape or kind of number.
        constants: Keys of matrices of the graph, which are left aside: the model makes its own from the skeleton.
        other_graph: Sentences on the constants that are not the model's own: of another skeleton or partition.
        not_finite: Published keys whose tensor holds NaN or infinity.
        converted: Sentences on the precisions that are not the model's: such tensors are widened or rounded.
    """

    mapped: Mapping[str, str]
    missing: tuple[str, ...] = ()
    unexpected: tuple[str, ...] = ()
    shape_mismatches: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()
    other_graph: tuple[str, ...] = ()
    not_finite: tuple[str, ...] = ()
    converted: tuple[str, ...] = ()

    @property
    def problems(self) -> list[str]:
        """Reasons why the checkpoint cannot be loaded: a phrase for each kind, with the first example."""
        found = (
            (self.missing, "are missing"),
            (self.unexpected, "are not known"),
            (self.shape_mismatches, "have another shape"),
            (self.other_graph, "are of another graph"),
            (self.not_finite, "hold NaN or infinity"),
        )
        return [f"{len(keys)} keys {what} (first: {keys[0]})" for keys, what in found if keys]

    @property
    def understood(self) -> bool:
        """True if every key was mapped or is a constant, none is missing, and all hold numbers."""
        return not self.problems


class PublishedKeysError(CheckpointError):
    """A checkpoint whose keys are not the published ones of a model.

    Attributes:
        report: The keys that are missing, unexpected or of another shape.
    """

    def __init__(self, message: str, report: KeyReport):
        super().__init__(message)
        self.report = report


def without_prefix(state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Strip what wrappers put before every key, such as `module.`: all that stands before the input norm's.

    Args:
        state_dict: Published keys to tensors.

    Returns:
        The same without the prefix; unchanged where there is no input norm, or a key does not share its prefix.
    """
    layouts = [entry.layout for entry in model_entries().values() if entry.layout is not None]
    names = {f"{layout.input_norm}.weight" for layout in layouts}
    for first in sorted(names, key=len, reverse=True):
        prefixes = [key.removesuffix(first) for key in state_dict if f".{key}".endswith(f".{first}")]
        if len(prefixes) == 1 and all(key.startswith(prefixes[0]) for key in state_dict):
            return {key.removeprefix(prefixes[0]): value for key, value in state_dict.items()}
    return dict(state_dict)


def compare_published(model: SkeletonModel, state_dict: Mapping[str, Tensor]) -> KeyReport:
    """Compare a checkpoint as the authors' code wrote it with what a model needs; nothing is loaded.

    Step counters of batch norms may be absent: they take part in no result. Constants of the graph are compared to
    float32 precision, in which the published code saved them.

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
    both = {key: (state_dict[key], value) for key, value in wanted.items() if key in state_dict}
    fitting = {key: pair for key, pair in both.items() if pair[0].shape == pair[1].shape}
    return KeyReport(
        mapped={theirs: ours for ours, theirs in names.items() if theirs in state_dict},
        missing=tuple(
            theirs
            for ours, theirs in names.items()
            if theirs not in state_dict and not ours.endswith("num_batches_tracked")
        ),
        unexpected=tuple(key for key in state_dict if key not in wanted),
        shape_mismatches=tuple(
            f"{key} is {_described(theirs)} and should be {_described(value)}"
            for key, (theirs, value) in both.items()
            if theirs.shape != value.shape or theirs.is_floating_point() < value.is_floating_point()
        ),
        constants=tuple(key for key in constants if key in state_dict),
        other_graph=tuple(
            f"{key} differs by up to {_distance(*fitting[key]):.3g} from that of {model.config.skeleton.name}"
            for key in constants
            if key in fitting and not _distance(*fitting[key]) <= _SAME_GRAPH
        ),
        not_finite=not_finite({key: theirs for key, (theirs, _) in both.items() if key not in constants}),
        converted=_conversions(fitting[key] for key in names.values() if key in fitting),
    )


def _described(tensor: Tensor) -> str:
    shape = tuple(tensor.shape)
    return f"{shape}" if tensor.is_floating_point() else f"{shape} of {_dtype(tensor.dtype)}"


def _dtype(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


def _distance(theirs: Tensor, ours: Tensor) -> float:
    """Compute the largest difference between two tensors of one shape; NaN where one of them is NaN."""
    return float((theirs.double() - ours.double()).abs().max())


def _conversions(pairs: Iterable[tuple[Tensor, Tensor]]) -> tuple[str, ...]:
    """Describe which precisions of a checkpoint are converted to another one in the model."""
    counts = Counter((theirs.dtype, ours.dtype) for theirs, ours in pairs if theirs.is_floating_point())
    return tuple(
        f"{count} of {_dtype(theirs)}, {'widened' if theirs.itemsize < ours.itemsize else 'rounded'} to {_dtype(ours)}"
        for (theirs, ours), count in counts.items()
        if theirs != ours and ours.is_floating_point
    )


def load_published(model: SkeletonModel, state_dict: Mapping[str, Tensor]) -> dict[str, str]:
    """Load a checkpoint as the authors' code wrote it, strictly.

    Step counters of batch norms may be absent (they do not take part in any result); constants of the graph that the
    published code saved with its weights are recognised and left aside.

    Args:
        model: The model to fill, built with the checkpoint's class count, skeleton and bodies.
        state_dict: Published keys to tensors; a prefix such as `module.` before every key is dropped.

    Returns:
        The mapping of published keys to keys of the model.

    Raises:
        CheckpointError: If a key is missing, unexpected, of another shape or graph, or holds NaN or infinity, or the
            tensors are a level further down. Nothing is loaded then.
    """
    _check_tensors(state_dict)
    state = without_prefix(state_dict)
    report = compare_published(model, state)
    if not report.understood:
        raise PublishedKeysError(
            f"this is not a published checkpoint of {model.config.name} with {model.config.num_classes} classes on "
            f"{model.config.skeleton.name}: {'; '.join(report.problems)}",
            report,
        )
    own = model.state_dict()
    with torch.no_grad():
        for theirs, ours in report.mapped.items():
            own[ours].copy_(state[theirs])
    return dict(report.mapped)


def _check_tensors(state_dict: Mapping[str, Any]) -> None:
    """Raise if the content is not a state dict, and report the path to a state dict inside it.

    Raises:
        CheckpointError: If a value is not a tensor.
    """
    inner = [key for key, value in state_dict.items() if isinstance(value, Mapping)]
    if inner:
        raise CheckpointError(f"{inner[0]!r} holds the state dict: pass checkpoint[{inner[0]!r}]")
    for key, value in state_dict.items():
        if not isinstance(value, Tensor):
            raise CheckpointError(f"{key!r} is a {type(value).__name__}, expected a tensor")


def to_published(model: SkeletonModel) -> dict[str, Tensor]:
    """Return a model's weights under the published keys, with the constants that the published code expects.

    Args:
        model: A model of the package.

    Returns:
        Published keys to tensors on the CPU that share no memory with the model.
    """
    own = model.state_dict()
    tensors = {theirs: own[ours] for ours, theirs in published_keys(model).items()} | published_constants(model)
    return {key: value.detach().cpu().clone().contiguous() for key, value in tensors.items()}
