"""A zip that grows member by member and can be gone on with after a kill, to the same bytes as without it.

`zipfile` opens an archive for appending only if its table of members is there, which it writes last: after a kill
nothing would be kept.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

_LOCAL_HEADER = struct.Struct("<4s10xIIIHH")  # signature, CRC-32, packed and whole size, lengths of name and extra


class GrowingZip:
    """Appends members to an archive; what an earlier process had written whole is kept.

    A zip is a row of members and then a table of them, which is written last: after a kill the row is there up to some
    member, and the table is not.

    Args:
        path: The archive, which need not exist; its last, broken member is cut off.
        group: Number of members that belong together: only whole groups are kept.

    Attributes:
        kept: Number of members that were kept.
    """

    def __init__(self, path: Path, group: int = 1):
        path.touch()
        with path.open("rb+") as file:
            whole = _whole_members(file)
            whole = whole[: len(whole) // group * group]
            file.truncate(whole[-1][1] if whole else 0)
        self.kept = len(whole)
        # "a" on a file that is not an archive, as without a table, puts members behind what is there
        self._archive = zipfile.ZipFile(path, "a")
        for info, _ in whole:
            self._archive.filelist.append(info)
            self._archive.NameToInfo[info.filename] = info

    def append(self, name: str, data: bytes) -> None:
        """Compress and write a member.

        Args:
            name: Its path in the archive, ASCII.
            data: Its content.
        """
        self._archive.writestr(_entry(name), data, compresslevel=1)

    def __enter__(self) -> GrowingZip:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write the table and wait until all is on the disk; after an error too, the next one cuts it off."""
        self._archive.close()
        if kind is None:
            with Path(str(self._archive.filename)).open("rb+") as file:
                os.fsync(file.fileno())


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # dated 1980: the same bytes at any time
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    return entry


def _whole_members(file: BinaryIO) -> list[tuple[zipfile.ZipInfo, int]]:
    """Find the members that are whole, from the start on, each with its end in the file."""
    found: list[tuple[zipfile.ZipInfo, int]] = []
    start = 0
    while True:
        file.seek(start)
        header = file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\3\4"):
            return found
        _, crc, packed_size, size, name_length, extra = _LOCAL_HEADER.unpack(header)
        name = file.read(name_length)
        file.seek(extra, os.SEEK_CUR)
        packed = file.read(packed_size)
        try:
            data = zlib.decompress(packed, -zlib.MAX_WBITS)
        except zlib.error:
            return found
        if len(packed) != packed_size or len(data) != size or zlib.crc32(data) != crc:
            return found
        info = _entry(name.decode("ascii"))
        info.header_offset, info.CRC = start, crc
        info.compress_size, info.file_size = packed_size, size
        start = file.tell()
        found.append((info, start))
