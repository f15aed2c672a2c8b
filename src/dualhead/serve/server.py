"""The HTTP server of the page: local only, with a token, closed to requests of other sites."""

from __future__ import annotations

import errno
import hmac
import json
import secrets
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, urlsplit

from dualhead.formats.video import domain_gap
from dualhead.inference.predictor import Predictor
from dualhead.poses.command import PoseEstimator
from dualhead.poses.recording import skeleton_for
from dualhead.reading.registry import readable_suffixes
from dualhead.runtime.errors import DualheadError, MismatchError, printable_line
from dualhead.serve.jobs import BusyError, Job, Jobs, result_json, result_lines, result_video
from dualhead.serve.live import LiveSession
from dualhead.skeleton_maps import joint_sources
from dualhead.version import __version__
from dualhead.visualize.annotation import POSE_LINES
from dualhead.visualize.page import asset, palette

HOST = "127.0.0.1"

MOST_PICTURE_BYTES = 4 * 2**20
"""Largest picture of a webcam that is taken."""

_MOST_SESSIONS = 2
_IDLE_SECONDS = 60.0
_BLOCK = 2**20
_DRAIN_BYTES, _DRAIN_SECONDS = 2**26, 3.0

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


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


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "the request has no valid address") from None


class _RefusedError(Exception):
    """A request that gets a status and a sentence."""

    def __init__(self, status: HTTPStatus, reason: str):
        super().__init__(reason)
        self.status = status


