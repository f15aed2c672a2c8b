"""The samples that a checkpoint was trained on, so that scoring it on them is reported."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FIELD = "trained_on"
"""The field of a checkpoint's provenance; score files do not repeat it."""

_BYTES = 5  # of a name: two different names in ten million pairs of ten thousand look alike


def digest_names(names: Iterable[str]) -> str:
    """Return the hashes of sample names as text, 7 characters a name.

    Args:
        names: Names of samples.
    """
    return base64.b64encode(b"".join(sorted({_hash(name) for name in names}))).decode()


def find_trained_on(digest: Any, names: Iterable[str]) -> NDArray[np.bool_]:
    """Find the names that are among those of `digest_names`.

    Args:
        digest: The result of `digest_names`; of anything else no name is found.
        names: Names of samples, `(N,)`.

    Returns:
        Whether each is among them, `(N,)`.
    """
    try:
        data = base64.b64decode(digest, validate=True) if isinstance(digest, str) else b""
    except (binascii.Error, ValueError):
        data = b""
    known = {data[start : start + _BYTES] for start in range(0, len(data), _BYTES)}
    return np.array([_hash(str(name)) in known for name in names], np.bool_)


def _hash(name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_BYTES).digest()
