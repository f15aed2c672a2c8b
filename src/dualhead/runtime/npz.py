"""Reading `.npz` files that the package wrote: known arrays, no pickles, and no more memory than the file is worth."""

from __future__ import annotations

import math
import mmap
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Collection
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

MAX_RATIO = 100
"""Largest ratio of content to file that is read; what the package writes is not compressed at all."""

NPZ_DAMAGE = (
    ValueError, TypeError, KeyError, EOFError, OverflowError, MemoryError, NotImplementedError, RuntimeError, OSError,
    SyntaxError, AttributeError, IndexError, zipfile.BadZipFile, zlib.error, tokenize.TokenError,
)  # fmt: skip
"""Exceptions of NumPy, zipfile and json on damaged bytes; any other is a defect of the package."""


_PIECE = 2**20


def read_npz(file: IO[bytes], names: Collection[str], mapped: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Read the arrays of some names.

    Args:
        file: An open file.
        names: The arrays that are needed; others are passed over.
        mapped: Those of them that are mapped into memory where they are not compressed, once they are read through and
            their checksum holds; see `map_of`.

    Returns:
        The arrays by name.

    Raises:
        KeyError: If one is absent; its argument is the name.
        ValueError: If the file would grow more than a hundredfold. Further errors of `NPZ_DAMAGE` if it is damaged.
    """
    size = file.seek(0, 2)
    file.seek(0)
    with np.load(file, allow_pickle=False) as archive:
        for name in names:
            if name not in archive.files:
                raise KeyError(name)
        if sum(info.file_size for info in archive.zip.infolist()) > MAX_RATIO * size:
            raise ValueError("it grows more than a hundredfold when it is read")
        return {name: _map(file, archive.zip, name) if name in mapped else archive[name] for name in names}


def map_of(array: NDArray[Any]) -> mmap.mmap | None:
    """Find the memory map that an array is a view of.

    Args:
        array: Any array.

    Returns:
        The map; None where the array has memory of its own.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base if isinstance(base, mmap.mmap) else None


def _map(file: IO[bytes], archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Map an array of a file that holds it as it is; read any other."""
    info = archive.getinfo(f"{name}.npy")
    with archive.open(info) as stream:
        if (
            info.compress_type != zipfile.ZIP_STORED or sys.platform == "win32"
        ):  # where a mapped file cannot be replaced
            return np.lib.format.read_array(stream, allow_pickle=False)
        version = np.lib.format.read_magic(stream)
        if version != (1, 0):
            raise ValueError(f"its array {name} has a head of version {version}")
        shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
        begin = stream.tell()
        count = 0
        while piece := stream.read(_PIECE):  # to its end, where the checksum is compared
            count += len(piece)
    if dtype.hasobject or count != dtype.itemsize * math.prod(shape):
        raise ValueError(f"its array {name} is of another length than its head says")
    file.seek(info.header_offset + 26)
    lengths = file.read(4)  # of the name and of what follows it, in the member's own head
    begin += info.header_offset + 30 + int.from_bytes(lengths[:2], "little") + int.from_bytes(lengths[2:], "little")
    if not count:
        return np.empty(shape, dtype)
    content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.ndarray(shape, dtype, content, begin, order="F" if is_fortran else "C")
