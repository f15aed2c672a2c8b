"""Checkpoints that predict together: loading them, and refusing those that do not match."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from dualhead.data.recipes.recipes import Recipe, get_recipe
from dualhead.data.recipes.streams import check_stream
from dualhead.evaluation.fusion import Method
from dualhead.evaluation.joining import IDENTITY_FIELDS, check_provenance, stream_names
from dualhead.evaluation.scores import Scores
from dualhead.evaluation.weights import NAMED_WEIGHTS, WeightsName, given_weights
from dualhead.inference.deploy import deploy
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import CheckpointError, ConfigError, MismatchError, unknown
from dualhead.runtime.plugins import explained

Weights = Sequence[float] | Mapping[str, float] | WeightsName | str | Path
"""Weights of streams: as for `fuse`, or the score file that `fuse` wrote."""

_SHARED = ("dataset", "protocol", "classes", "data_fingerprint")


@dataclass(frozen=True, eq=False)
class Member:
    """One stream's model and what makes its clips.

    Attributes:
        name: Its stream, unique among the members.
        model: The model, in its inference form on the predictor's device.
        recipe: Makes its clips.
        stream: The stream of its clips.
        provenance: Its checkpoint's.
    """

    name: str
    model: SkeletonModel
    recipe: Recipe
    stream: str
    provenance: Mapping[str, Any]


def load_members(paths: Sequence[Path], device: torch.device) -> list[Member]:
    """Load checkpoints that predict together.

    Args:
        paths: The files, at least one.
        device: The device to run on.

    Returns:
        The members, in the order of the files.

    Raises:
        CheckpointError: If a checkpoint cannot be read or does not record its recipe and stream.
        ConfigError: If there are no files.
        MismatchError: If they do not match, or one is given twice; names the field.
    """
    if not paths:
        raise ConfigError("0 checkpoints cannot predict: expected at least one")
    loaded = [_load(item, device) for item in paths]
    names = stream_names([provenance for _, _, provenance in loaded])
    for number in range(1, len(paths)):
        _check_pair(loaded, paths, number)
    return [
        Member(name, model, recipe, str(provenance["stream"]), provenance)
        for name, (model, recipe, provenance) in zip(names, loaded, strict=True)
    ]


def _load(path: Path, device: torch.device) -> tuple[SkeletonModel, Recipe, dict[str, Any]]:
    model, provenance = load_checkpoint(path)
    for field, kinds in (("recipe", str | dict), ("stream", str)):
        if not isinstance(provenance.get(field), kinds):
            raise CheckpointError(
                f"{path} does not record its {field}: expected a checkpoint that `dualhead train` wrote, or convert it "
                f"again with --{field}"
            )
    with explained(provenance, path):
        check_stream(provenance["stream"])
        recipe = get_recipe(provenance["recipe"])
    return deploy(model.to(device), inplace=True), recipe, provenance


def _check_pair(loaded: Sequence[tuple[SkeletonModel, Recipe, dict[str, Any]]], paths: Sequence[Path], at: int) -> None:
    """Raise if checkpoint `at` is incompatible with the first, or is a duplicate of an earlier one."""
    if paths[at].resolve() in [path.resolve() for path in paths[:at]]:
        raise MismatchError(f"checkpoint {paths[at]} is given twice: pass each once")
    (first, _, provenance), (other, _, other_provenance) = loaded[0], loaded[at]
    check_provenance(provenance, other_provenance, str(paths[0]), str(paths[at]), _SHARED)
    for field in ("skeleton", "num_classes"):
        left, right = getattr(first.config, field), getattr(other.config, field)
        if left != right:
            one, two = (getattr(value, "name", value) for value in (left, right))
            raise MismatchError(
                f"{field} differs: {one!r} in {paths[0]} but {two!r} in {paths[at]}; pass compatible checkpoints"
            )


def choose_weights(
    weights: Weights | None, method: Method | None, members: Sequence[Member]
) -> tuple[NDArray[np.float64], Method]:
    """Find the weights of checkpoints that predict together, and what is summed.

    Args:
        weights: Numbers in the order of the members, numbers by stream, "equal" (the default), "published", "pyskl", or
            the score file that `fuse` wrote for them, whose weights and method are used.
        method: "logits" (the default) or "softmax"; goes before that of the score file.
        members: The checkpoints.

    Returns:
        The weights `(n,)`, which sum to 1, and the method.

    Raises:
        ConfigError: If weights or method cannot be used.
        FormatError: If the score file cannot be read.
        MismatchError: If the weights were found for other checkpoints; names the field.
    """
    if method is not None and method not in get_args(Method):
        raise unknown("method", method, get_args(Method))
    if isinstance(weights, Path) or (isinstance(weights, str) and weights not in NAMED_WEIGHTS):
        share, found = fused_weights(Path(weights), members)
        return share, method or found
    names = [member.name for member in members]
    by_name = isinstance(weights, Mapping) and set(weights) & set(names)
    keys = names if by_name else [member.stream for member in members]
    return given_weights("equal" if weights is None else cast(Any, weights), keys), method or "logits"


def fused_weights(path: Path, members: Sequence[Member]) -> tuple[NDArray[np.float64], Method]:
    """Read the weights and the method of a fusion, and check that it was of these checkpoints.

    Args:
        path: The score file that `fuse` wrote.
        members: The checkpoints.

    Returns:
        The weights `(n,)` in the order of the members, and the method.

    Raises:
        ConfigError: If the file is not a fusion, or one of other streams.
        FormatError: If it cannot be read.
        MismatchError: If it was found for other checkpoints; names the field.
    """
    fused = Scores.load(path).provenance
    weights, sources, method = (fused.get(field) for field in ("weights", "fused_from", "method"))
    if not isinstance(weights, dict) or not isinstance(sources, dict) or method not in get_args(Method):
        raise ConfigError(
            f"{path} is not a fusion and has no weights: expected a file that `dualhead fuse --out` wrote"
        )
    names = [member.name for member in members]
    absent, more = ([name for name in one if name not in other] for one, other in ((weights, names), (names, weights)))
    if absent or more:
        wrong = f"that of {absent[0]} is missing" if absent else f"{more[0]} is not one of them"
        raise ConfigError(f"{path} is the fusion of {', '.join(weights)}: expected a checkpoint of each, {wrong}")
    share = given_weights(weights, names)
    for member in members:
        said = {**fused, **sources.get(member.name, {})}
        ours = {**member.provenance, "stream": member.stream}
        fields = [field for field in IDENTITY_FIELDS if field in said and field in ours and field != "stream"]
        check_provenance(ours, said, f"the checkpoint of {member.name}", str(path), fields)
    return share, cast(Method, method)
