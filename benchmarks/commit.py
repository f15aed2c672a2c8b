"""What the figures of a benchmark were measured with."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def commit() -> str:
    """Return the commit of the working tree; a "+" behind it says that files other than results differ.

    A copy without its history gives what the environment variable `DUALHEAD_COMMIT` says, else "unknown".
    """
    but_results = [":(top)", ":(top,exclude)benchmarks/results"]
    commands = (
        ["git", "rev-parse", "--short", "HEAD"],
        ["git", "--no-optional-locks", "status", "--porcelain", "--", *but_results],
    )
    try:
        name, changes = (
            subprocess.run(words, cwd=Path(__file__).parent, capture_output=True, text=True, check=True).stdout.strip()
            for words in commands
        )
    except (OSError, subprocess.CalledProcessError):
        return os.environ.get("DUALHEAD_COMMIT", "unknown")
    return f"{name}+" if changes else name
