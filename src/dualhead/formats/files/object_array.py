"""Arrays of objects, which NumPy stores as pickles: read through the whitelist, never by NumPy."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from dualhead.formats.files import raw_file
from dualhead.formats.files.arrays import BAD_HEADER, BAD_ZIP
from dualhead.formats.files.unpickle import unpickle
from dualhead.runtime.errors import FormatError


def parse_object_npy(data: bytes, path: str | Path | None = None) -> Any:
    """Parse a `.npy` that holds one object, such as a dict of arrays.

    Args:
        data: The file's bytes.
        path: The file, for the error message.

    Returns:
        The object, plain data as `unpickle` allows it.

    Raises:
        FormatError: If it is not a whole `.npy` of one object, or the pickle inside asks for anything but plain data.
    """
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        shape, _, dtype = read[version](stream)
    except BAD_HEADER as error:
        reason = " ".join(str(error).split())[:120]
        raise FormatError(f"not a whole .npy ({reason}): copy or save it again", path) from None
    if dtype.kind != "O" or shape != ():
        raise FormatError(f"expected one record of arrays, but found an array of shape {shape} and {dtype}", path)
    held = unpickle(stream, path)
    if isinstance(held, np.ndarray) and held.shape == ():
        return held[()]
    return held


def parse_object_npz(data: bytes, name: str, path: str | Path | None = None) -> Any:
    """Parse one object of a `.npz`.

    Args:
        data: The file's bytes.
        name: The array that holds the object.
        path: The file, for the error message.

    Returns:
        The object, as `parse_object_npy` returns it.

    Raises:
        FormatError: If the archive is damaged, has no such array or is too large, or as `parse_object_npy`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            info = archive.getinfo(f"{name}.npy")
            if info.file_size > raw_file.MAX_BYTES:
                raise FormatError(f"it unpacks to more than the {raw_file.MAX_BYTES} bytes of one recording", path)
            content = archive.read(info)
    except KeyError:
        raise FormatError(f"it has no array {name!r}", path) from None
    except (*BAD_ZIP, OSError) as error:
        raise FormatError(f"not a whole .npz ({error}): copy or save it again", path) from None
    return parse_object_npy(content, path)
