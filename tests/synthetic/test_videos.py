"""Videos of generated people with the truth beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dualhead.poses.video import Video
from dualhead.runtime.errors import ConfigError
from dualhead.synthetic.videos import VideoTake, generate_videos


def test_truth_depends_on_the_numbers_alone() -> None:
    take = VideoTake("wave a hand", 3)
    assert np.array_equal(take.truth(), take.truth())
    assert not np.array_equal(take.truth()[:, :30], VideoTake("wave a hand", 4).truth()[:, :30])
    assert take.truth().shape[0] == 1 and VideoTake("push", 1).truth().shape[0] == 2
    assert (take.truth()[..., 2] > 1).all()  # in front of the camera


def test_a_lower_rate_has_the_same_moments() -> None:
    full, half = VideoTake("clap", 1).truth(), VideoTake("clap", 1, fps=15).truth()
    assert np.array_equal(full[:, ::2], half)
    with pytest.raises(ConfigError, match="fps is 7"):
        VideoTake("clap", 1, fps=7).truth()


def test_unknown_actions_are_named() -> None:
    with pytest.raises(ConfigError, match="clapp"):
        VideoTake("clapp", 1).truth()


def test_a_folder_for_each_class(tmp_path: Path) -> None:
    pytest.importorskip("av")
    videos, truths = tmp_path / "videos", tmp_path / "truth"
    paths = generate_videos(
        videos, actions=("clap", "kick"), num_performers=1, fps=5, size=(96, 72), truth=truths, quiet=True
    )
    assert [path.parent.name for path in paths] == ["clap", "kick"]
    truth = np.load(truths / "clap" / f"{paths[0].stem}.npy")
    with Video(paths[0]) as video:
        assert (video.fps, video.width, video.height) == (5, 96, 72)
        assert len(list(video.frames())) == truth.shape[1]
    before = paths[0].stat().st_mtime_ns
    generate_videos(videos, actions=("clap",), num_performers=1, fps=5, size=(96, 72), quiet=True)
    assert paths[0].stat().st_mtime_ns == before
