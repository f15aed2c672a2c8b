"""A headless chromium, driven over the WebDriver protocol without any package."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np


def programs() -> tuple[str, str] | None:
    """Return chromium and its driver, or None where one of them is not installed."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver = next(filter(None, map(shutil.which, ("chromedriver", "chromium-driver"))), None)
    return (browser, driver) if browser and driver else None


class Browser:
    """One window."""

    def __init__(self, port: int, options: dict[str, Any]):
        self._base = f"http://127.0.0.1:{port}"
        capabilities = {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"performance": "ALL"}}}
        session = self._call("POST", "/session", {"capabilities": capabilities})
        self._base += f"/session/{session['sessionId']}"

    def _call(self, method: str, path: str, values: Any = None) -> Any:
        data = None if method != "POST" else json.dumps(values or {}).encode()
        request = urllib.request.Request(self._base + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, url: str) -> None:
        self._call("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        return self._call("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector: str) -> str:
        return str(self.run("return (document.querySelector(arguments[0]) || {}).innerText || ''", selector))

    def click(self, selector: str) -> None:
        self.run("document.querySelector(arguments[0]).click()", selector)

    def choose_file(self, selector: str, path: Path) -> None:
        found = self._call("POST", "/element", {"using": "css selector", "value": selector})
        self._call("POST", f"/element/{next(iter(found.values()))}/value", {"text": str(path)})

    def press(self, key: str) -> None:
        down, up = ({"type": kind, "value": key} for kind in ("keyDown", "keyUp"))
        self._call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [down, up]}]})

    def resize(self, width: int, height: int) -> None:
        self._call("POST", "/window/rect", {"width": width, "height": height})

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("GET", "/screenshot")))

    def requests(self) -> list[str]:
        """Return every address that the page has asked for since the last call."""
        entries = self._call("POST", "/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        return [
            message["params"]["request"]["url"] for message in messages
            if message["method"] == "Network.requestWillBeSent"
        ]  # fmt: skip

    def wait(self, ready: Callable[[], Any], seconds: float = 60) -> Any:
        """Wait until something is there.

        Raises:
            AssertionError: If it is not in time.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = ready()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"not in {seconds} s; the page says {self.text('main')!r}")

    def close(self) -> None:
        self._call("DELETE", "")


@contextmanager
def chromium(folder: Path, camera: Path | None = None, more: Sequence[str] = ()) -> Iterator[Browser]:
    """Start a browser whose webcam shows a file.

    Args:
        folder: For its profile.
        camera: A `.y4m` file.
        more: Further options.
    """
    found = programs()
    assert found is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--mute-audio",
        "--disable-background-networking", "--hide-scrollbars", f"--user-data-dir={folder / 'profile'}", *more,
        "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
    ]  # fmt: skip
    if camera is not None:
        options += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}"]
    process = subprocess.Popen([found[1], f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    browser = None
    try:
        for _ in range(100):
            try:
                browser = Browser(port, {"binary": found[0], "args": options})
                break
            except OSError:
                time.sleep(0.2)
        assert browser is not None, "chromium did not start"
        yield browser
    finally:
        if browser is not None:
            browser.close()
        process.terminate()
        process.wait(timeout=20)


def write_y4m(path: Path, pictures: Iterator[Any], fps: int = 30) -> Path:
    """Write pictures as the file of a fake webcam."""
    import av

    with path.open("wb") as file:
        for number, picture in enumerate(pictures):
            pixels = np.asarray(picture)
            high, wide = pixels.shape[:2]
            if not number:
                file.write(f"YUV4MPEG2 W{wide} H{high} F{fps}:1 Ip A1:1 C420jpeg\n".encode())
            planes = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p").to_ndarray()
            file.write(b"FRAME\n" + planes.tobytes())
    return path
