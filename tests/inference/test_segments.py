from __future__ import annotations

import json

import numpy as np
import pytest

from dualhead.inference.prediction import Prediction
from dualhead.inference.segments import Segment, merge_segments
from dualhead.runtime.errors import ConfigError


def segment(
    share: tuple[int, int],
    wave: float,
    body: int | None = None,
    name: str = "a",
    fps: float | None = 10,
    recording: int = 0,
) -> Segment:
    """A window of 10 frames around its share, in which "wave" is that probable and "nod" the rest."""
    probabilities = np.array([wave, 1 - wave])
    prediction = Prediction(name, ("wave", "nod"), probabilities, {"main": probabilities})
    return Segment(share[0] - 5, share[1] + 5, share, body, fps, prediction, recording)


def short(*segments: Segment, threshold: float = 0.0) -> list[tuple[str, int | None, int, int, str, float, int]]:
    return [
        (item.name, item.body, item.start, item.stop, item.action, round(item.probability, 6), item.windows)
        for item in merge_segments(segments, threshold)
    ]


def test_neighbours_of_one_class_become_one() -> None:
    assert short(segment((0, 10), 0.9), segment((10, 15), 0.7), segment((15, 20), 0.2)) == [
        ("a", None, 0, 15, "wave", 0.8, 2),
        ("a", None, 15, 20, "nod", 0.8, 1),
    ]


def test_who_is_not_sure_says_nothing() -> None:
    windows = [segment((0, 10), 0.9), segment((10, 20), 0.6), segment((20, 30), 0.9), segment((30, 40), 0.3)]
    assert short(*windows, threshold=0.7) == [
        ("a", None, 0, 10, "wave", 0.9, 1),
        ("a", None, 20, 30, "wave", 0.9, 1),
        ("a", None, 30, 40, "nod", 0.7, 1),
    ]
    with pytest.raises(ConfigError, match="threshold is 2"):
        short(threshold=2)


def test_no_interval_spans_two_recordings_of_one_name() -> None:
    windows = [segment((0, 10), 0.9), segment((10, 20), 0.9, recording=1)]
    assert [item[2:4] for item in short(*windows)] == [(0, 10), (10, 20)]


def test_a_stretch_without_anybody_is_a_gap() -> None:
    assert [item[2:4] for item in short(segment((0, 10), 0.9), segment((20, 30), 0.9))] == [(0, 10), (20, 30)]


def test_bodies_have_intervals_of_their_own() -> None:
    windows = [
        segment((0, 10), 0.9), segment((0, 10), 0.9, 0), segment((0, 10), 0.1, 1),
        segment((10, 20), 0.4), segment((10, 20), 0.8, 0),
    ]  # fmt: skip
    assert sorted(item[1:5] for item in short(*windows) if item[1] is not None) == [
        (0, 0, 20, "wave"),
        (1, 0, 10, "nod"),
    ]
    assert [item[2:5] for item in short(*windows) if item[1] is None] == [(0, 10, "wave"), (10, 20, "nod")]


def test_recordings_do_not_run_together() -> None:
    assert [item[0] for item in short(segment((0, 10), 0.9), segment((10, 20), 0.9, name="b"))] == ["a", "b"]
    assert [item[2:4] for item in short(segment((0, 10), 0.9), segment((0, 10), 0.9))] == [(0, 10), (0, 10)]


def test_intervals_come_as_soon_as_they_end() -> None:
    def windows():  # type: ignore[no-untyped-def]
        yield segment((0, 10), 0.9)
        yield segment((10, 20), 0.1)
        raise KeyboardInterrupt

    merged = merge_segments(windows())
    assert next(merged).action == "wave"
    with pytest.raises(KeyboardInterrupt):
        next(merged)


def test_as_json() -> None:
    (interval,) = merge_segments([segment((0, 10), 0.75, 1)])
    assert json.loads(json.dumps(interval.to_dict())) == {
        "name": "a", "body": 1, "start": 0, "stop": 10, "start_s": 0.0, "stop_s": 1.0, "label": 0, "class": "wave",
        "probability": 0.75, "windows": 1,
    }  # fmt: skip
    values = segment((10, 20), 0.75, fps=None).to_dict(1)
    assert json.loads(json.dumps(values)) == {
        "name": "a", "body": None, "start": 5, "stop": 25,
        "top": [{"label": 0, "class": "wave", "probability": 0.75}],
        "heads": {"main": [{"label": 0, "class": "wave", "probability": 0.75}]},
    }  # fmt: skip
