"""The files that recordings lie in: plain ones and members of zip archives, read without unpacking to disk."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dualhead.errors import FormatError

MAX_BYTES = 128 * 2**20
"""Largest single file that is read, in bytes: about half an hour of one body in the NTU syntax."""

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of the name and of the extra field
_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@dataclass(frozen=True)
class Member(ABC):
    """One raw file.

    Attributes:
        where: What the user knows it by: the name of the raw folder or archive, then the path inside it.
        size: Its declared size in bytes.
        modified: When it, or its archive, last changed (nanoseconds of the file system's clock).
    """

    where: str
    size: int
    modified: int

    @property
    def file_name(self) -> str:
        """The last part of its path."""
        return self.where.replace("\\", "/").rsplit("/", 1)[-1]

    @abstractmethod
    def read(self) -> bytes:
        """Read the whole content.

        Raises:
            FormatError: If it cannot be read, is damaged, or is larger than `MAX_BYTES`.
        """

    def _check_size(self) -> None:
        if self.size > MAX_BYTES:
            raise FormatError(
                f"{self.size} bytes are more than the {MAX_BYTES} that one recording may have", self.where
            )

    def _unreadable(self, error: OSError) -> FormatError:
        if isinstance(error, FileNotFoundError):
            return FormatError("the file is no longer there: it vanished after it was listed", self.where)
        return FormatError(f"cannot be read: {error.strerror or error}", self.where)


@dataclass(frozen=True)
class FileMember(Member):
    """A plain file.

    Attributes:
        path: Where it is.
    """

    path: str

    def read(self) -> bytes:
        """Read the file; see `Member.read`."""
        self._check_size()
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123 - a Path per file costs as much as opening it
                data = file.read(MAX_BYTES + 1)
        except OSError as error:
            raise self._unreadable(error) from None
        if len(data) > MAX_BYTES:
            raise FormatError(f"more than the {MAX_BYTES} bytes that one recording may have", self.where)
        return data


@dataclass(frozen=True)
class ZipMember(Member):
    """A member of a zip archive, found once and read by its offset, so that a worker needs no central directory.

    Attributes:
        archive: Path of the archive.
        offset: Where its local header starts.
        compressed: Compressed size in bytes.
        crc: CRC-32 of the content.
        method: Compression method number.
        problem: Why it must not be read, or "".
    """

    archive: str
    offset: int
    compressed: int
    crc: int
    method: int
    problem: str = ""

    def read(self) -> bytes:
        """Read and check the member; see `Member.read`."""
        if self.problem:
            raise FormatError(self.problem, self.where)
        self._check_size()
        try:
            with open(self.archive, "rb") as file:  # noqa: PTH123
                file.seek(self.offset)
                header = file.read(_LOCAL_HEADER.size)
                if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
                    raise FormatError("no member starts where the archive says: the archive is damaged", self.where)
                _, name, extra = _LOCAL_HEADER.unpack(header)
                file.seek(name + extra, os.SEEK_CUR)
                packed = file.read(min(self.compressed, MAX_BYTES))
        except OSError as error:
            raise self._unreadable(error) from None
        data = packed if self.method == _STORED else self._inflate(packed)
        if len(data) != self.size:
            raise FormatError(
                f"its content does not have the declared {self.size} bytes: damaged or forged", self.where
            )
        if zlib.crc32(data) != self.crc:
            raise FormatError("its checksum (CRC-32) is wrong: the archive is damaged, download it again", self.where)
        return data

    def _inflate(self, packed: bytes) -> bytes:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            return stream.decompress(packed, self.size + 1)  # a bomb stops one byte past what was declared
        except zlib.error as error:
            raise FormatError(f"its compressed data are damaged ({error}): download it again", self.where) from None


def list_members(raw: Sequence[Path]) -> Iterator[Member]:
    """List every file under some folders, in some archives, and in the archives in those folders.

    The order is that of `raw`, then by name, folder by folder, so it is the same on every machine. Links are followed.
    The shadow files `._*` that macOS puts beside each real one are left out.

    Args:
        raw: Folders, zip archives and plain files.

    Yields:
        The members; those that an archive must not hold (a path that leads out of it, an encrypted one) too, with an
        error waiting in their `read`.

    Raises:
        FormatError: If a path does not exist, a folder cannot be listed, or an archive is not whole.
    """
    for root in raw:
        if not root.exists():
            raise FormatError("there is no such file or folder: check the path", root)
        name = root.resolve().name
        found = _list_folder(root, name, {os.path.realpath(root)}) if root.is_dir() else _list_file(str(root), name)
        yield from (member for member in found if not member.file_name.startswith("._"))


def _list_folder(folder: str | Path, where: str, seen: set[str]) -> Iterator[Member]:
    try:
        with os.scandir(folder) as entries:
            ordered = sorted(entries, key=_entry_name)
    except OSError as error:
        raise FormatError(f"cannot be listed: {error.strerror}", folder) from None
    for entry in ordered:
        below = f"{where}/{entry.name}"
        if not entry.is_dir():
            yield from _list_file(entry.path, below)
        elif (real := os.path.realpath(entry.path)) not in seen:  # a link may lead back up
            seen.add(real)
            yield from _list_folder(entry.path, below, seen)


def _entry_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _list_file(path: str, where: str) -> Iterator[Member]:
    if path.lower().endswith(".zip"):
        yield from _list_zip(path, where)
        return
    try:
        state = Path(path).stat()
        yield FileMember(where, state.st_size, state.st_mtime_ns, path)
    except OSError:
        yield FileMember(where, 0, 0, path)  # a broken link: reading it will say so


def _list_zip(path: str, where: str) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
        modified = Path(path).stat().st_mtime_ns
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", path) from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, struct.error) as error:
        raise FormatError(f"not a whole zip archive ({error}): copy or download it again", path) from None
    for info in sorted(infos, key=_info_name):
        if not info.is_dir():
            yield ZipMember(
                where=f"{where}/{info.filename}",
                size=info.file_size,
                modified=modified,
                archive=path,
                offset=info.header_offset,
                compressed=info.compress_size,
                crc=info.CRC,
                method=info.compress_type,
                problem=_problem(info),
            )


def _info_name(info: zipfile.ZipInfo) -> str:
    return info.filename


def _problem(info: zipfile.ZipInfo) -> str:
    parts = info.filename.replace("\\", "/").split("/")
    if ".." in parts or parts[0] == "" or parts[0].endswith(":"):
        return "its path leads out of the archive: refused, make the archive anew with plain relative paths"
    if info.flag_bits & 1:
        return "it is encrypted: unpack the archive with its password first"
    if info.compress_type not in (_STORED, _DEFLATED):
        return f"compression method {info.compress_type} is not supported: use a zip with deflate, or unpack it"
    if info.file_size > MAX_BYTES:
        return f"{info.file_size} declared bytes are more than the {MAX_BYTES} that one recording may have"
    return ""
