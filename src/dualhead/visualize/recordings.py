"""Finding the one recording that is to be drawn: in a raw file, a store, or in memory."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from dualhead.data.reader import Note, Reader
from dualhead.data.store.store import Store, open_store
from dualhead.formats.file_format import ReadingOptions
from dualhead.formats.files.member import list_members
from dualhead.reading.listing import find_recordings
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence

_STORE_FILES = ("meta.json", "joints.npy")
_FEW = 2


def find_recording(
    source: str | Path | SkeletonSequence,
    sample: str | None = None,
    *,
    reader: Reader | None = None,
    on_note: Note | None = None,
) -> tuple[SkeletonSequence, str]:
    """Find the recording that is to be drawn.

    Args:
        source: A raw file or folder that `read_sequence` reads, a store's folder, or a recording, which is returned as
            it is.
        sample: The sample's name in a store.
        reader: Reads the raw file, as a predictor would; default: as the file is.
        on_note: Called with what was decided by evidence while it was read.

    Returns:
        The recording, and the name of its class, "" where that is not known.

    Raises:
        ConfigError: If a store is given without the name of a sample, a single recording with one, or a folder of
            recordings.
        FormatError: If the file is missing, of an unknown kind, damaged, or contains no body.
        StoreError: If the store cannot be opened or contains no such sample.
    """
    if not isinstance(source, SkeletonSequence) and _is_store(Path(source), sample):
        store = open_store(source)
        if sample is None:
            raise ConfigError(
                f"{str(source)!r} is a store of {len(store)} samples: say which to draw, such as {_example(store)!r}"
            )
        return take_sample(store, sample)
    if sample is not None:
        raise ConfigError(f"sample {sample!r} was requested, but only a store has samples: omit it or pass a store")
    if isinstance(source, SkeletonSequence):
        return source, ""
    path = Path(source)
    if path.is_dir():
        _refuse_many(path)
    found = list(islice((reader or Reader(any_scale=True)).read(path, on_note=on_note), _FEW))
    if len(found) != 1:
        raise ConfigError(f"{str(source)!r} holds more than one recording: pass one of them")
    return found[0], ""


def _is_store(path: Path, sample: str | None) -> bool:
    """Return whether a folder is to be opened as a store, be it a damaged one or one without anything to draw."""
    if not path.is_dir():
        return False
    return sample is not None or any((path / name).exists() for name in _STORE_FILES) or not _recordings(path)


def _refuse_many(folder: Path) -> None:
    """Raise for a folder of more than one recording, with the command that chooses one.

    Raises:
        ConfigError: If it is one.
    """
    found = _recordings(folder)
    if len(found) > 1 or found[0] != folder.name:
        count = f"{len(found)} recording{'s' if len(found) > 1 else ''}"
        raise ConfigError(
            f"{str(folder)!r} is a folder of {count} and no store, and one recording is drawn at a time: pass it by "
            f"name, such as {str(folder / found[0])!r}"
        )


def _recordings(folder: Path) -> list[str]:
    """List what can be drawn below a folder by its path in it, or by the folder's name where that is the recording."""
    members = list(list_members([folder]))
    places = []
    for found in find_recordings(members, ReadingOptions()):
        files = [member.where for member in members if member.where == found.where]
        inside = (files[0] if files else found.where.rpartition("/")[0]).partition("/")[2]
        places.append(inside or folder.name)
    return sorted(dict.fromkeys(places))


def take_sample(store: Store, name: str) -> tuple[SkeletonSequence, str]:
    """Load a sample of a store by its name.

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
