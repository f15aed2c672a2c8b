from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from dualhead.data.recipes import step as step_module
from dualhead.data.recipes.augment import TimeCrop
from dualhead.data.recipes.draft import Draft
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.recipes.step import Stage, Step, make_step, register_augmentation, register_step
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20, Skeleton

SEQUENCE = SkeletonSequence(np.random.default_rng(0).normal(size=(2, 6, 20, 3)).astype(np.float32), KINECT20)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what a test registers."""
    monkeypatch.setattr(step_module._STEPS, "_values", dict(step_module._STEPS._values))
    yield


def test_a_step_is_a_name_or_a_name_with_arguments() -> None:
    assert make_step("time_crop") == TimeCrop()
    assert make_step({"time_crop": {"share": [0.5, 0.9], "probability": 1}}) == TimeCrop((0.5, 0.9), probability=1)
    assert make_step({"time_crop": None}) == TimeCrop()
    assert make_step(TimeCrop(min_frames=3)) == TimeCrop(min_frames=3)


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ("time_crap", "did you mean 'time_crop'"),
        ({"time_crop": {"shares": 1}}, "did you mean 'share'"),
        ({"time_crop": {"share": 0.5}}, "share"),
        ({"time_crop": {"probability": "often"}}, "time_crop"),
        ({"time_crop": 3}, "time_crop"),
        ({"time_crop": {}, "noise": {}}, "noise"),
        ({"linear": {}}, "'frames'"),
        (7, "7"),
    ],
)
def test_a_wrong_entry_is_refused(entry: object, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        make_step(entry)


def test_a_function_becomes_an_augmentation() -> None:
    @register_augmentation("shift", stage=Stage.VIEW)
    def shift(clip: np.ndarray, rng: np.random.Generator, skeleton: Skeleton, *, metres: float = 1.0) -> np.ndarray:
        return clip + np.float32(metres * rng.choice((-1, 1)))

    recipe = get_recipe({"base": "ucla6", "scale": None, "augment": [{"shift": {"metres": 10}}]})
    assert [step.name for step in recipe.steps] == ["centre_on_frame0", "shift", "sorted_frames", "stream"]
    clips = [recipe.clip(SEQUENCE, "joint", train=True, rng=np.random.default_rng(seed)) for seed in range(20)]
    assert {round(float(clip[:, 0, KINECT20.origin].mean()), -1) for clip in clips} == {-10, 10}
    np.testing.assert_array_equal(recipe.clip(SEQUENCE, "joint"), get_recipe({"base": "ucla6", "scale": None}).clip(
        SEQUENCE, "joint"))  # fmt: skip
    assert pickle.loads(pickle.dumps(recipe)) == recipe  # noqa: S301
    with pytest.raises(ConfigError, match="did you mean 'metres'"):
        make_step({"shift": {"metre": 1}})


def test_an_augmentation_needs_defaults_and_a_free_name() -> None:
    with pytest.raises(ConfigError, match="'amount'"):
        register_augmentation("bad")(lambda clip, rng, skeleton, amount: clip)
    with pytest.raises(ConfigError, match="'noise'"):
        register_augmentation("noise")(lambda clip, rng, skeleton: clip)
    with pytest.raises(ConfigError, match="'no blanks'"):
        register_augmentation("no blanks")(lambda clip, rng, skeleton: clip)


def test_a_class_becomes_a_step() -> None:
    @register_step("stand_still")
    @dataclass(frozen=True)
    class StandStill(Step):
        """Let every frame show the first."""

        def __call__(self, draft: Draft) -> None:
            draft.clip = np.repeat(draft.clip[:, :1], draft.length, axis=1)

    recipe = get_recipe({"base": "ucla6", "add": ["stand_still"]})
    assert not recipe.clip(SEQUENCE, "joint_motion").any()
    assert StandStill.name == "stand_still"
