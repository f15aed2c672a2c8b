"""What the figures of a benchmark were measured with."""

from __future__ import annotations

import subprocess
from pathlib import Path


def commit() -> str:
    """Name the commit of the working tree, "unknown" outside of one; "+" says that files other than results differ."""
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
        return "unknown"
    return f"{name}+" if changes else name