class Server(ThreadingHTTPServer):
    """Serves the page and what it asks for.

    Args:
        predictor: The checkpoints.
        settings: Further settings.
        port: The port, 0 for a free one.

    Attributes:
        token: The token that every request must contain.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, predictor: Predictor, settings: Settings, port: int = 0):
        super().__init__((HOST, port), _Handler)
        self.predictor, self.settings = predictor, settings
        self.token = secrets.token_urlsafe(24)
        self.sessions: dict[str, LiveSession] = {}
        self.lock = threading.Lock()
        estimator = PoseEstimator(settings.pose_weights, settings.max_people)
        self.jobs = Jobs(predictor, estimator)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect; see `socketserver.BaseServer`."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def port(self) -> int:
        """The port that it listens at."""
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        """The address of the page, with the token."""
        return f"http://{HOST}:{self.port}/?token={self.token}"

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
            raise _RefusedError(HTTPStatus.CONFLICT, self.pose_obstacle())
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


class _Handler(BaseHTTPRequestHandler):
    """Handles one connection."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "dualhead"
    sys_version = ""
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Print nothing: the address holds the token."""

    def do_GET(self) -> None:
        self._answer(
            {
                "/": self._page,
                "/assets/app.css": self._css,
                "/assets/app.js": self._js,
                "/config": lambda: self._json(self.server.configuration()),
            },
            self._get_file,
        )

    def do_POST(self) -> None:
        self._answer(
            {
                "/live": self._start_live,
                "/live/frame": self._live_frame,
                "/live/stop": self._stop_live,
                "/files": self._upload,
            }
        )

    def do_DELETE(self) -> None:
        self._answer({}, self._delete_file)

    def _answer(
        self, paths: Mapping[str, Callable[[], None]], below: Callable[[list[str]], None] | None = None
    ) -> None:
        """Check the origin of a request, then dispatch it."""
        self._sent = False
        try:
            address = _split(self.path)
            self.query = {name: values[-1] for name, values in parse_qs(address.query).items()}
            self._check_origin()
            action = paths.get(address.path)
            parts = address.path.strip("/").split("/")
            if action is not None:
                action()
            elif below is not None and parts[0] == "files" and len(parts) in (2, 3):
                below(parts)
            else:
                raise _RefusedError(HTTPStatus.NOT_FOUND, f"there is nothing at {printable_line(address.path)[:80]}")
        except _RefusedError as error:
            self._refuse(error.status, str(error))
        except BusyError as error:
            self._refuse(HTTPStatus.CONFLICT, str(error))
        except DualheadError as error:
            self._refuse(HTTPStatus.BAD_REQUEST, printable_line(str(error)))
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            status = HTTPStatus.INSUFFICIENT_STORAGE if full else HTTPStatus.INTERNAL_SERVER_ERROR
            self._refuse(status, f"a file cannot be read or written ({error.strerror or error})")
        except Exception as error:  # noqa: BLE001  (a bug in one request must not end the server)
            self._refuse(
                HTTPStatus.INTERNAL_SERVER_ERROR, printable_line(f"unexpected {type(error).__name__}: {error}")
            )

    def _check_origin(self) -> None:
        """Raise on requests from another site, by another host name, or without the token."""
        port = self.server.port
        hosts = {f"{HOST}:{port}", f"localhost:{port}"}
        if self.headers.get("Host", "") not in hosts:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "the request is for another host")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise _RefusedError(HTTPStatus.FORBIDDEN, "the request comes from another site")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise _RefusedError(HTTPStatus.FORBIDDEN, "the request comes from another site")
        given = self.headers.get("X-Dualhead-Token") or self.query.get("token", "")
        if not hmac.compare_digest(given.encode(), self.server.token.encode()):
            raise _RefusedError(
                HTTPStatus.FORBIDDEN, "the token is missing or wrong: open the address that was printed"
            )

    def _page(self) -> None:
        page = (files("dualhead.serve") / "assets" / "page.html").read_text(encoding="utf-8")
        self._send(page.replace("{{ token }}", quote(self.server.token)).encode(), "text/html; charset=utf-8")

    def _css(self) -> None:
        own = (files("dualhead.serve") / "assets" / "page.css").read_text(encoding="utf-8")
        text = "\n".join((palette(), asset("base.css"), asset("annotation.css"), own))
        self._send(text.encode(), "text/css; charset=utf-8")

    def _js(self) -> None:
        own = (files("dualhead.serve") / "assets" / "page.js").read_text(encoding="utf-8")
        self._send(f"{asset('annotation.js')}\n{own}".encode(), "text/javascript; charset=utf-8")

    def _start_live(self) -> None:
        self._body(MOST_PICTURE_BYTES)
        window, stride = self._spans()
        self._json({"session": self.server.start_session(window, stride)})

    def _live_frame(self) -> None:
        data = self._body(MOST_PICTURE_BYTES)
        with self.server.lock:
            session = self.server.sessions.get(self.query.get("session", ""))
        if session is None:
            raise _RefusedError(HTTPStatus.GONE, "this webcam session has ended: start it again")
        try:
            seconds = float(self.query.get("time", ""))
        except ValueError:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "time is missing: expected seconds") from None
        self._json(session.push(data, seconds))

    def _stop_live(self) -> None:
        self._body(MOST_PICTURE_BYTES)
        self.server.end_session(self.query.get("session", ""))
        self._json({})

    def _upload(self) -> None:
        client, name = self.query.get("client", "")[:64], self.query.get("name", "")[:200]
        window, stride = self._spans()
        most, size = self.server.settings.max_upload, self._length()
        if not name:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "the file has no name")
        shown = printable_line(name)
        if size > most:
            words = f"{shown} has {size / 2**20:.0f} MB, at most {most / 2**20:.0f} MB are taken (--max-upload)"
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)
        if size == 0:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, f"{shown} is empty (0 bytes): expected a video or a recording")
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
        self._json(job.status())

    def _get_file(self, parts: list[str]) -> None:
        job = self._job(parts[1])
        if len(parts) == 2:
            self._json(job.status())
            return
        kind = parts[2].removeprefix("result.")
        if (
            job.annotation is None
            or kind not in ("json", "jsonl", "csv", "mp4")
            or (kind == "mp4" and not job.is_video)
        ):
            raise _RefusedError(HTTPStatus.NOT_FOUND, f"there is no {printable_line(parts[2])[:40]} of {job.name}")
        stem = quote(Path(job.name).stem, safe="")
        attached = {"Content-Disposition": f"attachment; filename*=UTF-8''{stem}.{kind}"}
        if kind == "json":
            self._send(result_json(job), "application/json")
        elif kind == "mp4":
            self._send_file(result_video(job), "video/mp4", attached)
        else:
            kinds = {"jsonl": "application/jsonl", "csv": "text/csv; charset=utf-8"}
            self._send(result_lines(job, kind), kinds[kind], attached)

    def _delete_file(self, parts: list[str]) -> None:
        self.server.jobs.remove(self._job(parts[1]).key)
        self._json({})

    def _job(self, key: str) -> Job:
        job = self.server.jobs.get(key)
        if job is None:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "this file was removed: drop it again")
        return job

    def _spans(self) -> tuple[str, str]:
        settings = self.server.settings
        return self.query.get("window") or settings.window, self.query.get("stride") or settings.stride

    def _length(self) -> int:
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or "Transfer-Encoding" in self.headers:
            raise _RefusedError(HTTPStatus.LENGTH_REQUIRED, "the request has no Content-Length")
        return int(length) if len(length) <= 20 else 10**20  # Python refuses to convert thousands of digits

    def _body(self, most: int) -> bytes:
        size = self._length()
        if size > most:
            raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{size} bytes, expected at most {most}")
        data = self.rfile.read(size)
        if len(data) != size:
            raise ConnectionError
        return data

    def _json(self, values: Mapping[str, Any]) -> None:
        self._send(json.dumps(values, ensure_ascii=False).encode(), "application/json")

    def _send(
        self, data: bytes, kind: str, more: Mapping[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self._head(status, kind, len(data), more)
        self.wfile.write(data)

    def _send_file(self, path: Path, kind: str, more: Mapping[str, str]) -> None:
        with path.open("rb") as file:
            self._head(HTTPStatus.OK, kind, path.stat().st_size, more)
            shutil.copyfileobj(file, self.wfile)

    def _head(self, status: HTTPStatus, kind: str, size: int, more: Mapping[str, str] | None) -> None:
        self._sent = True
        self.send_response(status)
        for name, value in {**_HEADERS, **(more or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def _refuse(self, status: HTTPStatus, reason: str) -> None:
        self.close_connection = True  # what is left of the request is not read
        if self._sent:
            return
        try:
            self._send(json.dumps({"error": reason}).encode(), "application/json", {"Connection": "close"}, status)
            self._drain()
        except OSError:
            pass

    def _drain(self) -> None:
        """Read some of the remaining request: a client that is cut off while sending does not see the response."""
        self.connection.settimeout(1.0)
        end, left = time.monotonic() + _DRAIN_SECONDS, _DRAIN_BYTES
        while left > 0 and time.monotonic() < end:
            block = self.rfile.read1(_BLOCK)
            if not block:
                return
            left -= len(block)
