"""Large arrays whose rows are read one by one in place, from a `.npy` or a `.npz`."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedIOBase, BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.files.arrays import BAD_ZIP, Header, check_size, read_header
from dualhead.formats.files.raw_file import FilePart, Member, SpecialFile
from dualhead.runtime.errors import DamageError, FormatError

_READ_BYTES = 2**20


@dataclass(frozen=True)
class Rows:
    """A large array whose rows (first axis) are read one by one, in place.

    Attributes:
        header: Its shape and type.
        where: The path of the file in messages.
        path: The file.
        modified: When the file last changed.
        start: The position of the numbers in the file, or in the member where it is packed.
        inside: The name of the npz member that holds it, or "".
        packed: Whether that member is compressed.
    """

    header: Header
    where: str
    path: str
    modified: int
    start: int
    inside: str = ""
    packed: bool = False

    def __len__(self) -> int:
        return self.header.shape[0]

    def member(self, row: int) -> Member:
        """Return one row as a file of its own.

        Reading the last row of an npz checks the whole array, so that its checksum costs no time of its own where it is
        compressed, and none before the work where it is not.

        Args:
            row: Its number.
        """
        size = self.header.size // max(len(self), 1)
        where, offset = f"{self.where}, row {row}", self.start + row * size
        last = row == len(self) - 1
        if self.packed:
            return _PackedRow(where, size, self.modified, self.path, self.inside, offset, last)
        if self.inside and last:
            return _LastRow(where, size, self.modified, self.path, offset, inside=self.inside)
        return FilePart(where, size, self.modified, self.path, offset)

    def parse(self, data: bytes) -> NDArray[Any]:
        """Convert a row's bytes to its array.

        Args:
            data: The result of its member's `read`.
        """
        return np.frombuffer(data, self.header.dtype).reshape(self.header.shape[1:])

    def all(self) -> NDArray[Any]:
        """Read the whole array, for small ones."""
        return np.stack([self.parse(self.member(row).read()) for row in range(len(self))])


@dataclass(frozen=True)
class _PackedRow(Member):
    """A row of an array in a compressed npz, which is unpacked from its start on."""

    archive: str
    name: str
    offset: int
    last: bool

    def read(self) -> bytes:
        """Unpack up to the end of the row; see `Member.read`.

        Raises:
            DamageError: If anything up to there is damaged.
        """
        self._check_size()
        try:
            stream = _stream(self.archive, self.modified, self.name)
            stream.seek(self.offset)
            data = stream.read(self.size)
            if self.last:
                stream.read(1)  # the end, where the checksum is compared
        except BAD_ZIP as error:
            raise _damage(error, self.where) from None
        except OSError as error:
            raise self._unreadable(error) from None
        if len(data) != self.size:
            raise _damage("it ends before the last row", self.where)
        return data


@dataclass(frozen=True, kw_only=True)
class _LastRow(FilePart):
    """The last row of an array that is inside a npz as it is."""

    inside: str

    def read(self) -> bytes:
        """Read the row, and the whole array for its checksum; see `Member.read`.

        Raises:
            DamageError: If the checksum is wrong.
        """
        data = super().read()
        try:
            with zipfile.ZipFile(self.path) as archive, archive.open(self.inside) as stream:
                while stream.read(_READ_BYTES):
                    pass
        except BAD_ZIP as error:
            raise _damage(error, self.where) from None
        except OSError as error:
            raise self._unreadable(error) from None
        return data


def _damage(error: Exception | str, where: str) -> DamageError:
    """Create the error of the whole array from that of a row."""
    return DamageError(f"the npz is damaged ({error}): copy or download it again", where.rpartition(", row ")[0])


@lru_cache(maxsize=4)
def _stream(archive: str, modified: int, name: str) -> BufferedIOBase:
    """Cache the open streams of each process: rows come in order, so reading only goes forward."""
    stream: Any = zipfile.ZipFile(archive).open(name)  # noqa: SIM115 - stays open for the next row
    return stream  # type: ignore[no-any-return]


def npy_rows(member: Member) -> Rows:
    """Open a large `.npy`.

    Args:
        member: A plain file.

    Raises:
        FormatError: If it is packed into an archive, truncated, or no array of rows of numbers.
    """
    with opened(member) as stream:
        header = read_header(stream, member.where)
    _check_rows(header, member.size - header.offset, member.where)
    return Rows(header, member.where, plain_path(member), member.modified, header.offset)


def npz_rows(member: Member, names: tuple[str, ...]) -> dict[str, Rows]:
    """Open the arrays of a large `.npz`.

    Args:
        member: A plain file.
        names: The arrays to open.

    Raises:
        FormatError: If it is packed into another archive, not whole, or lacks one of the arrays.
    """
    path = plain_path(member)
    found = {}
    try:
        with opened(member) as file, zipfile.ZipFile(path) as archive:
            for name in names:
                info = archive.getinfo(f"{name}.npy")
                with archive.open(info) as stream:
                    header = read_header(stream, f"{member.where}, {name}")
                _check_rows(header, info.file_size - header.offset, f"{member.where}, {name}")
                packed, start = info.compress_type != zipfile.ZIP_STORED, header.offset
                if not packed:
                    file.seek(info.header_offset + 26)
                    start += info.header_offset + 30 + sum(struct.unpack("<HH", file.read(4)))
                where = f"{member.where}, {name}"
                found[name] = Rows(header, where, path, member.modified, start, info.filename, packed)
    except KeyError:
        raise FormatError(f"it needs the arrays {', '.join(names)}: is it of another kind?", member.where) from None
    except BAD_ZIP as error:
        raise FormatError(f"not a whole .npz ({error}): copy it again", member.where) from None
    return found


def _check_rows(header: Header, size: int, where: str) -> None:
    if header.fortran:
        raise FormatError(f"an array of shape {header.shape} in Fortran order: save it in C order", where)
    if not header.shape or header.shape[0] == 0:
        raise FormatError(f"an array of shape {header.shape} has no rows: its first axis must be the samples", where)
    check_size(header, size, where)


@contextmanager
def opened(member: Member) -> Iterator[BufferedReader]:
    """Open a plain file, to read what is too large to hold.

    Args:
        member: The file.

    Yields:
        The open file.

    Raises:
        FormatError: As `plain_path`, or if it cannot be read, while it is open too.
    """
    path = plain_path(member)
    try:
        with Path(path).open("rb") as stream:
            yield stream
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", member.where) from None


def plain_path(member: Member) -> str:
    """Return the path of a plain file.

    Args:
        member: The file.

    Raises:
        FormatError: If it is not a file, or a member of an archive: what is read row by row must be a file of its own.
    """
    if isinstance(member, SpecialFile):
        member.read()
    path = getattr(member, "path", "")
    if not path or isinstance(member, FilePart):
        raise FormatError("this kind of file is not read inside an archive: unpack the archive first", member.where)
    return str(path)
