"""Members of tar archives, read without unpacking to disk."""

from __future__ import annotations

import gzip
import lzma
import re
import tarfile
import zlib
from bz2 import BZ2File
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedIOBase
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, cast

from dualhead.formats.files.raw_file import ESCAPES, FilePart, Member, escapes, last_change
from dualhead.runtime.errors import FormatError, printable

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
"""Endings of the names of tar archives."""

_DAMAGED = (tarfile.TarError, gzip.BadGzipFile, EOFError, ValueError, zlib.error, lzma.LZMAError)
_AGAIN = "the archive is damaged, copy or download it again"
_READ_BYTES = 2**16
_HEADER_BYTES = 2**20  # of one member, with long names and attributes
_LONG_NUMBER = re.compile(rb"\d{300}")  # a name has at most 255 characters
_REWIND_BYTES = 64 * 2**20
"""Content up to which a compressed archive is read in any order: what going back to its start costs."""


@dataclass(frozen=True)
class PackedMember(Member):
    """A member of a compressed tar archive, which can only be read from its start on.

    Attributes:
        archive: Path of the archive.
        offset: The position of the member in the unpacked stream, in bytes.
        problem: Why it must not be read, or "".
    """

    archive: str
    offset: int
    problem: str = ""

    def read(self) -> bytes:
        """Unpack up to the end of the member; see `Member.read`."""
        if self.problem:
            raise FormatError(self.problem, self.where)
        self._check_size()
        # one stream a folder: samples come by name, so in each folder reading only goes forward
        try:
            stream = _stream(self.archive, self.modified, self.where.rpartition("/")[0])
            stream.seek(self.offset)
            data = stream.read(self.size)
        except _DAMAGED as error:
            raise FormatError(f"the archive is damaged ({error}): download it again", self.where) from None
        except OSError as error:
            raise self._unreadable(error) from None
        if len(data) != self.size:
            raise FormatError("the archive ends inside it: it is truncated, download it again", self.where)
        return data


@lru_cache(maxsize=4)
def _stream(archive: str, modified: int, folder: str) -> BufferedIOBase:
    """Cache a few open streams in each process; `modified` and `folder` are only part of the key."""
    return _opened(archive)


def _opened(archive: str) -> BufferedIOBase:
    name = archive.lower()
    if name.endswith((".gz", ".tgz")):
        return gzip.open(archive, "rb")
    return BZ2File(archive) if name.endswith(".bz2") else lzma.open(archive, "rb")


def list_tar(path: str, where: str) -> Iterator[Member]:
    """List the files in a tar archive, by name.

    Members of an uncompressed archive are read in place. A compressed one is read from front to back, so if it is large
    the members of each folder must lie in the order of their names.

    Args:
        path: The archive.
        where: Its path in messages.

    Yields:
        The members; those that must not be read (a path that leads out of the archive, a link) too, with an error
        waiting in their `read`.

    Raises:
        FormatError: If the archive is not whole, or is large, compressed and out of order.
    """
    packed = not path.lower().endswith(".tar")
    found: list[FilePart] = []
    try:
        modified = last_change(Path(path).stat())
        with (
            _opened(path) if packed else Path(path).open("rb") as stream,
            tarfile.open(fileobj=cast("BinaryIO", headers := _Headers(stream)), mode="r:") as archive,
        ):
            while (info := archive.next()) is not None:
                headers.left = _HEADER_BYTES
                archive.members = []  # type: ignore[attr-defined]  # else it keeps them all: 1 kB each
                if info.size < 0 or archive.offset <= info.offset:  # would lead back, for ever
                    raise FormatError(f"member {info.name[:60]!r} has {info.size} bytes: {_AGAIN}", path)
                if not info.isdir():
                    name = f"{where}/{printable(info.name.removeprefix('./'))}"
                    found.append(FilePart(name, info.size, modified, path, info.offset_data, _problem(info)))
            end = archive.offset
            _check_end(stream, end, path)
    except _DAMAGED as error:
        raise FormatError(f"not a whole tar archive ({error}): copy or download it again", path) from None
    except OSError as error:
        # bz2 has no error of its own for damage
        reason = f"cannot be read: {error.strerror}" if error.errno else f"{error}: {_AGAIN}"
        raise FormatError(reason, path) from None
    if packed and end > _REWIND_BYTES and not _in_order(found):
        raise FormatError(
            "a compressed archive is read from front to back, but its members are not in the order of their names: "
            "unpack it, or decompress it to a plain .tar",
            path,
        )
    for part in sorted(found, key=attrgetter("where")):
        if packed:
            yield PackedMember(part.where, part.size, part.modified, path, part.offset, part.problem)
        else:
            yield part


class _Headers:
    """The stream of an archive as `tarfile` reads it: nothing but headers, which it takes apart whatever their size.

    Attributes:
        left: Bytes that the headers of one member may still have.
    """

    def __init__(self, stream: BinaryIO | BufferedIOBase):
        self._stream = stream
        self.seek, self.tell = stream.seek, stream.tell
        self.left = _HEADER_BYTES

    def read(self, size: int) -> bytes:
        """Read a part of a header.

        Raises:
            tarfile.ReadError: If it is too long, or holds what `tarfile` would search for ever.
        """
        if not 0 <= size <= self.left:
            raise tarfile.ReadError(f"the headers of a member have more than {_HEADER_BYTES} bytes")
        self.left -= size
        data = self._stream.read(size)
        if len(data) > tarfile.BLOCKSIZE and _LONG_NUMBER.search(data):
            raise tarfile.ReadError("the header of a member holds a number of hundreds of digits")
        return data


def _check_end(stream: BinaryIO | BufferedIOBase, end: int, path: str) -> None:
    """Read on from where no member follows: an archive ends with a block of zeros or more, and nothing else.

    To the last byte, as behind it lies the checksum of what is compressed.

    Args:
        stream: The unpacked archive.
        end: The end of the last member.
        path: The archive.

    Raises:
        FormatError: If it ends without the block, or goes on behind it.
    """
    stream.seek(end)
    block = stream.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE:
        raise FormatError("the tar archive is truncated: copy or download it again", path)
    while block:
        if block.count(0) < len(block):
            raise FormatError(f"what is at byte {end} of the tar is neither a member nor its end: {_AGAIN}", path)
        block = stream.read(_READ_BYTES)


def _in_order(parts: list[FilePart]) -> bool:
    last: dict[str, str] = {}
    for part in parts:
        folder, _, name = part.where.rpartition("/")
        if name < last.get(folder, ""):
            return False
        last[folder] = name
    return True


def _problem(info: tarfile.TarInfo) -> str:
    if escapes(info.name):
        return ESCAPES
    if not info.isreg():
        return "it is a link or a device, not a file: make the archive again with the files themselves"
    if info.issparse():
        return "it is stored as a sparse file: make the archive again without --sparse"
    return ""
