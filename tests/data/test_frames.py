from __future__ import annotations

import numpy as np
import pytest

from dualhead.data.frames import join_frames
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import COCO17


def person(x: float, confidence: float | None = 0.5) -> np.ndarray:
    """COCO key points from (x, 100) to (x, 260), `(17, 3)`, or `(17, 2)` without confidence."""
    pose = np.stack([np.full(17, x), np.linspace(100, 260, 17)], axis=1)
    return pose if confidence is None else np.column_stack([pose, np.full(17, confidence)])


def test_people_in_any_order_and_number() -> None:
    frames = [[person(50), person(300)], [person(301), person(51)], [], np.stack([person(302)])]
    sequence = join_frames(frames, "coco17", image_size=(640, 480), name="me")
    assert (sequence.name, sequence.skeleton, sequence.fields) == ("me", COCO17, {"width": 640, "height": 480})
    assert sequence.joints.shape == (2, 4, 17, 2)
    assert sequence.joints[:, :, 0, 0].tolist() == [[300, 301, 0, 302], [50, 51, 0, 0]]
    assert sequence.confidence is not None
    assert sequence.confidence[1, :, 0].tolist() == [0.5, 0.5, 0, 0]
    assert join_frames(frames, COCO17, max_bodies=1).joints[:, 0, 0, 0].tolist() == [300]


def test_joints_that_were_not_found() -> None:
    lost, unsure = person(50), person(50)
    lost[3] = np.nan
    unsure[4, 2] = 0
    sequence = join_frames([[lost], [unsure]], "coco17")
    assert sequence.joints[0, 0, 3].tolist() == [0, 0]
    assert sequence.joints[0, 1, 4].tolist() == [0, 0]
    assert sequence.confidence is not None
    assert sequence.confidence[0, :, 3].tolist() == [0, 0.5]
    plain = join_frames([[person(50, None)]], "coco17")
    assert plain.confidence is None
    assert plain.joints[0, 0, 16].tolist() == [50, 260]


def test_nobody() -> None:
    assert join_frames([[], []], "coco17").joints.shape == (0, 2, 17, 2)
    assert join_frames([], "coco17").joints.shape == (0, 0, 17, 2)


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"frame 1 has shape \(17, 3\): skeleton 'coco17' needs \(people, 17, 2\)"):
        join_frames([[], person(50)], "coco17")
    with pytest.raises(ConfigError, match=r"1 has.*2 numbers.*3"):
        join_frames([[person(50)], [person(50, None)]], "coco17")
    with pytest.raises(ConfigError, match="infinite"):
        join_frames([[person(np.inf)]], "coco17")
    with pytest.raises(ConfigError, match="image_size is"):
        join_frames([[person(50)]], "coco17", image_size=(640,))
    with pytest.raises(ConfigError, match="unknown skeleton 'coco'"):
        join_frames([[person(50)]], "coco")
