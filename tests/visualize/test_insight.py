from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dualhead.data.recipes.recipes import get_recipe
from dualhead.inference.predictor import Predictor
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.models.registry import create_model
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20, NTU25, OPENPOSE18, Skeleton
from dualhead.visualize.insight import _over_time, explain

from ..exporting.making import SMALL
from .conftest import standing

CLASSES = ["sit down", "stand up", "wave", "throw", "carry", "read"]


def make_predictor(
    folder: Path, name: str = "dualhead", skeleton: Skeleton = NTU25, recipe: str = "resample16", **facts: Any
) -> Predictor:
    """One checkpoint whose gates say the same everywhere: temporal ones sigmoid(1) = 0.731, spatial ones 0.269."""
    torch.manual_seed(0)
    bodies = get_recipe(recipe).num_bodies(skeleton)
    model = create_model(name, num_classes=6, skeleton=skeleton, num_bodies=bodies, **SMALL[name])
    with torch.no_grad():
        for part, parameter in model.named_parameters():
            if "_to_" in part:
                parameter.zero_()
                if part.endswith("bias"):
                    parameter.fill_(1 if "to_coarse" in part else -1)
    facts = {"recipe": recipe, "stream": "joint", "classes": CLASSES, **facts}
    save_checkpoint(folder / "a.safetensors", model, facts)
    return Predictor.from_checkpoint(folder / "a.safetensors", device="cpu")


def moving(skeleton: Skeleton = NTU25, frames: int = 24, bodies: Sequence[bool] = (True,)) -> SkeletonSequence:
    rng = np.random.default_rng(0)
    joints = rng.random((len(bodies), frames, skeleton.num_joints, skeleton.dimensions)).astype(np.float32)
    joints[~np.array(bodies)] = 0
    return SkeletonSequence(joints, skeleton, name="a")


def test_windows_of_a_third_and_their_probabilities_at_their_middles(tmp_path: Path) -> None:
    predictor, sequence = make_predictor(tmp_path), moving(frames=30)
    insight = explain(predictor, sequence)
    assert (insight.window, insight.stride) == (10, 1)
    assert insight.heads == ("fine", "coarse")
    assert insight.curves.shape == (2, 4, 30)
    labels = [CLASSES.index(name) for name in insight.classes]
    segments = list(predictor.segments(sequence, window=10, stride=1))
    for head, curves in zip(insight.heads, insight.curves, strict=True):
        said = np.array([segment.prediction.heads[head][labels] for segment in segments])  # (windows, k)
        np.testing.assert_allclose(curves[:, :5], said[0][:, None] + np.zeros(5), atol=1e-6)  # before the first middle
        # The middles of the windows 3 and 4, frames 3 to 12 and 4 to 13, are 7.5 and 8.5: frame 8 is between them.
        np.testing.assert_allclose(curves[:, 8], (said[3] + said[4]) / 2, atol=1e-6)
    whole = predictor.predict(sequence)
    assert insight.predicted == whole.top(1)[0].name
    assert insight.classes[0] == whole.top(1, "fine")[0].name


def test_gates_are_named_and_brought_to_the_frames_and_joints_of_the_recording(tmp_path: Path) -> None:
    insight = explain(make_predictor(tmp_path), moving(frames=40, bodies=(True, False)))
    assert [gate.name for gate in insight.gates] == ["fine 2 to coarse 1"]
    assert insight.joint_gate == "coarse 2 to fine 2"
    assert insight.stream == "joint"
    values = insight.gates[0].values
    # The recipe leaves 5 % of the frames out: one at each end of 40, whose neighbours are shown mixed.
    assert np.flatnonzero(np.isfinite(values)).tolist() == list(range(2, 38))
    np.testing.assert_allclose(values[2:38], 0.7311, atol=1e-4)
    assert insight.joints is not None
    assert insight.joints.shape == (2, 40, 25)
    np.testing.assert_allclose(insight.joints[0], 0.2689, atol=1e-4)


def test_a_stretch_of_frames(tmp_path: Path) -> None:
    insight = explain(make_predictor(tmp_path), moving())
    part = insight.cut(6, 10)
    assert part.num_frames == 4
    np.testing.assert_array_equal(part.curves, insight.curves[:, :, 6:10])
    np.testing.assert_array_equal(part.gates[0].values, insight.gates[0].values[6:10])
    assert part.joints is not None
    assert part.joints.shape == (1, 4, 25)


