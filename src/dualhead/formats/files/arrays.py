"""NumPy's files, read without trust: `.npy` and `.npz` as bytes."""

from __future__ import annotations

import io
import struct
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Container
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.files import raw_file
from dualhead.runtime.errors import FormatError

BAD_HEADER = (ValueError, TypeError, SyntaxError, KeyError, EOFError, RecursionError, MemoryError, tokenize.TokenError)
BAD_ZIP = (zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, RuntimeError, struct.error)
"""Exceptions that `zipfile` raises on damage, beside `OSError`."""

_MOST_NAMES = 1000
_HEAD_BYTES = 2**16


@dataclass(frozen=True)
class Header:
    """The header of a `.npy` file.

    Attributes:
        shape: The array's.
        dtype: The array's.
        fortran: Whether the first axis varies fastest.
        offset: The position of the numbers, in bytes.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    offset: int

    @property
    def size(self) -> int:
        """Size of the numbers in bytes."""
        count = self.dtype.itemsize
        for length in self.shape:
            count *= length
        return count


def read_header(stream: IO[bytes], path: str | Path | None = None) -> Header:
    """Read the head of a `.npy`.

    Args:
        stream: At its start; left where the numbers start.
        path: The file, for the error message.

    Raises:
        FormatError: If the stream is not a `.npy` file, or the array does not consist of numbers.
    """
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read:
            raise FormatError(f"version {version} of .npy is not read: save it with numpy.save again", path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # that a file of Python 2 takes longer to read
            shape, fortran, dtype = read[version](stream)
    except BAD_HEADER as error:
        reason = " ".join(str(error).split())[:120]
        raise FormatError(f"not a whole .npy ({reason}): copy or save it again", path) from None
    if dtype.kind not in "biuf":
        raise FormatError(f"an array of {dtype} instead of numbers: save it as float32", path)
    if any(length < 0 for length in shape):
        raise FormatError(f"an array of the impossible shape {shape}: the file is damaged", path)
    return Header(shape, dtype, fortran, stream.tell())


def check_size(header: Header, size: int, path: str | Path | None = None) -> None:
    """Compare what there is with what a head of `.npy` says.

    Args:
        header: The head.
        size: The bytes behind it.
        path: The file, for the error message.

    Raises:
        FormatError: If they are fewer or more.
    """
    if size != header.size:
        what = "truncated" if size < header.size else "it is damaged, or something was added to it"
        raise FormatError(f"{size} bytes of numbers instead of {header.size}: {what}, copy it again", path)


def parse_npy(data: bytes, path: str | Path | None = None) -> NDArray[Any]:
    """Parse the content of a `.npy` file.

    Args:
        data: The file's bytes.
        path: The file, for the error message.

    Returns:
        The array of numbers; read-only.

    Raises:
        FormatError: If the content is not a whole array of numbers.
    """
    header = read_header(io.BytesIO(data), path)
    check_size(header, len(data) - header.offset, path)
    flat = np.frombuffer(data, header.dtype, offset=header.offset)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


def npz_shapes(data: bytes, path: str | Path | None = None) -> dict[str, tuple[int, ...] | None]:
    """List the arrays of a `.npz`.

    Args:
        data: The file's bytes.
        path: The file, for the error message.

    Returns:
        Names and shapes, None for an array that is not one of numbers.

    Raises:
        FormatError: If the content is not a whole archive.
    """
    shapes: dict[str, tuple[int, ...] | None] = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist()[:_MOST_NAMES]:
                with archive.open(info) as stream:
                    shapes[info.filename.removesuffix(".npy")] = _shape(io.BytesIO(stream.read(_HEAD_BYTES)))
    except (*BAD_ZIP, OSError) as error:
        raise FormatError(f"not a whole .npz ({error}): copy or save it again", path) from None
    return shapes


def _shape(stream: IO[bytes]) -> tuple[int, ...] | None:
    try:
        return read_header(stream).shape
    except FormatError:
        return None


def parse_npz(data: bytes, names: Container[str], path: str | Path | None = None) -> dict[str, NDArray[Any]]:
    """Parse the content of a `.npz` file.

    Args:
        data: The file's bytes.
        names: The arrays to read; others are left out.
        path: The file, for the error message.

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
    except BAD_ZIP as error:
        raise FormatError(f"not a whole .npz ({error}): copy or save it again", path) from None
    except OSError as error:
        raise FormatError(f"not a whole .npz ({error.strerror or error}): copy or save it again", path) from None
    return {name: parse_npy(content, f"{path}, {name}") for name, content in members.items()}
