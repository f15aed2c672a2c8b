"""Checkpoints of the published code to ours, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from dualhead.conversion.files import PUBLISHED_SUFFIXES, read_classes, read_published
from dualhead.conversion.provenance import Origin
from dualhead.conversion.published import KeyReport, compare_published, load_published, to_published, without_prefix
from dualhead.conversion.shapes import infer_arguments
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint, torch_bytes
from dualhead.models.registry import create_model, list_models
from dualhead.runtime.errors import CheckpointError, ConfigError, MismatchError, unknown
from dualhead.runtime.files import check_apart, replacing
from dualhead.skeleton import Skeleton, get_skeleton

OUR_SUFFIX = ".safetensors"
"""The suffix of checkpoints of this package."""

_OWN_RECIPES: dict[tuple[str | None, str | None], str] = {
    ("stgcn", "ntu25"): "stgcn_ntu",
    ("stgcn", "openpose18"): "stgcn_kinetics",
}
"""Recipes of published weights by model and skeleton, where no other weights of that model are published."""


@dataclass(frozen=True)
class Conversion:
    """The result of a conversion.

    Attributes:
        out: The file that was written.
        keys: The comparison of the published keys with ours.
        arguments: The arguments of `create_model`.
        provenance: The provenance of the checkpoint.
        aside: Entries beside the weights in the source that were not read, such as an optimiser's state.
    """

    out: Path
    keys: KeyReport
    arguments: Mapping[str, Any]
    provenance: Mapping[str, Any]
    aside: tuple[str, ...] = field(default=())


def convert(
    source: str | Path,
    out: str | Path,
    *,
    model: str | None = None,
    skeleton: str | Skeleton | None = None,
    num_classes: int | None = None,
    num_bodies: int | None = None,
    experiment: str | Path | None = None,
    stream: str | None = None,
    recipe: str | None = None,
    classes: str | Path | None = None,
) -> Conversion:
    """Convert a checkpoint of the published code into ours, or ours into one that the published code loads.

    The direction follows from the suffix of `out`. Only tensors are unpickled. Class count, bodies, channels, width,
    depth and scales are read off the tensors' shapes. What else `predict` and `evaluate` need, the weights do not say:
    an experiment and a stream give all of it.

    Args:
        source: The checkpoint: `.pt`, `.pth` or bare `.safetensors` of published keys; or one of ours.
        out: The file to create or replace: `.safetensors` for ours, `.pt` or `.pth` for the published layout.
        model: Name of the model; a published source needs it, or an experiment that names it.
        skeleton: Name of the skeleton, or a `Skeleton`; a published source needs it, or an experiment on a data set
            that has one.
        num_classes: K, checked against the tensors. Default: as the tensors say.
        num_bodies: M, checked against the tensors where their shapes determine it. Default: that of the tensors, or 2.
        experiment: The experiment that the weights were trained in, as a YAML file or the short name of one that comes
            with the package ("ntu60_xsub/msg3d"). Our checkpoint then says its data set, protocol, recipe and classes.
        stream: The stream that the weights were trained on, such as "joint". Default: the checkpoint does not say.
        recipe: The recipe of the clips that they were trained on, such as "dualhead". Default: the experiment's;
            without one, that of the published ST-GCN weights, whose clips differ from those of all later models.
        classes: A text file with the name of a class on each line, in the order of the labels. Default: the names of
            the experiment's data set.

    Returns:
        What was mapped and left aside.

    Raises:
        CheckpointError: If the source cannot be read, or one of its keys is not understood or missing (a
            `PublishedKeysError`, whose `report` lists them).
        ConfigError: If a name or a suffix is not known, what a published source needs is not given, or `out` is the
            source.
        MismatchError: If an argument contradicts the source or another argument.
    """
    check_apart(out, [source])
    suffix = Path(out).suffix
    if suffix == OUR_SUFFIX:
        if experiment is None and recipe is None:
            recipe = _OWN_RECIPES.get((model, skeleton.name if isinstance(skeleton, Skeleton) else skeleton))
        names = None if classes is None else read_classes(Path(classes))
        origin = Origin.of(experiment, stream=stream, recipe=recipe, classes=names)
        model, skeleton = model or origin.model, skeleton or origin.skeleton
        if model is None or skeleton is None:
            raise ConfigError(
                "a published checkpoint does not record what it is: pass model and skeleton, or the experiment that it "
                "was trained in"
            )
        if model not in list_models():
            raise unknown("model", model, list_models())
        given = {"num_classes": num_classes, "num_bodies": num_bodies}
        return _from_published(Path(source), Path(out), model, get_skeleton(skeleton), given, origin)
    if suffix in PUBLISHED_SUFFIXES:
        wanted = {
            "name": model,
            "skeleton": None if skeleton is None else get_skeleton(skeleton),
            "num_classes": num_classes,
            "num_bodies": num_bodies,
        }
        said = {"experiment": experiment, "stream": stream, "recipe": recipe, "classes": classes}
        for name, value in said.items():
            if value is not None:
                raise ConfigError(f"{name} is for checkpoints of this package, {out} cannot store it: omit it")
        return _to_published(Path(source), Path(out), wanted)
    raise ConfigError(
        f"{out} ends in {suffix!r}: pass {OUR_SUFFIX} for a checkpoint of this package, "
        f"{' or '.join(PUBLISHED_SUFFIXES)} for the published layout"
    )


def _from_published(
    source: Path,
    out: Path,
    name: str,
    skeleton: Skeleton,
    given: Mapping[str, int | None],
    origin: Origin,
) -> Conversion:
    tensors, aside = read_published(source)
    state = without_prefix(tensors)
    found = infer_arguments(name, state, skeleton)
    for key, value in given.items():
        if value is not None and found.setdefault(key, value) != value:
            raise MismatchError(f"{key} is {value}, and {source} has {found[key]}: omit {key} or pass {found[key]}")
    _check_size(source, name, skeleton, found)
    built = create_model(name, skeleton=skeleton, **found)
    keys = compare_published(built, state)
    load_published(built, state)
    provenance = {
        **origin.provenance(built.config),
        "source": source.name,
        "source_sha256": sha256(source.read_bytes()).hexdigest(),
    }
    save_checkpoint(out, built, provenance)
    return Conversion(out, keys, found, provenance, aside)


def _check_size(source: Path, name: str, skeleton: Skeleton, arguments: Mapping[str, Any]) -> None:
    """Raise if a file is smaller than the model that its shapes describe, before memory is allocated for it.

    Raises:
        CheckpointError: If it has less than one byte for each number.
    """
    with torch.device("meta"):
        outline = create_model(name, skeleton=skeleton, **arguments)
    numbers, size = sum(tensor.numel() for tensor in outline.state_dict().values()), source.stat().st_size
    if numbers > size:
        raise CheckpointError(
            f"{source} has {size} bytes, and the {name} of its shapes has {numbers} numbers: it is damaged, take "
            "a complete copy"
        )


def _to_published(source: Path, out: Path, wanted: Mapping[str, Any]) -> Conversion:
    built, provenance = load_checkpoint(source)
    config = built.config
    for key, value in wanted.items():
        if value is not None and getattr(config, key) != value:
            have = getattr(config, key)
            have, value = (item.name if isinstance(item, Skeleton) else item for item in (have, value))
            raise MismatchError(f"{key} is {value!r}, and {source} has {have!r}: omit {key} or pass {have!r}")
    state = to_published(built)
    with replacing(out) as temporary:
        temporary.write_bytes(torch_bytes(state))
    arguments = {"num_classes": config.num_classes, "num_bodies": config.num_bodies, **config.variant}
    return Conversion(out, compare_published(built, state), arguments, provenance)
