"""How fast poses and the live page are: `python -m benchmarks.poses [--browser] [--out results.json]`.

Poses are found in drawn people of 640 x 480 pixels by networks of one thread; figures are medians over the pictures, in
processor time, on which a busy machine has little influence. `serve` is asked over HTTP here by a client that
sends the next JPEG picture of 480 x 360 as soon as it has the answer to the one before, in wall-clock time and in
processor time of server and client; with `--browser` also by the page in a headless chromium, before a fake webcam of
30 frames a second. The checkpoint has random weights: speed does not depend on them.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch loads

import numpy as np
from PIL import Image
from rich.console import Console

from benchmarks.commit import commit
from dualhead.inference.predictor import Predictor
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.registry import create_model
from dualhead.poses.network import LandmarkModel, PersonDetector
from dualhead.poses.region import PackedImage
from dualhead.poses.tracker import PoseTracker
from dualhead.poses.video import Video
from dualhead.poses.video_file import encode_video
from dualhead.poses.weights import DETECTOR, LANDMARKS, find_weights
from dualhead.runtime.files import write_text
from dualhead.serve.server import Server, Settings
from dualhead.synthetic.videos import VideoTake

_WINDOW, _STRIDE = "2s", "0.5s"


def median_ms(action: Callable[[], object], times: int) -> float:
    """Return the median time of an action in milliseconds of the processor."""
    taken = []
    for _ in range(times + 1):
        start = time.process_time()
        action()
        taken.append(1000 * (time.process_time() - start))
    return round(statistics.median(taken[1:]), 2)


def measure_poses(weights: Path, folder: Path, times: int) -> dict[str, Any]:
    """Time the steps from a video to poses."""
    one = [np.asarray(picture) for picture in VideoTake("wave a hand", 1).pictures()]
    two = [np.asarray(picture) for picture in VideoTake("shake hands", 3).pictures()]
    encode_video(one, folder / "one.mp4", fps=30)
    picture = PackedImage(one[0])
    detector, marks = PersonDetector(weights / DETECTOR), LandmarkModel(weights / LANDMARKS)
    region = detector.find(picture)[0]
    found: dict[str, Any] = {
        "detector_ms": median_ms(lambda: detector.find(picture), times),
        "landmarks_ms": median_ms(lambda: marks.find(picture, region), times),
        "crop_ms": median_ms(lambda: region.crop(picture, 256, extend=True), times),
    }
    for name, pictures, people in (("one_person", one, 1), ("two_people", two, 2)):
        tracker = PoseTracker(weights, people)
        frames = iter(pictures)
        each = median_ms(lambda tracker=tracker, frames=frames: tracker.push(next(frames)), len(pictures) - 1)
        found[f"{name}_ms"], found[f"{name}_fps"] = each, round(1000 / each, 1)
    start = time.process_time()
    with Video(folder / "one.mp4") as video:
        tracker, count = PoseTracker(weights, 1), 0
        for frame in video.frames():
            tracker.push(frame.pixels)
            count += 1
    found["video_fps"] = round(count / (time.process_time() - start), 1)
    return found


def make_server(weights: Path, folder: Path, model: str) -> Server:
    """Start a server with a checkpoint of random weights for NTU RGB+D 60."""
    path = folder / f"{model}.safetensors"
    classes = [f"class {number}" for number in range(60)]
    provenance = {"recipe": "resample64", "stream": "joint", "classes": classes, "dataset": "synthetic"}
    save_checkpoint(path, create_model(model, num_classes=60, skeleton="ntu25"), provenance)
    server = Server(Predictor.from_checkpoint(path, device="cpu"), Settings(_WINDOW, _STRIDE, 1, 2**20, weights))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def measure_serve(server: Server, seconds: float) -> dict[str, Any]:
    """Send pictures one after another, and read what the page would show."""
    pictures = []
    for picture in VideoTake("wave a hand", 1).pictures():
        data = io.BytesIO()
        picture.resize((480, 360), Image.Resampling.BILINEAR).save(data, "JPEG", quality=80)
        pictures.append(data.getvalue())
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)

    def ask(path: str, body: bytes) -> dict[str, Any]:
        connection.request("POST", path, body, {"X-Dualhead-Token": server.token})
        return dict(json.loads(connection.getresponse().read()))

    session = ask(f"/live?window={_WINDOW}&stride={_STRIDE}", b"")["session"]
    trips, delays, number, start, busy = [], [], 0, time.perf_counter(), time.process_time()
    while (now := time.perf_counter()) < start + seconds:
        answer = ask(f"/live/frame?session={session}&time={now}", pictures[len(trips) % len(pictures)])
        trips.append(1000 * (time.perf_counter() - now))
        if answer["estimate"]["number"] != number:
            number = answer["estimate"]["number"]
            delays.append(answer["delay_ms"])
    busy = time.process_time() - busy
    ask(f"/live/stop?session={session}", b"")
    return {
        "processor_ms": round(1000 * busy / len(trips), 1),
        "fps": round(len(trips) / seconds, 1),
        "trip_ms": round(statistics.median(trips), 1),
        "estimates": len(delays),
        "delay_ms": round(statistics.median(delays), 1) if delays else None,
        "longest_delay_ms": round(max(delays), 1) if delays else None,
    }


def measure_browser(server: Server, folder: Path, seconds: float) -> dict[str, Any]:
    """Read what the page shows in a headless chromium, which draws without a GPU beside the server."""
    from tests.serve.browser import chromium, write_y4m

    camera = write_y4m(folder / "camera.y4m", VideoTake("wave a hand", 1).pictures())
    with chromium(folder, camera) as browser:
        browser.open(server.url)
        browser.wait(lambda: browser.run("return document.body.dataset.ready"))
        browser.click("#start")
        browser.wait(lambda: browser.text("#delay-ms").endswith("ms"))
        rates, delays = [], []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            time.sleep(0.5)
            rates.append(float(browser.text("#fps")))
            delays.append(float(browser.text("#delay-ms").split()[0]))
        browser.click("#stop")
    return {"fps": round(statistics.median(rates), 1), "delay_ms": round(statistics.median(delays), 1)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=40, help="repeats of each step")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the server is asked")
    parser.add_argument("--browser", action="store_true", help="also through the page in a headless chromium")
    parser.add_argument("--out", type=Path, help="where to write the figures as JSON")
    given = parser.parse_args()
    weights = find_weights()
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    found: dict[str, Any] = {"commit": commit(), "machine": machine, "load_before": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found["poses"] = measure_poses(weights, folder, given.times)
        for model in ("dualhead_small", "dualhead"):
            server = make_server(weights, folder, model)
            found[f"serve_{model}"] = measure_serve(server, given.seconds)
            if given.browser:
                found[f"browser_{model}"] = measure_browser(server, folder, given.seconds)
            server.shutdown()
            server.close()
    found["load_after"] = os.getloadavg()[0]
    Console().print_json(json.dumps(found))
    if given.out is not None:
        write_text(given.out, json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
