"""Who may ask the server for what."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.inference.predictor import Predictor
from dualhead.serve.server import Server, Settings
from tests.inference.builders import walk, write_checkpoint


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    path = write_checkpoint(tmp_path_factory.mktemp("server") / "a.safetensors")
    settings = Settings(window="20", stride="10", max_upload=2**20, pose_obstacle="poses need the extra")
    found = Server(Predictor.from_checkpoint(path, device="cpu"), settings)
    thread = threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    yield found
    found.shutdown()
    found.close()
    thread.join(timeout=5)


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, token: str | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    sent = {"X-Dualhead-Token": server.token if token is None else token}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, {name: value for name, value in sent.items() if value})
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def error(answer: tuple[int, dict[str, str], bytes]) -> str:
    return str(json.loads(answer[2])["error"])


def test_the_page_and_its_parts_come_from_here_alone(server: Server) -> None:
    status, headers, page = ask(server, "GET", f"/?token={server.token}", token="")
    assert status == 200 and b"{{" not in page
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy
    assert headers["Cache-Control"] == "no-store" and headers["X-Content-Type-Options"] == "nosniff"
    for line in page.decode().splitlines():
        assert "http:" not in line and "https:" not in line and "<style" not in line and "style=" not in line
    for name in ("app.css", "app.js"):
        assert ask(server, "GET", f"/assets/{name}?token={server.token}", token="")[0] == 200
    config = json.loads(ask(server, "GET", "/config")[2])
    assert config["live"] is False and config["why_not_live"] == "poses need the extra"
    assert config["heads"] == ["fine", "coarse"] and ".skeleton" in config["suffixes"]


@pytest.mark.parametrize("path", ["/", "/config", "/assets/app.js", "/files/x", "/nothing"])
@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_token_nothing_is_told(server: Server, path: str, token: str) -> None:
    answer = ask(server, "GET", path, token=token)
    assert answer[0] == 403 and "token" in error(answer)
    assert ask(server, "GET", f"{path}?token={token}", token="")[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://example.org"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Host": "example.org"},
        {"Host": "example.org:80"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_another_site_is_refused_even_with_the_token(server: Server, method: str, headers: dict[str, str]) -> None:
    answer = ask(server, method, f"/config?token={server.token}", b"" if method == "POST" else None, **headers)
    assert answer[0] == 403
    assert "Access-Control-Allow-Origin" not in answer[1]


def test_its_own_origin_may(server: Server) -> None:
    for host in ("127.0.0.1", "localhost"):
        headers = {"Origin": f"http://{host}:{server.port}", "Host": f"{host}:{server.port}"}
        assert ask(server, "GET", "/config", **headers, Sec_Fetch_Site="same-origin")[0] == 200


@pytest.mark.parametrize(
    ("body", "name", "status", "words"),
    [
        (b"", "a.mp4", 400, "a.mp4 is empty"),
        (b"x" * (2**20 + 1), "a.mp4", 413, "at most 1 MB"),
        (b"x", "", 400, "no name"),
    ],
)
def test_uploads_that_are_refused(server: Server, body: bytes, name: str, status: int, words: str) -> None:
    answer = ask(server, "POST", f"/files?client=z&name={name}", body)
    assert answer[0] == status and words in error(answer)


def test_a_length_has_to_be_given(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(
        "POST", "/files?client=z&name=a.npy", iter([b"abc"]), {"X-Dualhead-Token": server.token}, encode_chunked=True
    )
    assert connection.getresponse().status == 411


def answer_to(server: Server, request: str) -> bytes:
    """Return the first line of the answer to a request as it goes over the wire."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        connection.sendall(request.encode())
        return connection.makefile("rb").readline()


def test_requests_that_are_no_address_or_too_long_are_refused(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    host = f"Host: 127.0.0.1:{server.port}\r\nX-Dualhead-Token: {server.token}\r\n"
    assert b" 400 " in answer_to(server, f"GET http://[ HTTP/1.1\r\n{host}\r\n")
    length = f"Content-Length: {'9' * 5000}\r\n"
    assert b" 413 " in answer_to(server, f"POST /files?name=a HTTP/1.1\r\n{host}{length}\r\n")
    assert b" 413 " in answer_to(server, f"POST /live HTTP/1.1\r\n{host}{length}\r\n")
    assert capsys.readouterr().err == ""


def test_a_name_longer_than_a_file_system_takes_is_cut(server: Server) -> None:
    path = server.jobs.place("../" + "\U00020000" * 200 + ".csv")
    assert path.suffix == ".csv" and len(path.name.encode()) <= 80 and path.parent.parent == server.jobs.folder
    assert server.jobs.place("..").name == "recording"


def test_a_full_disk_is_a_sentence(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(server.jobs, "place", fail)
    answer = ask(server, "POST", "/files?name=a.csv&client=d", b"1,2")
    assert answer[0] == 507 and os.strerror(errno.ENOSPC) in error(answer)


def wait(server: Server, key: str) -> dict[str, Any]:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        state = json.loads(ask(server, "GET", f"/files/{key}")[2])
        if state["state"] in ("done", "failed"):
            return dict(state)
        time.sleep(0.05)
    raise AssertionError("not in time")


def test_a_recording_from_upload_to_download(server: Server, tmp_path: Path) -> None:
    np.save(tmp_path / "walk.npy", walk(3, 50))
    sent = ask(server, "POST", "/files?client=me&name=w%C3%A4lk.npy", (tmp_path / "walk.npy").read_bytes())
    key = json.loads(sent[2])["key"]
    assert wait(server, key)["state"] == "done"
    assert json.loads(ask(server, "GET", f"/files/{key}/result.json")[2])["name"] == "wälk.npy"
    status, headers, lines = ask(server, "GET", f"/files/{key}/result.jsonl?token={server.token}", token="")
    assert status == 200 and json.loads(lines.splitlines()[0])["start"] == 0
    assert headers["Content-Disposition"].endswith("UTF-8''w%C3%A4lk.jsonl")
    assert ask(server, "GET", f"/files/{key}/result.csv")[2].startswith(b"name,body")
    for other in ("result.mp4", "result.exe", ".."):
        assert ask(server, "GET", f"/files/{key}/{other}")[0] == 404
    assert ask(server, "DELETE", f"/files/{key}")[0] == 200
    assert ask(server, "GET", f"/files/{key}")[0] == 404


def test_a_damaged_file_is_a_sentence(server: Server) -> None:
    sent = ask(server, "POST", "/files?client=me&name=walk.skeleton", b"no numbers")
    state = wait(server, json.loads(sent[2])["key"])
    assert state["state"] == "failed" and "walk.skeleton" in state["error"]


def test_a_skeleton_that_poses_do_not_map_to_is_told(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "a.safetensors", skeleton="smpl22", classes=["a", "b"], dataset="custom")
    other = Server(Predictor.from_checkpoint(path, device="cpu"), Settings(pose_weights=tmp_path))
    try:
        assert "smpl22" in other.pose_obstacle() and other.configuration()["live"] is False
    finally:
        other.close()


def test_a_webcam_without_networks_or_session(server: Server) -> None:
    answer = ask(server, "POST", "/live?window=1s", b"")
    assert answer[0] == 409 and error(answer) == "poses need the extra"
    assert ask(server, "POST", "/live/frame?session=none&time=1", b"x")[0] == 410