def test_frames_of_the_clip_become_frames_of_the_recording() -> None:
    # The clip shows the frames 0, 2, 4, 7 of 8; the gate has one value for two of them.
    heard = {"fine2_to_coarse1": [torch.tensor([0.2, 0.8]).reshape(1, 1, 2, 1)]}
    (gate,) = _over_time(get_recipe("ucla4"), moving(KINECT20, 8), heard, {"fine2_to_coarse1": torch.nn.Identity()})
    np.testing.assert_allclose(gate.values, [0.2, 0.2, 0.2, 0.5, 0.8, 0.8, 0.8, 0.8], atol=1e-7)


def test_repeats_are_averaged_over_the_bodies_that_are_there() -> None:
    # 4 frames repeated to 8: the gate's halves are the two rounds; the second body is absent.
    heard = {"a1_to_b2": [torch.tensor([[0.2, 0.6], [0.9, 0.9]]).reshape(2, 1, 2, 1)]}
    sequence = moving(frames=4, bodies=(True, False))
    (gate,) = _over_time(get_recipe("dualhead8"), sequence, heard, {"a1_to_b2": torch.nn.Identity()})
    assert gate.name == "a 1 to b 2"
    np.testing.assert_allclose(gate.values, [0.4] * 4, atol=1e-7)


def test_each_body_has_its_own_gates_whatever_was_predicted_before(tmp_path: Path) -> None:
    """The first body leaves at frame 8, the second comes at 12: windows have one or the other, or both."""
    sequence = moving(bodies=(True, True))
    sequence.joints[0, 8:] = 0
    sequence.joints[1, :12] = 0
    make_predictor(tmp_path)
    path = tmp_path / "a.safetensors"
    plain, provenance = load_checkpoint(path)
    for part, parameter in plain.named_parameters():
        if "_to_fine" in part:
            torch.nn.init.normal_(parameter)
    save_checkpoint(path, plain, provenance)
    predictor = Predictor.from_checkpoint(path, device="cpu")
    as_trained = Predictor(
        [replace(predictor.members[0], model=plain.eval())], predictor.weights, predictor.method, predictor.device
    )
    wanted = explain(as_trained, sequence).joints
    predictor.predict(replace(sequence, joints=sequence.joints[1:]))  # the absent second body is known from now on
    joints = explain(predictor, sequence).joints
    assert wanted is not None
    assert joints is not None
    assert not np.allclose(wanted[0], wanted[1], atol=1e-3)
    np.testing.assert_allclose(joints, wanted, atol=1e-4)


def test_a_model_without_gates_has_predictions_only(tmp_path: Path) -> None:
    insight = explain(make_predictor(tmp_path, "stgcn"), moving())
    assert insight.heads == ("main",)
    assert insight.gates == ()
    assert insight.joints is None


def test_flat_recordings(tmp_path: Path) -> None:
    sequence = moving(OPENPOSE18, 20, (True, True))
    insight = explain(make_predictor(tmp_path, skeleton=OPENPOSE18, recipe="uniform16"), sequence)
    assert insight.joints is not None
    np.testing.assert_allclose(insight.joints, 0.2689, atol=1e-4)
    shown = get_recipe("uniform16").trace(sequence).index.astype(int)
    expected = np.full(20, np.nan)  # a gate knows nothing of frames that the model did not see
    expected[shown[0] : shown[-1] + 1] = 0.7311
    np.testing.assert_allclose(insight.gates[0].values, expected, atol=1e-4)


def test_joints_of_another_skeleton_get_the_colours_of_those_they_become(tmp_path: Path) -> None:
    predictor = make_predictor(tmp_path, skeleton=KINECT20, recipe="ucla16")
    insight = explain(predictor, SkeletonSequence(standing(12), NTU25))
    assert insight.joints is not None
    assert insight.joints.shape == (1, 12, 25)
    coloured = np.isfinite(insight.joints[0, 0])
    assert 18 <= coloured.sum() < 25  # fingertips and thumbs are no joints of the older sensor
    assert not coloured[[21, 22, 23, 24]].any()
    np.testing.assert_allclose(insight.joints[:, :, coloured], 0.2689, atol=1e-4)


def test_a_recording_that_was_normalised_before_has_no_windows(tmp_path: Path) -> None:
    sequence = moving()
    prepared = SkeletonSequence(sequence.joints, NTU25, prepared="resample16")
    with pytest.raises(ConfigError, match="normalised and padded"):
        explain(make_predictor(tmp_path), prepared)
