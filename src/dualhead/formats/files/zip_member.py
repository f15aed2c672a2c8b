"""Members of zip archives, read without unpacking to disk."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dualhead.formats.files import raw_file
from dualhead.formats.files.inflate import crc32, inflate
from dualhead.formats.files.raw_file import ESCAPES, Member, escapes, last_change
from dualhead.runtime.errors import FormatError, printable

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, lengths of the name and of the extra field
_UTF8 = 1 << 11  # the flag of a name in UTF-8
_STORED, _DEFLATED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


@dataclass(frozen=True)
class ZipMember(Member):
    """A member of a zip archive, found once and read by its offset, so that a worker needs no central directory.

    Attributes:
        archive: Path of the archive.
        name: Its path in the archive, in the bytes that stand there.
        offset: The position of its local header.
        compressed: Compressed size in bytes.
        crc: CRC-32 of the content.
        method: Compression method number.
        problem: Why it must not be read, or "".
    """

    archive: str
    name: bytes
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
                    raise FormatError(
                        "no member starts at the offset of the directory: the archive is damaged", self.where
                    )
                _, length, extra = _LOCAL_HEADER.unpack(header)
                if file.read(length) != self.name:
                    raise FormatError(
                        "the archive's directory calls it otherwise than its own header: the archive is damaged, "
                        "download it again",
                        self.where,
                    )
                file.seek(extra, os.SEEK_CUR)
                packed = file.read(min(self.compressed, raw_file.MAX_BYTES))
        except OSError as error:
            raise self._unreadable(error) from None
        data = packed if self.method == _STORED else self._inflate(packed)
        if len(data) != self.size:
            raise FormatError(
                f"its content does not have the declared {self.size} bytes: damaged or forged", self.where
            )
        if crc32(data) != self.crc:
            raise FormatError("its checksum (CRC-32) is wrong: the archive is damaged, download it again", self.where)
        return data

    def _inflate(self, packed: bytes) -> bytes:
        try:
            return inflate(packed, self.size + 1)  # a bomb stops one byte past what was declared
        except zlib.error as error:
            raise FormatError(f"its compressed data are damaged ({error}): download it again", self.where) from None


def list_zip(path: str, where: str) -> Iterator[Member]:
    """List the files in a zip archive, by name.

    Args:
        path: The archive.
        where: Its path in messages.

    Yields:
        The members; those that must not be read too, with an error waiting in their `read`.

    Raises:
        FormatError: If the archive is not whole.
    """
    try:
        with Path(path).open("rb") as file, zipfile.ZipFile(file) as archive:
            infos = archive.infolist()
            declared = zipfile._EndRecData(file)[4]  # type: ignore[attr-defined]
        if (declared - len(infos)) % 2**16:  # two bytes hold the number of old archives, however many there are
            raise zipfile.BadZipFile(f"{len(infos)} members instead of {declared}")
        modified = last_change(Path(path).stat())
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", path) from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, struct.error) as error:
        raise FormatError(f"not a whole zip archive ({error}): copy or download it again", path) from None
    for info in infos:
        info.filename = _text_of(info)
    for info in sorted(infos, key=_info_name):
        if not info.filename.endswith("/"):
            yield ZipMember(
                where=f"{where}/{printable(info.filename)}",
                size=info.file_size,
                modified=modified,
                archive=path,
                name=info.orig_filename.encode("utf-8" if info.flag_bits & _UTF8 else "cp437"),
                offset=info.header_offset,
                compressed=info.compress_size,
                crc=info.CRC,
                method=info.compress_type,
                problem=_problem(info),
            )


def _text_of(info: zipfile.ZipInfo) -> str:
    """Read a name as UTF-8 where its bytes are that: `zip -r` on Linux writes it without the flag that says so."""
    if info.flag_bits & _UTF8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _info_name(info: zipfile.ZipInfo) -> str:
    return info.filename


def _problem(info: zipfile.ZipInfo) -> str:
    if not info.filename:
        return "it has no name: make the archive again"
    if escapes(info.filename):
        return ESCAPES
    if info.flag_bits & 1:
        return "it is encrypted: unpack the archive with its password first"
    if info.compress_type not in (_STORED, _DEFLATED):
        return f"compression method {info.compress_type} is not supported: use a zip with deflate, or unpack it"
    if info.file_size > raw_file.MAX_BYTES:
        return f"{info.file_size} declared bytes are more than the {raw_file.MAX_BYTES} that one recording may have"
    if not 0 <= info.header_offset < 2**63:
        return "no member starts at the offset of the directory: the archive is damaged"
    return ""
