"""NumPy's files, read without trust: `.npy` and `.npz` as bytes, and rows of large arrays in place."""

from __future__ import annotations

import io
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedIOBase
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dualhead.errors import FormatError
from dualhead.formats import raw_file
from dualhead.formats.raw_file import FilePart, Member

_BAD_HEADER = (ValueError, TypeError, SyntaxError, KeyError, EOFError, RecursionError, MemoryError, tokenize.TokenError)
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError, struct.error)


@dataclass(frozen=True)
class Header:
    """What the head of a `.npy` says.

    Attributes:
        shape: The array's.
        dtype: The array's.
        fortran: Whether the first axis varies fastest.
        offset: Where the numbers start, in bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int

    @property
    def size(self) -> int:
        """How many bytes the numbers take."""
        count = self.dtype.itemsize
        for length in self.shape:
            count *= length
        return count


def read_header(stream: IO[bytes], path: str | Path | None = None) -> Header:
    """Read the head of a `.npy`.

    Args:
        stream: At its start; left where the numbers start.
        path: Where it came from, for the error message.

    Raises:
        FormatError: If it is none, or the array is not one of numbers.
    """
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read:
            raise FormatError(f"version {version} of .npy is not read: save it with numpy.save anew", path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that a file of Python 2 takes longer to read
            shape, fortran, dtype = read[version](stream)
    except _BAD_HEADER as error:
        reason = " ".join(str(error).split())[:120]
        raise FormatError(f"not a whole .npy ({reason}): copy or save it again", path) from None
    if dtype.kind not in "biuf":
        raise FormatError(f"an array of {dtype} instead of numbers: save it as float32", path)
    if any(length < 0 for length in shape):
        raise FormatError(f"an array of the impossible shape {shape}: the file is damaged", path)
    return Header(shape, dtype, fortran, stream.tell())


def parse_npy(data: bytes, path: str | Path | None = None) -> NDArray[Any]:
    """Parse the content of a `.npy` file.

    Args:
        data: The file's bytes.
        path: Where they came from, for the error message.

    Returns:
        The array of numbers; read-only.

    Raises:
        FormatError: If the content is no whole array of numbers.
    """
    header = read_header(io.BytesIO(data), path)
    if len(data) - header.offset != header.size:
        raise FormatError(
            f"{len(data) - header.offset} bytes of numbers instead of {header.size}: truncated, copy it again", path
        )
    flat = np.frombuffer(data, header.dtype, offset=header.offset)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def parse_npz(data: bytes, names: Container[str], path: str | Path | None = None) -> dict[str, NDArray[Any]]:
    """Parse the content of a `.npz` file.

    Args:
        data: The file's bytes.
        names: The arrays to read; others are left out.
        path: Where they came from, for the error message.

    Returns:
        The arrays by name, those that are there.

    Raises:
        FormatError: If the content is not a whole archive of arrays, or unpacks to more than one recording may have.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if info.filename.removesuffix(".npy") in names]
            if sum(info.file_size for info in infos) > raw_file.MAX_BYTES:
                raise FormatError(f"it unpacks to more than the {raw_file.MAX_BYTES} bytes of one recording", path)
            members = {info.filename.removesuffix(".npy"): archive.read(info) for info in infos}
    except _BAD_ZIP as error:
        raise FormatError(f"not a whole .npz ({error}): copy or save it again", path) from None
    except OSError as error:
        raise FormatError(f"not a whole .npz ({error.strerror or error}): copy or save it again", path) from None
    return {name: parse_npy(content, f"{path}, {name}") for name, content in members.items()}


