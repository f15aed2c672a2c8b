"""A checkpoint as a file for another runtime: `dualhead export`."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Literal, get_args

from rich.console import Console

from dualhead.data.store.store import closed_inputs
from dualhead.exporting.checking import compare, random_clips, recorded_clips
from dualhead.exporting.onnx_file import check_installed, load_onnx, write_onnx
from dualhead.exporting.torch_file import load_torch, write_torch
from dualhead.exporting.tracing import Traced, trace
from dualhead.inference.predictor import Predictor
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import ConfigError, unknown
from dualhead.runtime.files import check_apart, check_writable, naming, replacing
from dualhead.runtime.terminal import cell, print_line
from dualhead.version import __version__

Format = Literal["onnx", "torch"]
"""File formats of exported models: ONNX, or a program of torch.export."""

SUFFIXES = {"onnx": ".onnx", "torch": ".pt2"}

SCHEMA = 1
"""Version of the metadata."""


def export(
    checkpoint: str | Path,
    *,
    format: Format = "onnx",  # noqa: A002  (the option's name)
    out: str | Path | None = None,
    recordings: str | Path | None = None,
) -> Path:
    """Write a model for another runtime; the file is kept only if it computes what the model computes.

    The file maps clips (N, C, T, V, M) to logits (N, H, K), float32. N is open, and so is T where the model allows it.
    It is compared with the model to 1e-4 of the largest logit (of 1 where that is smaller), on random clips of
    every person, of one body and of no person at two lengths, and on clips of real recordings where some are given.
    Class names, recipe, stream and skeleton are in its metadata.

    Args:
        checkpoint: The model (.safetensors).
        format: "onnx" (for ONNX Runtime and others) or "torch" (torch.export, to be run by PyTorch without dualhead).
        out: The file to create or replace; default: beside the checkpoint, with .onnx or .pt2.
        recordings: Recordings to compare on as well: a raw file, a folder or a store, of which the first 8 are taken.

    Returns:
        The file that was written.

    Raises:
        ConfigError: If the format is unknown, a package that it needs is not installed, or `out` is a file that is read
            or is inside the store.
        CheckpointError: If the checkpoint cannot be read or does not record its recipe and stream.
        ExportError: If the model cannot be traced or computes something else there; nothing is written.
        FormatError: If a recording cannot be read.
        MismatchError: If a recording has another skeleton.
        OSError: If the disk is full or refuses; nothing is written.
    """
    if format not in get_args(Format):
        raise unknown("format", format, get_args(Format))
    target = Path(checkpoint).with_suffix(SUFFIXES[format]) if out is None else Path(out)
    if target.suffix != SUFFIXES[format]:
        raise ConfigError(
            f"{str(target)!r} has not the ending of format {format!r}: expected a name with {SUFFIXES[format]}"
        )
    check_apart(target, [checkpoint, *([] if recordings is None else closed_inputs(recordings))])
    check_writable(target)
    if format == "onnx":
        check_installed()
    predictor = Predictor.from_checkpoint(checkpoint, device="cpu")
    # The model as it was trained, not the predictor's inference form, which holds its weights twice.
    model = load_checkpoint(checkpoint)[0].eval()
    model.drop_training_parts()
    console = Console(stderr=True)

    def step(what: str) -> AbstractContextManager[object]:
        return console.status(what) if console.is_terminal else nullcontext()

    with step("tracing"):
        traced = trace(model, predictor.members[0].recipe.frames)
    with replacing(target) as temporary:
        with step(f"writing {cell(target.name)}"), naming(target):
            (write_onnx if format == "onnx" else write_torch)(traced, temporary, describe(predictor, traced))
        with step("comparing with the model"):
            runtime = (load_onnx if format == "onnx" else load_torch)(temporary)
            lengths = {traced.frames, traced.frames if traced.least_frames is None else traced.least_frames}
            differences = [
                compare(model, runtime, random_clips(model, length), f"random clips of {length} frames")
                for length in sorted(lengths)
            ]
            if recordings is not None:
                differences += [
                    compare(model, runtime, clips, f"a recording of {recordings}")
                    for clips in recorded_clips(predictor, Path(recordings))
                ]
    frames = f"{traced.frames} frames" if traced.least_frames is None else f"{traced.least_frames} frames or more"
    line = f"{target}: any batch, {frames}; differs from the model by {max(differences):.1e} at most"
    print_line(console, line)
    return target


def describe(predictor: Predictor, traced: Traced) -> dict[str, str]:
    """Return the metadata of a file: text by name, everything that is not plain text as JSON.

    Args:
        predictor: Of one checkpoint.
        traced: Its graph.

    Returns:
        `format`, `schema`, `version`, `classes` (a list), `heads` (a list), `recipe`, `stream`, `skeleton` (in full),
        `frames` (the recipe's), `least_frames` (null where no other number is taken), `model` and `provenance`.
    """
    member = predictor.members[0]
    config = member.model.config.to_dict()
    return {
        "format": "dualhead",
        "schema": str(SCHEMA),
        "version": __version__,
        "classes": json.dumps(predictor.classes),
        "heads": json.dumps(member.model.heads),
        "recipe": spec if isinstance(spec := member.recipe.spec, str) else json.dumps(spec, sort_keys=True),
        "stream": member.stream,
        "skeleton": json.dumps(config["skeleton"], sort_keys=True),
        "frames": json.dumps(traced.frames),
        "least_frames": json.dumps(traced.least_frames),
        "model": json.dumps(config, sort_keys=True),
        "provenance": json.dumps(dict(member.provenance), sort_keys=True),
    }
