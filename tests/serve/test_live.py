"""A webcam's pictures: even frames, newest windows, and errors in one sentence."""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dualhead.inference.predictor import Predictor
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.serve.live import FrameResampler, LiveSession
from dualhead.synthetic.videos import VideoTake
from tests.inference.builders import write_checkpoint


def frame(value: float) -> tuple[np.ndarray, np.ndarray]:
    """One person whose joints are all at a value; nobody where it is 0."""
    return np.full((1, 2, 3), value, np.float32), np.full((1, 2), min(value, 1.0), np.float32)


def test_frames_lie_on_straight_lines_between_pictures() -> None:
    even = FrameResampler(10)
    assert list(even.push(5.0, *frame(1))) == []
    found = list(even.push(5.25, *frame(2)))
    assert [float(joints[0, 0, 0]) for joints, _ in found] == pytest.approx([1.0, 1.4, 1.8])
    found = list(even.push(5.45, *frame(3)))
    assert [float(joints[0, 0, 0]) for joints, _ in found] == pytest.approx([2.25, 2.75])


def test_someone_who_comes_is_as_in_the_nearer_picture() -> None:
    even = FrameResampler(10)
    list(even.push(0.0, *frame(0)))
    found = [float(joints[0, 0, 0]) for joints, _ in even.push(0.5, *frame(4))]
    assert found == [0, 0, 0, 4, 4]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.from_checkpoint(write_checkpoint(tmp_path_factory.mktemp("live") / "a.safetensors"), device="cpu")


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    found = []
    for picture in VideoTake("wave a hand", 1, fps=15, size=(320, 240)).pictures():
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=90)
        found.append(data.getvalue())
    return found


def test_people_at_once_and_classes_after_a_window(
    predictor: Predictor, pictures: list[bytes], pose_weights: Path
) -> None:
    session = LiveSession(predictor, pose_weights, "0.5s", "0.2s")
    try:
        first = session.push(pictures[0], 0.0)
        (person,) = [person for person in first["people"] if person]
        assert len(person) == 33 and all(mark is None or 0 < mark[0] < 1 for mark in person)
        assert first["estimate"]["said"] is None and first["filled"] == 0
        for number, picture in enumerate(pictures[1:16], start=1):
            last = session.push(picture, number / 15)
        end = time.monotonic() + 30
        while session._estimate.values is None and time.monotonic() < end:
            time.sleep(0.02)
        last = session.push(pictures[16], 16 / 15)
        assert last["filled"] == 1
        said = last["estimate"]["said"]
        assert said["top"][0]["class"] in predictor.classes and set(said["best"]) == {"fine", "coarse"}
        assert last["delay_ms"] > 0 and last["error"] == ""
        after = session.push(pictures[17], 60.0)  # a minute later: a new window
        assert after["filled"] == 0
    finally:
        session.close()


def test_several_streams_of_a_flat_skeleton(pictures: list[bytes], pose_weights: Path, tmp_path: Path) -> None:
    """Checkpoints of OpenPose's 18 joints take the landmarks in the picture; two streams are fused."""
    paths = [
        write_checkpoint(
            tmp_path / f"{stream}.safetensors", stream=stream, dataset="kinetics", protocol="official",
            skeleton="openpose18", classes=["clap", "wave", "bow"], recipe="dualhead16",
        )
        for stream in ("joint", "bone")
    ]  # fmt: skip
    session = LiveSession(Predictor.from_checkpoint(paths, device="cpu"), pose_weights, "0.4s", "0.2s")
    try:
        for number, picture in enumerate(pictures[:12]):
            answer = session.push(picture, number / 15)
        end = time.monotonic() + 30
        while session._estimate.values is None and time.monotonic() < end:
            time.sleep(0.02)
        assert session._error == "" == answer["error"] and session._estimate.values is not None
        assert {item["class"] for item in session._estimate.values["top"]} == {"clap", "wave", "bow"}
    finally:
        session.close()
    with pytest.raises(ConfigError, match="ended"):
        session.push(pictures[0], 99.0)


def test_what_is_no_picture(predictor: Predictor, pose_weights: Path) -> None:
    session = LiveSession(predictor, pose_weights, "1s", "0.5s")
    try:
        with pytest.raises(FormatError, match="cannot be decoded"):
            session.push(b"text", 0.0)
        data = io.BytesIO()
        Image.new("RGB", (2000, 10)).save(data, "JPEG")
        with pytest.raises(FormatError, match="2000 x 10"):
            session.push(data.getvalue(), 0.0)
        with pytest.raises(ConfigError, match="time is nan"):
            session.push(data.getvalue(), float("nan"))
    finally:
        session.close()


def test_a_window_that_is_none(predictor: Predictor, pose_weights: Path) -> None:
    with pytest.raises(ConfigError, match="window is 'soon'"):
        LiveSession(predictor, pose_weights, "soon", "0.5s")
