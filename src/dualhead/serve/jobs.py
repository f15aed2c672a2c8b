"""Uploaded files, processed one after another in a separate thread."""

from __future__ import annotations

import io
import json
import queue
import secrets
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from itertools import islice
from pathlib import Path
from typing import Any

from dualhead.inference.predictor import Predictor
from dualhead.inference.writing import INTERVAL_COLUMNS, write_items
from dualhead.poses.command import PoseEstimator
from dualhead.poses.video import is_video
from dualhead.runtime.errors import ConfigError, DualheadError, printable_line
from dualhead.serve.local_http import RefusedError
from dualhead.visualize.annotation import Annotation
from dualhead.visualize.video_render import annotate, draw

KEEP_SECONDS = 3600.0
"""Time that the result of a file is kept after the last request, in seconds."""

_MOST_JOBS = 16
_LONGEST_STEP = 30.0  # seconds until a file that is in work is given up


class BusyError(RefusedError):
    """Raised where a client already has a file in progress."""

    def __init__(self, reason: str):
        super().__init__(HTTPStatus.CONFLICT, reason)


class _CancelledError(Exception):
    """The job was cancelled."""


@dataclass
class Job:
    """One file.

    Attributes:
        key: Its identifier in URLs; cannot be guessed.
        client: The page that it came from.
        name: The name of the uploaded file.
        path: The file, in a folder of its own.
        window: Length of a window.
        stride: From the start of a window to the start of the next.
        state: "waiting", "poses", "predicting", "done" or "failed".
        done: Frames that poses were found in.
        total: Frames of the video, or None.
        error: Why it failed, one sentence.
        annotation: The result.
        cancelled: Whether it was cancelled.
        used: When it was last requested.
    """

    key: str
    client: str
    name: str
    path: Path
    window: str
    stride: str
    state: str = "waiting"
    done: int = 0
    total: int | None = None
    error: str = ""
    annotation: Annotation | None = None
    cancelled: bool = False
    used: float = field(default_factory=time.monotonic)
    drawing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def is_video(self) -> bool:
        """True if it is a video, which can be annotated."""
        return is_video(self.path)

    def status(self) -> dict[str, Any]:
        """Return the progress as JSON-able values."""
        return {
            "key": self.key, "name": self.name, "state": self.state, "done": self.done, "total": self.total,
            "error": self.error, "video": self.is_video,
        }  # fmt: skip


