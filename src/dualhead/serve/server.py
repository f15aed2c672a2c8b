"""The server of the page: its configuration, webcam sessions, and files that are dropped on it."""

from __future__ import annotations

import secrets
import shutil
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from dualhead.formats.video import domain_gap
from dualhead.inference.predictor import Predictor
from dualhead.poses.command import PoseEstimator
from dualhead.poses.recording import skeleton_for
from dualhead.reading.registry import readable_suffixes
from dualhead.runtime.errors import MismatchError, printable_line
from dualhead.serve.jobs import Job, Jobs, result_json, result_lines, result_video
from dualhead.serve.live import LiveSession
from dualhead.serve.local_http import LocalHandler, LocalServer, RefusedError
from dualhead.skeleton_maps import joint_sources
from dualhead.version import __version__
from dualhead.visualize.annotation import POSE_LINES
from dualhead.visualize.page import asset, palette

MOST_PICTURE_BYTES = 4 * 2**20
"""Largest picture of a webcam that is taken."""

_MOST_SESSIONS = 2
_IDLE_SECONDS = 60.0
_BLOCK = 2**20


@dataclass(frozen=True)
class Settings:
    """Settings of a server.

    Attributes:
        window: Length of a window that the page begins with.
        stride: From the start of a window to the start of the next.
        max_people: Most people to follow.
        max_upload: Largest file in bytes.
        pose_weights: Folder of the pose networks, or None where poses cannot be found.
        pose_obstacle: Why they cannot, one sentence.
    """

    window: str = "3s"
    stride: str = "0.5s"
    max_people: int = 2
    max_upload: int = 500 * 2**20
    pose_weights: Path | None = None
    pose_obstacle: str = ""


class Server(LocalServer):
    """Serves the page and what it asks for.

    Args:
        predictor: The checkpoints.
        settings: Further settings.
        port: The port, 0 for a free one.
    """

    def __init__(self, predictor: Predictor, settings: Settings, port: int = 0):
        super().__init__(_Handler, port)
        self.predictor, self.settings = predictor, settings
        self.sessions: dict[str, LiveSession] = {}
        self.lock = threading.Lock()
        estimator = PoseEstimator(settings.pose_weights, settings.max_people)
        self.jobs = Jobs(predictor, estimator)

    def close(self) -> None:
        """Stop all threads and remove all files."""
        with self.lock:
            sessions = list(self.sessions.values())
            self.sessions.clear()
        for session in sessions:
            session.close()
        self.jobs.close()
        self.server_close()

    def configuration(self) -> dict[str, Any]:
        """Return the configuration of the page as JSON-able values."""
        predictor, settings = self.predictor, self.settings
        return {
            "version": __version__,
            "models": [f"{member.model.config.name} ({member.name})" for member in predictor.members],
            "classes": len(predictor.classes),
            "heads": list(predictor.members[0].model.heads),
            "skeleton": predictor.skeleton.name,
            "dataset": predictor.dataset,
            "window": settings.window,
            "stride": settings.stride,
            "max_upload": settings.max_upload,
            "suffixes": [*readable_suffixes(), ".zip", ".tar"],
            "lines": [list(line) for line in POSE_LINES],
            "live": not self.pose_obstacle(),
            "why_not_live": self.pose_obstacle(),
            "expect": domain_gap(predictor.dataset),
        }

    def pose_obstacle(self) -> str:
        """Describe why neither a webcam nor videos can be used; "" where they can."""
        skeleton = self.predictor.skeleton
        try:
            joint_sources(skeleton_for(skeleton), skeleton)
        except MismatchError as error:
            return f"poses cannot be used with this checkpoint: {error}"
        return self.settings.pose_obstacle

    def start_session(self, window: str, stride: str) -> str:
        """Start a webcam session; the oldest one ends where there are too many."""
        if self.settings.pose_weights is None:
            raise RefusedError(HTTPStatus.CONFLICT, self.pose_obstacle())
        session = LiveSession(self.predictor, self.settings.pose_weights, window, stride, self.settings.max_people)
        key = secrets.token_urlsafe(12)
        with self.lock:
            now = time.monotonic()
            by_age = sorted(self.sessions, key=lambda name: self.sessions[name].last_used)
            many = by_age[: max(0, len(by_age) - _MOST_SESSIONS + 1)]
            idle = [name for name in by_age if now - self.sessions[name].last_used > _IDLE_SECONDS]
            ended = [self.sessions.pop(name) for name in {*many, *idle}]
            self.sessions[key] = session
        for old in ended:
            old.close()
        return key

    def end_session(self, key: str) -> None:
        """Close a live session."""
        with self.lock:
            session = self.sessions.pop(key, None)
        if session is not None:
            session.close()


