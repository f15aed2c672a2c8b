from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.pose_samples import generated_motion, smpl_array, smpl_joints
from dualhead.formats.smpl import parse_generated_motion, parse_smpl_joints
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import HAND22, NTU25, SMPL22
from tests.formats.files.test_arrays import npy
from tests.formats.making import kind_of, read_raw


def test_joints_of_a_standing_body(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "a.npy", smpl_array()) == "smpl"
    (clip,) = read_raw(tmp_path, "a.npy", smpl_array())
    assert (clip.skeleton, clip.unit, clip.recording.fps) == (SMPL22, "m", 20)
    assert clip.recording.joints[2, 15].tolist() == pytest.approx([0.16, 1.55, 0.1])


def test_the_body_of_52_joints() -> None:
    joints = np.concatenate([smpl_joints(), np.ones((3, 30, 3))], axis=1)
    assert parse_smpl_joints(joints, "x").recording.joints.shape == (3, 22, 3)


def test_motions_of_a_generator(tmp_path: Path) -> None:
    assert kind_of(tmp_path, "results.npy", generated_motion()) == "smpl"
    clips = read_raw(tmp_path, "results.npy", generated_motion())
    assert [(clip.name, clip.recording.num_frames) for clip in clips] == [("motion 0", 3), ("motion 1", 2)]
    assert clips[1].recording.joints[0, 15].tolist() == pytest.approx([0.16, 1.55, 0.1])


def test_other_arrays_of_22_joints_are_clips_of_ones_own(tmp_path: Path) -> None:
    hand = npy(np.random.default_rng(0).normal(0, 0.1, (4, 22, 3)))
    assert kind_of(tmp_path, "a.npy", hand) == "array"
    (clip,) = read_raw(tmp_path, "a.npy", smpl_array(), skeleton=HAND22)
    assert clip.skeleton == HAND22


def test_what_cannot_be_used_names_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"\(3, 22, 3\): joints of 'smpl22'.*'ntu25'"):
        read_raw(tmp_path, "a.npy", smpl_array(), usual=NTU25)
    with pytest.raises(FormatError, match=r"'motion', 'text'.*'ntu25'"):
        read_raw(tmp_path, "a.npy", generated_motion(), usual=NTU25)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ([], "expected a record"),
        ({"motion": np.ones((2, 22, 3))}, r"instead of \(N, 22, 3, frames\)"),
        ({"motion": np.ones((1, 22, 3, 4)), "lengths": [9]}, "'lengths' are not"),
        ({"motion": np.ones((1, 22, 3, 4)), "lengths": [1, 2]}, "'lengths' are not"),
    ],
)
def test_damage_is_one_sentence(content: Any, reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        list(parse_generated_motion(content, "x"))