class Jobs:
    """The files of all clients, one in work at a time.

    Args:
        predictor: The checkpoints.
        estimator: Estimates poses.
    """

    def __init__(self, predictor: Predictor, estimator: PoseEstimator):
        self._predictor, self._estimator = predictor, estimator
        self.folder = Path(tempfile.mkdtemp(prefix="dualhead-serve-"))
        self._jobs: dict[str, Job] = {}
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._worker = threading.Thread(target=self._work, name="dualhead-files", daemon=True)
        self._worker.start()

    def close(self) -> None:
        """Stop the work and remove every file."""
        with self._lock:
            for job in self._jobs.values():
                job.cancelled = True
        self._queue.put(None)
        self._worker.join(timeout=_LONGEST_STEP)
        shutil.rmtree(self.folder, ignore_errors=True)

    def check_free(self, client: str) -> None:
        """Raise on a second file of a client while the first is processed.

        Raises:
            BusyError: If there is one.
        """
        with self._lock:
            for job in self._jobs.values():
                if job.client == client and job.state not in ("done", "failed"):
                    raise BusyError(f"{job.name} is still in progress: wait for it, or cancel it")

    def place(self, name: str) -> Path:
        """Return a path for an upload in a folder of its own, whose name ends as the user's does."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        kept = (letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in name)
        plain = "".join(kept)[-80:]  # in ASCII, so that it is no longer in bytes than a file system takes
        return folder / (plain.lstrip(".") or "recording")

    def add(self, client: str, name: str, path: Path, window: str, stride: str) -> Job:
        """Append a file to the queue; an earlier job of the client is removed.

        Args:
            client: The page that it came from.
            name: Its name on the user's machine.
            path: The file, from `place`.
            window: Length of a window.
            stride: From the start of a window to the start of the next.

        Returns:
            The job.

        Raises:
            BusyError: If the client has a file in work.
        """
        self.check_free(client)
        with self._lock:
            old = [job for job in self._jobs.values() if job.client == client]
            old += [job for job in self._jobs.values() if time.monotonic() - job.used > KEEP_SECONDS]
            finished = [job for job in self._jobs.values() if job.state in ("done", "failed")]
            old += sorted(finished, key=lambda job: job.used)[: max(0, len(self._jobs) - _MOST_JOBS)]
        for job in old:
            self.remove(job.key)
        job = Job(secrets.token_urlsafe(12), client, printable_line(name)[:120], path, window, stride)
        with self._lock:
            self._jobs[job.key] = job
        self._queue.put(job)
        return job

    def get(self, key: str) -> Job | None:
        """Return the job with a key, or None if it does not exist."""
        with self._lock:
            job = self._jobs.get(key)
        if job is not None:
            job.used = time.monotonic()
        return job

    def remove(self, key: str) -> None:
        """Cancel a job and remove its file."""
        with self._lock:
            job = self._jobs.pop(key, None)
        if job is not None:
            job.cancelled = True
            if job.state != "poses":  # its thread reads the file, and removes it
                shutil.rmtree(job.path.parent, ignore_errors=True)

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            if not job.cancelled:
                self._run(job)
            if job.cancelled:
                shutil.rmtree(job.path.parent, ignore_errors=True)

    def _run(self, job: Job) -> None:
        try:
            job.annotation = self._look(job)
            job.state = "done"
        except _CancelledError:
            job.state = "failed"
        except DualheadError as error:
            job.error = printable_line(str(error)).replace(str(job.path), job.name)
            job.state = "failed"
        except Exception as error:  # noqa: BLE001  (a bug on one file must not end the server)
            job.error = printable_line(f"unexpected {type(error).__name__}: {error}")
            job.state = "failed"

    def _look(self, job: Job) -> Annotation:
        def progress(done: int, total: int | None) -> None:
            if job.cancelled:
                raise _CancelledError
            job.done, job.total = done, total

        flat = self._predictor.skeleton.dimensions == 2
        if job.is_video:
            job.state = "poses"
            poses = self._estimator.find(job.path, progress)
            if not poses.num_people:
                raise ConfigError(f"no person was found in any of the {poses.num_frames} frames of {job.name}")
            job.state = "predicting"
            sequence = poses.to_sequence(flat=flat)
            return annotate(job.name, self._predictor, sequence, poses, window=job.window, stride=job.stride)
        job.state = "predicting"
        found = list(islice(self._predictor.make_reader(each_body=True).read(job.path), 2))
        if len(found) != 1:
            raise ConfigError(f"{job.name} holds more than one recording: drop one of them")
        return annotate(job.name, self._predictor, found[0], window=job.window, stride=job.stride)


def result_json(job: Job) -> bytes:
    """Return the result as the JSON that the page reads."""
    assert job.annotation is not None
    return json.dumps(job.annotation.to_dict(), ensure_ascii=False).encode()


def result_lines(job: Job, kind: str) -> bytes:
    """Return the intervals as `dualhead predict --window` writes them.

    Args:
        job: A job that is done.
        kind: "jsonl" or "csv".
    """
    assert job.annotation is not None
    text = io.StringIO()
    write_items(job.annotation.intervals, text, kind, INTERVAL_COLUMNS, 5)
    return text.getvalue().encode()


def result_video(job: Job) -> Path:
    """Draw the annotated video, once.

    Args:
        job: A job of a video that is done.

    Returns:
        The mp4.
    """
    assert job.annotation is not None
    out = job.path.parent / "annotated.mp4"
    with job.drawing:
        if not out.is_file():
            draw(job.path, job.annotation, out)
    return out