class _Handler(LocalHandler):
    """Handles one connection."""

    server: Server

    def do_GET(self) -> None:  # noqa: N802  (the base class's name)
        self.answer(
            {
                "/": self._page,
                "/assets/app.css": self._css,
                "/assets/app.js": self._js,
                "/config": lambda: self.send_json(self.server.configuration()),
            },
            {"files": self._get_file},
        )

    def do_POST(self) -> None:  # noqa: N802  (the base class's name)
        self.answer(
            {
                "/live": self._start_live,
                "/live/frame": self._live_frame,
                "/live/stop": self._stop_live,
                "/files": self._upload,
            }
        )

    def do_DELETE(self) -> None:  # noqa: N802  (the base class's name)
        self.answer({}, {"files": self._delete_file})

    def _page(self) -> None:
        page = (files("dualhead.serve") / "assets" / "page.html").read_text(encoding="utf-8")
        self.send(page.replace("{{ token }}", quote(self.server.token)).encode(), "text/html; charset=utf-8")

    def _css(self) -> None:
        own = (files("dualhead.serve") / "assets" / "page.css").read_text(encoding="utf-8")
        text = "\n".join((palette(), asset("base.css"), asset("annotation.css"), own))
        self.send(text.encode(), "text/css; charset=utf-8")

    def _js(self) -> None:
        own = (files("dualhead.serve") / "assets" / "page.js").read_text(encoding="utf-8")
        self.send(f"{asset('annotation.js')}\n{own}".encode(), "text/javascript; charset=utf-8")

    def _start_live(self) -> None:
        self.body(MOST_PICTURE_BYTES)
        window, stride = self._spans()
        self.send_json({"session": self.server.start_session(window, stride)})

    def _live_frame(self) -> None:
        data = self.body(MOST_PICTURE_BYTES)
        with self.server.lock:
            session = self.server.sessions.get(self.query.get("session", ""))
        if session is None:
            raise RefusedError(HTTPStatus.GONE, "this webcam session has ended: start it again")
        try:
            seconds = float(self.query.get("time", ""))
        except ValueError:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "time is missing: expected seconds") from None
        self.send_json(session.push(data, seconds))

    def _stop_live(self) -> None:
        self.body(MOST_PICTURE_BYTES)
        self.server.end_session(self.query.get("session", ""))
        self.send_json({})

    def _upload(self) -> None:
        client, name = self.query.get("client", "")[:64], self.query.get("name", "")[:200]
        window, stride = self._spans()
        most, size = self.server.settings.max_upload, self.length()
        if not name:
            raise RefusedError(HTTPStatus.BAD_REQUEST, "the file has no name")
        shown = printable_line(name)
        if size > most:
            words = f"{shown} has {size / 2**20:.0f} MB, at most {most / 2**20:.0f} MB are taken (--max-upload)"
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)
        if size == 0:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"{shown} is empty (0 bytes): expected a video or a recording")
        self.server.jobs.check_free(client)
        path = self.server.jobs.place(name)
        try:
            with path.open("wb") as file:
                left = size
                while left:
                    block = self.rfile.read(min(left, _BLOCK))
                    if not block:
                        raise ConnectionError
                    file.write(block)
                    left -= len(block)
            job = self.server.jobs.add(client, name, path, window, stride)
        except BaseException:
            shutil.rmtree(path.parent, ignore_errors=True)
            raise
        self.send_json(job.status())

    def _get_file(self, parts: list[str]) -> None:
        job = self._job(parts[1])
        if len(parts) == 2:
            self.send_json(job.status())
            return
        kind = parts[2].removeprefix("result.")
        if (
            job.annotation is None
            or kind not in ("json", "jsonl", "csv", "mp4")
            or (kind == "mp4" and not job.is_video)
        ):
            raise RefusedError(HTTPStatus.NOT_FOUND, f"there is no {printable_line(parts[2])[:40]} of {job.name}")
        stem = quote(Path(job.name).stem, safe="")
        attached = {"Content-Disposition": f"attachment; filename*=UTF-8''{stem}.{kind}"}
        if kind == "json":
            self.send(result_json(job), "application/json")
        elif kind == "mp4":
            self.send_file(result_video(job), "video/mp4", attached)
        else:
            kinds = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
            self.send(result_lines(job, kind), kinds[kind], attached)

    def _delete_file(self, parts: list[str]) -> None:
        self.server.jobs.remove(self._job(parts[1]).key)
        self.send_json({})

    def _job(self, key: str) -> Job:
        job = self.server.jobs.get(key)
        if job is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "this file was removed: drop it again")
        return job

    def _spans(self) -> tuple[str, str]:
        settings = self.server.settings
        return self.query.get("window") or settings.window, self.query.get("stride") or settings.stride
