"""Finding the one recording that is to be drawn: in a raw file, a store, or in memory."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from dualhead.data.reading import ARRAY_SUFFIXES, SUFFIXES, read_sequence
from dualhead.data.store.store import Store, open_store
from dualhead.formats.kinetics.labels import LABEL_FILE
from dualhead.formats.openpose import holds_frames, is_openpose_frame
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence

if TYPE_CHECKING:
    from dualhead.inference.reading import Reader


def find_recording(
    source: str | Path | SkeletonSequence,
    sample: str | None = None,
    *,
    skeleton: str | Path | None = None,
    reader: Reader | None = None,
) -> tuple[SkeletonSequence, str]:
    """Find the recording that is to be drawn.

    Args:
        source: A raw file or folder that `read_sequence` reads, a store's folder, or a recording, which is returned as
            it is.
        sample: The sample's name in a store.
        skeleton: The layout of the joints of a file that leaves it open.
        reader: Reads the raw file, as a predictor would; default: `read_sequence`.

    Returns:
        The recording, and the name of its class, "" where that is not known.

    Raises:
        ConfigError: If a store is given without the name of a sample, a single recording with one, or a folder of
            recordings.
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body.
        StoreError: If the store cannot be opened or holds no such sample.
    """
    if not isinstance(source, SkeletonSequence) and _is_store(Path(source)):
        if sample is None:
            _refuse_many(Path(source))
        store = open_store(source)
        if sample is None:
            raise ConfigError(
                f"{str(source)!r} is a store of {len(store)} samples: say which to draw, such as {_example(store)!r}"
            )
        return take_sample(store, sample)
    if sample is not None:
        raise ConfigError(
            f"sample {sample!r} was asked for, but only a store has samples: leave it out or give a store"
        )
    if isinstance(source, SkeletonSequence):
        return source, ""
    if reader is None:
        return read_sequence(source, skeleton=skeleton), ""
    found = list(islice(reader.read(Path(source)), 2))
    if len(found) != 1:
        raise ConfigError(f"{str(source)!r} holds more than one recording: give one of them")
    return found[0], ""


def _is_store(path: Path) -> bool:
    """Whether a folder is to be opened as a store: all are but those of OpenPose's frames."""
    return path.is_dir() and not holds_frames(path)


def _refuse_many(folder: Path) -> None:
    """Say what to do with a folder of recordings that is no store."""
    if any((folder / name).exists() for name in ("meta.json", "joints.npy")):  # what a store has, be it damaged
        return
    found = _recordings(folder)
    if found:
        count = f"{len(found)} recording{'s' if len(found) > 1 else ''}"
        raise ConfigError(
            f"{str(folder)!r} is a folder of {count} and no store, and one recording is drawn at a time: give it by "
            f"name, such as {str(found[0])!r}"
        )


def _recordings(folder: Path) -> list[Path]:
    """Find what can be drawn below a folder: files, and folders of OpenPose's frames; stores are left out."""
    found = set()
    for place, folders, names in os.walk(folder):
        if "meta.json" in names:
            folders.clear()
            continue
        for name in names:
            if is_openpose_frame(name):
                found.add(Path(place))
            elif name.lower().endswith((*SUFFIXES, *ARRAY_SUFFIXES)) and not _is_table(name):
                found.add(Path(place, name))
    return sorted(found)


def _is_table(name: str) -> bool:
    """Whether a file lies beside recordings and says their labels."""
    return name == "table.csv" or name.endswith(LABEL_FILE)


def take_sample(store: Store, name: str) -> tuple[SkeletonSequence, str]:
    """Take a sample of a store by its name.

    Args:
        store: The store.
        name: The sample's name.

    Returns:
        The recording, and the name of its class, "" where the store has none.

    Raises:
        StoreError: If there is no such sample.
    """
    sequence = store[store.index_of(name)]
    label = sequence.label
    return sequence, store.classes[label] if label is not None and label < len(store.classes) else ""


def _example(store: Store) -> str:
    return str(store.names[0]) if len(store) else "(none: it is empty)"
