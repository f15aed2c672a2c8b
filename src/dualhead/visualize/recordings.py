"""Finding the one recording that is to be drawn: in a raw file, a store, or in memory."""

from __future__ import annotations

from pathlib import Path

from dualhead.data.reading import read_sequence
from dualhead.data.store import Store, open_store
from dualhead.errors import ConfigError
from dualhead.sequence import SkeletonSequence


def find_recording(source: str | Path | SkeletonSequence, sample: str | None = None) -> tuple[SkeletonSequence, str]:
    """Find the recording that is to be drawn.

    Args:
        source: A raw file that `read_sequence` reads, a store's folder, or a recording, which is returned as it is.
        sample: The sample's name in a store.

    Returns:
        The recording, and the name of its class, "" where that is not known.

    Raises:
        ConfigError: If a store is given without the name of a sample, or a single recording with one.
        FormatError: If the file is missing, of an unknown kind, damaged, or holds no body.
        StoreError: If the store cannot be opened or holds no such sample.
    """
    if not isinstance(source, SkeletonSequence) and Path(source).is_dir():
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
    return (source if isinstance(source, SkeletonSequence) else read_sequence(source)), ""


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
