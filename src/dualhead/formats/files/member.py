"""The files that recordings lie in: plain ones and members of archives, found in one order on every machine."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from dualhead.formats.files.raw_file import FileMember, FilePart, Member, SpecialFile, is_special, last_change
from dualhead.formats.files.tar_member import TAR_SUFFIXES, list_tar
from dualhead.formats.files.zip_member import ZipMember, list_zip
from dualhead.runtime.errors import FormatError, printable

__all__ = ["ARCHIVE_SUFFIXES", "FileMember", "FilePart", "Member", "ZipMember", "list_members"]

ARCHIVE_SUFFIXES = (".zip", *TAR_SUFFIXES)
"""Endings of the names of archives."""

_STORE = {"joints.npy", "index.npz", "meta.json"}
_PARTIAL, _PLAN = ".partial", "plan.json"  # of one that is not finished


def list_members(raw: Sequence[Path], on_damage: Callable[[FormatError], object] | None = None) -> Iterator[Member]:
    """List every file under some folders, in some archives, and in the archives in those folders.

    The order is that of `raw`, then by name, folder by folder, so it is the same on every machine. Links are followed.
    The shadow files `._*` that macOS puts beside each real one are left out, and so are stores, finished or not, since
    what is made of recordings may lie among them.

    Args:
        raw: Folders, zip and tar archives, and plain files.
        on_damage: Called with the error of an archive in a folder that is not whole, which is then passed over;
            default: it is raised.

    Yields:
        The members; those that cannot be files (a named pipe) and those that an archive must not hold (a path that
        leads out of it, an encrypted one) too, with an error waiting in their `read`.

    Raises:
        FormatError: If a path does not exist, a folder cannot be listed, or an archive is not whole.
    """
    for root in raw:
        if not root.exists():
            raise FormatError("there is no such file or folder: check the path", root)
        name = printable(root.resolve().name)
        if root.is_dir():
            found = _list_folder(root, name, {os.path.realpath(root)}, on_damage)
        else:
            found = _list_file(str(root), name)
        yield from (member for member in found if not member.file_name.startswith("._"))


def _list_folder(
    folder: str | Path, where: str, seen: set[str], on_damage: Callable[[FormatError], object] | None
) -> Iterator[Member]:
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=_entry_name)
    except OSError as error:
        raise FormatError(f"cannot be listed: {error.strerror}", folder) from None
    names = {entry.name for entry in ordered}
    if names >= _STORE or (where.endswith(_PARTIAL) and _PLAN in names):
        return
    for entry in ordered:
        below = f"{where}/{printable(entry.name)}"
        if not entry.is_dir():
            try:
                yield from list(_list_file(entry.path, below))
            except FormatError as error:
                if on_damage is None:
                    raise
                on_damage(error)
        elif (real := os.path.realpath(entry.path)) not in seen:  # a link may lead back up
            seen.add(real)
            yield from _list_folder(entry.path, below, seen, on_damage)


def _entry_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _list_file(path: str, where: str) -> Iterator[Member]:
    try:
        state = os.stat(path)  # noqa: PTH116 - a Path per file costs more than the call
    except OSError:
        state = None
    if state is not None and is_special(state):
        yield SpecialFile(where, 0, last_change(state))
        return
    name = path.lower()
    if name.endswith(".zip"):
        yield from list_zip(path, where)
    elif name.endswith(TAR_SUFFIXES):
        yield from list_tar(path, where)
    elif state is None:
        yield FileMember(where, 0, 0, path)  # a broken link: reading it will say so
    else:
        yield FileMember(where, state.st_size, last_change(state), path)
