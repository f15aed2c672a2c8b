"""A video with what is seen in it: as an mp4 and as a page that works offline."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from dualhead.poses.command import PoseEstimator
from dualhead.poses.video import Video
from dualhead.poses.video_file import encode_video
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25
from dualhead.synthetic.videos import VideoTake
from dualhead.visualize.video_render import annotate, annotation_page, render_video
from tests.inference.builders import walk
from tests.poses.videos import write_video


@pytest.fixture(scope="module")
def clap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("av")
    path = tmp_path_factory.mktemp("clap") / "clap.mp4"
    pictures = [picture for picture, _ in zip(VideoTake("clap", 1).pictures(), range(8), strict=False)]
    encode_video(pictures, path, fps=8)
    return path


def test_skeletons_alone_need_no_checkpoint(clap: Path, tmp_path: Path, pose_weights: Path) -> None:
    estimator = PoseEstimator(pose_weights, keep=tmp_path / "kept")
    assert render_video(clap, tmp_path / "seen.mp4", estimator=estimator, quiet=True) == 8
    with Video(tmp_path / "seen.mp4") as video:
        assert video.fps == 8 and len(list(video.frames())) == 8
    render_video(clap, tmp_path / "seen.html", estimator=estimator, quiet=True)
    page = (tmp_path / "seen.html").read_text(encoding="utf-8")
    (data,) = re.findall(r'<script id="data" type="application/json">(.*?)</script>', page, re.DOTALL)
    values = json.loads(data)
    assert values["shape"] == [1, 8, 33] and values["video"].startswith("data:video/mp4;base64,")
    with pytest.raises(ConfigError, match="GIF"):
        render_video(clap, tmp_path / "seen.gif", estimator=estimator, quiet=True)


def test_a_video_without_anybody_is_refused(tmp_path: Path, pose_weights: Path) -> None:
    path = write_video(tmp_path / "empty.mp4", 3)
    with pytest.raises(FormatError, match=r"empty\.mp4.*no person"):
        render_video(path, tmp_path / "seen.mp4", estimator=PoseEstimator(pose_weights), quiet=True)
    assert not (tmp_path / "seen.mp4").exists()


def test_a_name_cannot_become_markup(tmp_path: Path) -> None:
    sequence = SkeletonSequence(walk(0).astype(np.float32), NTU25, "x")
    page = annotation_page(annotate("</script><script>alert(1)</script>", None, sequence), None)
    assert "<script>alert" not in page and page.count("</script>") == 2
