"""Checkpoints of the published code to ours, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from dualhead.errors import CheckpointError, ConfigError, MismatchError, unknown
from dualhead.files import replacing
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.models.published import (
    KeyReport,
    PublishedKeysError,
    compare_published,
    load_published,
    to_published,
    without_prefix,
)
from dualhead.models.published_files import PUBLISHED_SUFFIXES, read_published
from dualhead.models.published_provenance import published_provenance
from dualhead.models.published_shapes import infer_arguments
from dualhead.models.registry import create_model, list_models
from dualhead.skeleton import Skeleton, get_skeleton

OUR_SUFFIX = ".safetensors"
"""What our checkpoints end in."""


@dataclass(frozen=True)
class Conversion:
    """What a conversion did.

    Attributes:
        out: The file that was written.
        keys: How the published keys meet ours.
        arguments: What `create_model` was called with.
        aside: What stood beside the weights in the source and was not read, such as an optimiser's state.
    """

    out: Path
    keys: KeyReport
    arguments: Mapping[str, Any]
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
) -> Conversion:
    """Turn a checkpoint of the published code into ours, or ours into one that the published code loads.

    The direction follows from the suffix of `out`. Only tensors are unpickled. Class count, bodies, channels, width,
    depth and scales are read off the tensors' shapes.

    Args:
        source: The checkpoint: `.pt`, `.pth` or bare `.safetensors` of published keys; or one of ours.
        out: The file to create or replace: `.safetensors` for ours, `.pt` or `.pth` for the published layout.
        model: Name of the model; needed for a published source.
        skeleton: Name of the skeleton, or a `Skeleton`; needed for a published source.
        num_classes: K, checked against the tensors. Default: as the tensors say.
        num_bodies: M, checked against the tensors where they tell. Default: as the tensors say, or 2.
        experiment: The experiment that the weights were trained in, as a YAML file or the short name of one that comes
            with the package ("ntu60_xsub/msg3d"). Our checkpoint then says its data set, protocol, recipe and classes.
        stream: The stream that the weights were trained on, such as "joint". Default: the checkpoint does not say.

    Returns:
        What was mapped and left aside.

    Raises:
        CheckpointError: If the source cannot be read, or one of its keys is not understood or missing.
        ConfigError: If a name or a suffix is not known, or what a published source needs is not given.
        MismatchError: If an argument contradicts the source.
    """
    suffix = Path(out).suffix
    if suffix == OUR_SUFFIX:
        if model is None or skeleton is None:
            raise ConfigError("a published checkpoint does not say what it is: give model and skeleton")
        if model not in list_models():
            raise unknown("model", model, list_models())
        given = {"num_classes": num_classes, "num_bodies": num_bodies}
        return _from_published(Path(source), Path(out), model, get_skeleton(skeleton), given, experiment, stream)
    if suffix in PUBLISHED_SUFFIXES:
        wanted = {
            "name": model,
            "skeleton": None if skeleton is None else get_skeleton(skeleton),
            "num_classes": num_classes,
            "num_bodies": num_bodies,
        }
        return _to_published(Path(source), Path(out), wanted)
    raise ConfigError(
        f"{out} ends in {suffix!r}: give {OUR_SUFFIX} for a checkpoint of this package, "
        f"{' or '.join(PUBLISHED_SUFFIXES)} for the published layout"
    )


def _from_published(
    source: Path,
    out: Path,
    name: str,
    skeleton: Skeleton,
    given: Mapping[str, int | None],
    experiment: str | Path | None,
    stream: str | None,
) -> Conversion:
    tensors, aside = read_published(source)
    state = without_prefix(tensors)
    found = infer_arguments(name, state, skeleton)
    for key, value in given.items():
        if value is not None and found.setdefault(key, value) != value:
            raise MismatchError(
                f"{key} is {value}, and {source} has {found[key]}: leave {key} out or give {found[key]}"
            )
    built = create_model(name, skeleton=skeleton, **found)
    load_published(built, state)
    provenance = {
        **published_provenance(built.config, experiment, stream),
        "source": source.name,
        "source_sha256": sha256(source.read_bytes()).hexdigest(),
    }
    save_checkpoint(out, built, provenance)
    return Conversion(out, compare_published(built, state), found, aside)


def _to_published(source: Path, out: Path, wanted: Mapping[str, Any]) -> Conversion:
    built, _ = load_checkpoint(source)
    config = built.config
    for key, value in wanted.items():
        if value is not None and getattr(config, key) != value:
            have = getattr(config, key)
            have, value = (item.name if isinstance(item, Skeleton) else item for item in (have, value))
            raise MismatchError(f"{key} is {value!r}, and {source} has {have!r}: leave {key} out or give {have!r}")
    state = to_published(built)
    with replacing(out) as temporary:
        torch.save(state, temporary)
    arguments = {"num_classes": config.num_classes, "num_bodies": config.num_bodies, **config.variant}
    return Conversion(out, compare_published(built, state), arguments)


def convert_and_print(
    source: Path,
    out: Path,
    model: str | None = None,
    skeleton: str | None = None,
    num_classes: int | None = None,
    num_bodies: int | None = None,
    experiment: str | None = None,
    stream: str | None = None,
) -> Conversion:
    """Turn a checkpoint of the published code into ours, or ours back, and report every key.

    The direction follows from the suffix of `out`. Only tensors are unpickled. Class count, bodies, channels, width,
    depth and scales are read off the tensors' shapes.

    Args:
        source: The checkpoint: `.pt`, `.pth` or bare `.safetensors` of published keys; or one of ours.
        out: The file to create or replace: `.safetensors` for ours, `.pt` or `.pth` for the published layout.
        model: Name of the model; needed for a published source.
        skeleton: Name of the skeleton; needed for a published source.
        num_classes: Number of classes, checked against the tensors. Default: as the tensors say.
        num_bodies: Bodies in a clip, checked against the tensors where they tell. Default: as the tensors say, or 2.
        experiment: The experiment that the weights were trained in, as a YAML file or the short name of one that comes
            with the package, such as "ntu60_xsub/msg3d". The checkpoint then says its data set, protocol, recipe and
            class names.
        stream: The stream that the weights were trained on, such as "joint". Default: the checkpoint does not say.

    Returns:
        What was mapped and left aside.
    """
    console = Console()
    try:
        done = convert(
            source,
            out,
            model=model,
            skeleton=skeleton,
            num_classes=num_classes,
            num_bodies=num_bodies,
            experiment=experiment,
            stream=stream,
        )
    except PublishedKeysError as error:
        console.print(keys_table(error.report, str(source)))
        raise CheckpointError(str(error)) from error
    console.print(keys_table(done.keys, str(source), done.aside))
    console.print(f"{done.out}: {done.arguments}", highlight=False, markup=False, soft_wrap=True)
    return done


def keys_table(keys: KeyReport, title: str, aside: tuple[str, ...] = ()) -> Table:
    """Lay out how the keys of a checkpoint were understood.

    Args:
        keys: The report.
        title: What the table is called.
        aside: What stood beside the weights.

    Returns:
        One row for each kind, with the count and, but for mapped keys, all of them.
    """
    table = Table(title=title)
    table.add_column("keys")
    table.add_column("count", justify="right")
    table.add_column("which", overflow="fold")
    first = next(iter(keys.mapped.items()), None)
    table.add_row("mapped", str(len(keys.mapped)), "" if first is None else f"{first[0]} -> {first[1]}, ...")
    rows = {
        "missing": keys.missing,
        "unexpected": keys.unexpected,
        "of another shape": keys.reshaped,
        "constants of the graph, left aside": keys.constants,
        "beside the weights, left aside": aside,
    }
    for kind, names in rows.items():
        table.add_row(kind, str(len(names)), "\n".join(names))
    return table
