"""Fixtures for all tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real and reference data, beside the checkout; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("DUALHEAD_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "golden").is_dir():
        pytest.skip(f"no reference data at {folder}: set DUALHEAD_SHARED to run this test")
    return folder


@pytest.fixture(scope="session")
def pose_weights() -> Path:
    """The folder of the pose networks; tests that need them skip where they were not fetched or cannot be run."""
    for package in ("av", "ai_edge_litert", "platformdirs"):
        pytest.importorskip(package, reason=f"{package} is not installed: pip install 'dualhead[video]'")
    from dualhead.poses.weights import cache_folder, has_weights

    if not has_weights(cache_folder()):
        pytest.skip(f"no pose weights in {cache_folder()}: run dualhead poses --fetch")
    return cache_folder()


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A local Ray of two workers for the tests of a module, which skip where Ray is not installed."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'dualhead[ray]'")
    pytest.importorskip("ray.data", reason="Ray Data is not installed: pip install 'dualhead[ray]'")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=2**28)
    yield
    ray.shutdown()


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c() -> None:
    """Let Ctrl-C be an exception, as in a shell: what is started in the background ignores it from the start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
