from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dualhead.data.store.store import Store
from dualhead.exporting.checking import Clips, compare, random_clips, recorded_clips
from dualhead.inference.predictor import Predictor
from dualhead.runtime.errors import ExportError

from ..visualize.conftest import small_store  # noqa: F401
from .making import make_checkpoint, make_model


def test_clips_of_everybody_of_one_and_of_nobody() -> None:
    clips = random_clips(make_model("stgcn"), 12)
    assert clips.shape == (3, 3, 12, 25, 2)
    assert clips.dtype == np.float32
    assert [[bool(clip[..., body].any()) for body in range(2)] for clip in clips] == [
        [True, True],
        [True, False],
        [False, False],
    ]


@pytest.mark.parametrize(("off", "kept"), [(0.9e-4, True), (1.1e-4, False), (float("nan"), False)])
def test_the_tolerance_holds_for_the_largest_logit(off: float, kept: bool) -> None:
    model = make_model("stgcn")
    clips = random_clips(model, 12)
    with torch.no_grad():
        right = model(torch.from_numpy(clips)).numpy()
    size = max(1.0, float(np.abs(right).max()))

    def wrong(_: Clips) -> Clips:
        given = right.copy()
        given[1, 0, 2] += off * size
        return given

    if kept:
        assert compare(model, wrong, clips, "clips") == pytest.approx(off, rel=0.1)
    else:
        with pytest.raises(ExportError, match=r"differs by .* on clips, 1e-04 is allowed: nothing was kept"):
            compare(model, wrong, clips, "clips")


def test_another_shape_is_refused() -> None:
    model = make_model("stgcn")
    with pytest.raises(ExportError, match=r"shape \(3, 3\) on clips: \(3, 1, 3\)"):
        compare(model, lambda clips: np.zeros((len(clips), 3), np.float32), random_clips(model, 12), "clips")


def test_recordings_become_the_clips_that_the_recipe_makes(small_store: Store, tmp_path: Path) -> None:  # noqa: F811
    predictor = Predictor.from_checkpoint(make_checkpoint(tmp_path / "a.safetensors", "stgcn"), device="cpu")
    clips = list(recorded_clips(predictor, small_store.path))
    assert len(clips) == 6
    np.testing.assert_array_equal(clips[2], predictor.members[0].recipe.clips(small_store[2], "bone"))