@dataclass(frozen=True)
class Rows:
    """A large array whose rows (first axis) are read one by one, in place.

    Attributes:
        header: Its shape and type.
        where: What the user knows the file by.
        path: The file.
        modified: When the file last changed.
        start: Where the numbers start in the file, or in the member where it is packed.
        packed: The name of the compressed npz member that holds it, or "".
    """

    header: Header
    where: str
    path: str
    modified: int
    start: int
    packed: str = ""

    def __len__(self) -> int:
        return self.header.shape[0]

    def member(self, row: int) -> Member:
        """Give one row as a file of its own.

        Args:
            row: Its number.
        """
        size = self.header.size // max(len(self), 1)
        where, offset = f"{self.where}, row {row}", self.start + row * size
        if self.packed:
            return _PackedRow(where, size, self.modified, self.path, self.packed, offset)
        return FilePart(where, size, self.modified, self.path, offset)

    def parse(self, data: bytes) -> NDArray[Any]:
        """Turn a row's bytes into its array.

        Args:
            data: What its member's `read` gave.
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

    def read(self) -> bytes:
        """Unpack up to the end of the row; see `Member.read`."""
        self._check_size()
        try:
            stream = _stream(self.archive, self.modified, self.name)
            stream.seek(self.offset)
            data = stream.read(self.size)
        except _BAD_ZIP as error:
            raise FormatError(f"the npz is damaged ({error}): copy it again", self.where) from None
        except OSError as error:
            raise self._unreadable(error) from None
        if len(data) != self.size:
            raise FormatError("the npz ends inside it: it is truncated, copy it again", self.where)
        return data


@lru_cache(maxsize=4)
def _stream(archive: str, modified: int, name: str) -> BufferedIOBase:
    """Keep the streams open in each process: rows come in order, so reading only goes forward."""
    stream: Any = zipfile.ZipFile(archive).open(name)  # noqa: SIM115 - stays open for the next row
    return stream  # type: ignore[no-any-return]


def npy_rows(member: Member) -> Rows:
    """Open a large `.npy`.

    Args:
        member: A plain file.

    Raises:
        FormatError: If it is packed into an archive, truncated, or no array of rows of numbers.
    """
    path = plain_path(member)
    try:
        with Path(path).open("rb") as stream:
            header = read_header(stream, member.where)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", member.where) from None
    _check_rows(header, member.size - header.offset, member.where)
    return Rows(header, member.where, path, member.modified, header.offset)


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
        with zipfile.ZipFile(path) as archive, Path(path).open("rb") as file:
            for name in names:
                info = archive.getinfo(f"{name}.npy")
                with archive.open(info) as stream:
                    header = read_header(stream, f"{member.where}, {name}")
                _check_rows(header, info.file_size - header.offset, f"{member.where}, {name}")
                if info.compress_type == zipfile.ZIP_STORED:
                    file.seek(info.header_offset + 26)
                    lengths = struct.unpack("<HH", file.read(4))
                    start, packed = info.header_offset + 30 + sum(lengths) + header.offset, ""
                else:
                    start, packed = header.offset, info.filename
                found[name] = Rows(header, f"{member.where}, {name}", path, member.modified, start, packed)
    except KeyError:
        raise FormatError(f"it needs the arrays {', '.join(names)}: is it of another kind?", member.where) from None
    except _BAD_ZIP as error:
        raise FormatError(f"not a whole .npz ({error}): copy it again", member.where) from None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", member.where) from None
    return found


def _check_rows(header: Header, size: int, where: str) -> None:
    if header.fortran or len(header.shape) < 2 or header.shape[0] == 0:
        order = "in Fortran order" if header.fortran else "without rows"
        raise FormatError(f"an array of shape {header.shape} {order}: save it in C order, samples first", where)
    if size != header.size:
        raise FormatError(f"{size} bytes of numbers instead of {header.size}: truncated, copy it again", where)


def plain_path(member: Member) -> str:
    """Say where a plain file lies.

    Args:
        member: The file.

    Raises:
        FormatError: If it is a member of an archive: what is read row by row must be a file of its own.
    """
    path = getattr(member, "path", "")
    if not path or isinstance(member, FilePart):
        raise FormatError("this kind of file is not read inside an archive: unpack the archive first", member.where)
    return str(path)
