"""Files that were dropped: one at a time, with a sentence where they cannot be used, and removed at the end."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from dualhead.inference.predictor import Predictor
from dualhead.poses.command import PoseEstimator
from dualhead.poses.video import Video
from dualhead.poses.video_file import encode_video
from dualhead.serve.jobs import BusyError, Job, Jobs, result_json, result_lines, result_video
from dualhead.synthetic.videos import VideoTake
from tests.inference.builders import walk, write_checkpoint


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return Predictor.from_checkpoint(write_checkpoint(tmp_path_factory.mktemp("jobs") / "a.safetensors"), device="cpu")


def finished(jobs: Jobs, job: Job) -> Job:
    end = time.monotonic() + 60
    while job.state not in ("done", "failed"):
        assert time.monotonic() < end
        time.sleep(0.02)
    return job


def put(jobs: Jobs, name: str, content: bytes, client: str = "a") -> Job:
    path = jobs.place(name)
    path.write_bytes(content)
    return jobs.add(client, name, path, "20", "10")


def test_a_recording_is_named_over_time(predictor: Predictor, tmp_path: Path) -> None:
    jobs = Jobs(predictor, PoseEstimator())
    try:
        np.save(tmp_path / "walk.npy", walk(1, 60))
        job = finished(jobs, put(jobs, "walk.npy", (tmp_path / "walk.npy").read_bytes()))
        assert job.state == "done", job.error
        values = json.loads(result_json(job))
        assert values["shape"] == [1, 60, 25] and len(values["windows"]) == 5
        lines = [json.loads(line) for line in result_lines(job, "jsonl").splitlines()]
        assert lines[0]["start"] == 0 and lines[-1]["stop"] == 60
        assert result_lines(job, "csv").decode().splitlines()[0].startswith("name,body,start,stop")
        assert job.status()["video"] is False
    finally:
        jobs.close()
    assert not jobs.folder.exists()


def test_a_video_is_drawn_over(predictor: Predictor, tmp_path: Path, pose_weights: Path) -> None:
    pictures = [picture for picture, _ in zip(VideoTake("clap", 2).pictures(), range(12), strict=False)]
    encode_video(pictures, tmp_path / "clap.mp4", fps=10)
    jobs = Jobs(predictor, PoseEstimator(pose_weights))
    try:
        job = finished(jobs, put(jobs, "clap.mp4", (tmp_path / "clap.mp4").read_bytes()))
        assert job.state == "done", job.error
        assert job.annotation is not None and job.annotation.num_frames == 12
        with Video(result_video(job)) as video:
            assert len(list(video.frames())) == 12 and video.height > 480
        assert result_video(job) == result_video(job)
    finally:
        jobs.close()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.mp4", b"this is text", "notes.mp4: it is not a video"),
        ("walk.npy", b"text", "walk.npy"),
        ("letter.docx", b"text", "letter.docx"),
    ],
)
def test_what_cannot_be_used_is_a_sentence(predictor: Predictor, name: str, content: bytes, words: str) -> None:
    pytest.importorskip("av")
    jobs = Jobs(predictor, PoseEstimator())
    try:
        job = finished(jobs, put(jobs, name, content))
        assert job.state == "failed" and words in job.error
        assert str(jobs.folder) not in job.error
    finally:
        jobs.close()


def test_one_file_at_a_time_for_each_client(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "_look", lambda self, job: time.sleep(0.3))
    jobs = Jobs(predictor, PoseEstimator())
    try:
        first = put(jobs, "a.npy", b"x")
        with pytest.raises(BusyError, match=r"a\.npy"):
            put(jobs, "b.npy", b"x")
        other = put(jobs, "c.npy", b"x", client="b")
        finished(jobs, first)
        finished(jobs, other)
        put(jobs, "b.npy", b"x")
        assert jobs.get(first.key) is None and not first.path.exists()  # its place is taken
        assert jobs.get(other.key) is other
    finally:
        jobs.close()


def test_a_name_cannot_lead_out_of_the_folder(predictor: Predictor) -> None:
    jobs = Jobs(predictor, PoseEstimator())
    try:
        for name in ("../../etc/passwd", "..", "/etc/x.npy", "a\x00b.npy", "." * 300):
            path = jobs.place(name)
            assert path.parent.parent == jobs.folder and len(path.name) <= 80 and not path.name.startswith(".")
    finally:
        jobs.close()
