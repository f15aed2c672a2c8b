"""Memory that a process keeps for its next use."""

from __future__ import annotations

import ctypes
import sys

_TRIM_THRESHOLD = -1
_TOP_PAD = -2
_MMAP_THRESHOLD = -3
"""Parameters of `mallopt`, as `malloc.h` of the GNU C library numbers them."""

_LARGEST_BLOCK = 2**30
_LARGEST_BLOCK_BEFORE = 2**25  # the most that the GNU C library before 2.35 accepts
_LARGEST_INT = 2**31 - 1
_STEP = 2**24


def keep_freed_memory(block: int = _LARGEST_BLOCK) -> bool:
    """Configure the GNU C library to keep freed blocks for reuse.

    It returns large blocks to the system at once, which clears every page again when it is used anew: in a training
    step those of most activations. Other C libraries are left as they are.

    Args:
        block: Size of the largest blocks to keep, in bytes; up to twice as much may stay unused at the end of the heap.

    Returns:
        Whether the library accepted every setting.
    """
    if sys.platform != "linux":
        return False
    library = ctypes.CDLL(None)
    if not hasattr(library, "gnu_get_libc_version"):
        return False
    accepted = library.mallopt(_MMAP_THRESHOLD, block) or library.mallopt(_MMAP_THRESHOLD, _LARGEST_BLOCK_BEFORE)
    accepted &= library.mallopt(_TRIM_THRESHOLD, min(2 * block, _LARGEST_INT))
    accepted &= library.mallopt(_TOP_PAD, min(block, _STEP))
    return bool(accepted)
