"""Memory that a process keeps for its next use."""

from __future__ import annotations

import numpy as np


def keep_freed_memory(size: int) -> None:
    """Configure the GNU C library to keep freed blocks for reuse.

    It gives large blocks back to the system at once, which has to clear every page again; of letting go of a larger one
    it learns to keep all that are smaller. 32 MB is the largest that it learns from.

    Args:
        size: Of the largest blocks to keep, in bytes.
    """
    np.empty(size, np.uint8)
