"""The recordings behind a path: a raw file, a folder or archive of them, or a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from dualhead.data.reading import SUFFIXES, read_member, read_sequence
from dualhead.data.store import open_store
from dualhead.errors import FormatError
from dualhead.formats.member import list_members
from dualhead.sequence import SkeletonSequence


def holds_many(path: Path) -> bool:
    """Whether a path stands for any number of recordings: a folder, a store or an archive."""
    return path.is_dir() or path.suffix.lower() == ".zip"


def read_recordings(
    path: Path, on_rejected: Callable[[FormatError], object] | None = None, body_selection: str | None = None
) -> Iterator[SkeletonSequence]:
    """Read recordings one after another.

    Args:
        path: A raw file, a store, or a folder or zip archive with raw files anywhere inside, which come in the order of
            their names.
        on_rejected: Called with the reason for each file of a folder or archive that cannot be read, instead of
            raising.
        body_selection: Which bodies of raw files to keep; default: the data set's. A store has made its choice.

    Yields:
        The recordings.

    Raises:
        FormatError: If there is nothing at `path`, or a file is damaged, of no known kind or without anybody.
        StoreError: If a store is damaged.
    """
    if not path.exists():
        raise FormatError("there is no such file or folder: give a raw file, a folder, a zip or a store", path)
    if not holds_many(path):
        yield read_sequence(path, body_selection=body_selection)
        return
    if (path / "meta.json").is_file():
        store = open_store(path)
        for row in range(len(store)):
            yield store[row]
        return
    files = recordings = 0
    for member in list_members([path]):
        files += 1
        file_name = member.where.replace("\\", "/").rsplit("/", 1)[-1]
        # Archives made on macOS hold a shadow file beside each real one.
        if not file_name.endswith(SUFFIXES) or file_name.startswith("._"):
            continue
        recordings += 1
        try:
            sequence = read_member(member, body_selection=body_selection)
        except FormatError as error:
            if on_rejected is None:
                raise
            on_rejected(error)
        else:
            yield sequence
    if not recordings:
        raise FormatError(
            f"no recording ({', '.join(SUFFIXES)}) among {files} files: give the folder that holds them", path
        )
