"""Reading `.npz` files that the package wrote: known arrays, no pickles, and no more memory than the file is worth."""

from __future__ import annotations

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


def read_npz(file: IO[bytes], names: Collection[str]) -> dict[str, NDArray[Any]]:
    """Read the arrays of some names.

    Args:
        file: An open file.
        names: The arrays that are needed; others are passed over.

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
        return {name: archive[name] for name in names}
