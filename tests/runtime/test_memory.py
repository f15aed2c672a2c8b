"""What is freed is there again without new pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from dualhead.runtime.memory import keep_freed_memory

CODE = """
import resource
import numpy as np
from dualhead.runtime.memory import keep_freed_memory
assert keep_freed_memory({arguments})
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones({size}, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is the GNU C library that gives large blocks back")
@pytest.mark.parametrize(("arguments", "size"), [("2**24", 2**20), ("", 2**20), ("", 2**26)])
def test_blocks_are_kept(arguments: str, size: int) -> None:
    code = CODE.format(arguments=arguments, size=size)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 2 * size / 4096 + 100  # pages of two blocks, of the 10 that are asked for


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
