"""HTTP for this machine alone: a server with a token, closed to other sites, that answers faults in a sentence."""

from __future__ import annotations

import errno
import hmac
import json
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from dualhead.runtime.errors import DualheadError, printable_line

HOST = "127.0.0.1"

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


class RefusedError(DualheadError):
    """A request that gets a status and a sentence.

    Args:
        status: The status of the response.
        reason: The sentence.
    """

    def __init__(self, status: HTTPStatus, reason: str):
        super().__init__(reason)
        self.status = status


class LocalServer(ThreadingHTTPServer):
    """An HTTP server that only this machine reaches, with a token that every request must contain.

    Args:
        handler: Handles a request.
        port: The port, 0 for a free one.

    Attributes:
        token: The token.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[LocalHandler], port: int = 0):
        super().__init__((HOST, port), handler)
        self.token = secrets.token_urlsafe(24)

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


class LocalHandler(BaseHTTPRequestHandler):
    """Handles one connection to a `LocalServer`; a subclass passes its paths to `answer`.

    Attributes:
        query: The last value of each name in the address.
    """

    server: LocalServer
    protocol_version = "HTTP/1.1"
    server_version = "dualhead"
    sys_version = ""
    timeout = 60

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (the base class's name)
        """Print nothing: the address holds the token."""

    def answer(
        self, exact: Mapping[str, Callable[[], None]], below: Mapping[str, Callable[[list[str]], None]] | None = None
    ) -> None:
        """Check the origin of a request, then dispatch it; an error becomes a status and a sentence.

        Args:
            exact: What is done at a path.
            below: By the first part of a path what is done with two or three parts, which it takes.
        """
        self._sent = False
        try:
            address = _split(self.path)
            self.query = {name: values[-1] for name, values in parse_qs(address.query).items()}
            self._check_origin()
            action = exact.get(address.path)
            parts = address.path.strip("/").split("/")
            if action is not None:
                action()
            elif below is not None and parts[0] in below and len(parts) in (2, 3):
                below[parts[0]](parts)
            else:
                raise RefusedError(HTTPStatus.NOT_FOUND, f"there is nothing at {printable_line(address.path)[:80]}")
        except RefusedError as error:
            self._refuse(error.status, str(error))
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
            raise RefusedError(HTTPStatus.FORBIDDEN, "the request is for another host")
        origin = self.headers.get("Origin")
        if origin is not None and origin not in {f"http://{host}" for host in hosts}:
            raise RefusedError(HTTPStatus.FORBIDDEN, "the request comes from another site")
        if self.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
            raise RefusedError(HTTPStatus.FORBIDDEN, "the request comes from another site")
        given = self.headers.get("X-Dualhead-Token") or self.query.get("token", "")
        if not hmac.compare_digest(given.encode(), self.server.token.encode()):
            raise RefusedError(HTTPStatus.FORBIDDEN, "the token is missing or wrong: open the address that was printed")

    def length(self) -> int:
        """Return the length of the request's body as its header states it."""
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or "Transfer-Encoding" in self.headers:
            raise RefusedError(HTTPStatus.LENGTH_REQUIRED, "the request has no Content-Length")
        return int(length) if len(length) <= 20 else 10**20  # Python refuses to convert thousands of digits

    def body(self, most: int) -> bytes:
        """Read the body of the request, of at most so many bytes."""
        size = self.length()
        if size > most:
            raise RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"{size} bytes, expected at most {most}")
        data = self.rfile.read(size)
        if len(data) != size:
            raise ConnectionError
        return data

    def send_json(self, values: Mapping[str, Any]) -> None:
        """Send values as JSON."""
        self.send(json.dumps(values, ensure_ascii=False).encode(), "application/json")

    def send(
        self, data: bytes, kind: str, more: Mapping[str, str] | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        """Send bytes of a content type, with further headers."""
        self._head(status, kind, len(data), more)
        self.wfile.write(data)

    def send_file(self, path: Path, kind: str, more: Mapping[str, str]) -> None:
        """Send the content of a file."""
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
            self.send(json.dumps({"error": reason}).encode(), "application/json", {"Connection": "close"}, status)
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


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the request has no valid address") from None
