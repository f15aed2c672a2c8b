"""Opening pages in a browser, where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def open_page(page: Path) -> tuple[str, list[str]]:
    """Open a page from the disk; give what became of it, as HTML, and every line that was written to the console."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no browser ({', '.join(NAMES)}) to open the page in")
    words = [
        program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
        "--disable-dev-shm-usage", f"--user-data-dir={page.parent / 'profile'}", "--enable-logging=stderr",
        "--virtual-time-budget=1000", "--dump-dom", page.resolve().as_uri(),
    ]  # fmt: skip
    try:
        run = subprocess.run(words, capture_output=True, text=True, timeout=120, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"{program} cannot be used here: {error}")
    return run.stdout, [line for line in run.stderr.splitlines() if "CONSOLE" in line]
