"""Name the action in front of a camera while it happens. Needs `pip install 'dualhead[video]'`.

    python examples/live.py runs/videos/best.safetensors /dev/video0
    python examples/live.py runs/videos/best.safetensors clip.mp4    # a file in place of the camera

A webcam is a device such as /dev/video0 on Linux. `dualhead serve` shows the same in a browser, on any system.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import av
import numpy as np

import dualhead
from dualhead.poses.recording import pose_arrays
from dualhead.poses.tracker import PoseTracker
from dualhead.poses.weights import find_weights
from dualhead.serve.live import FrameResampler


def pictures(source: str) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the time in seconds and the RGB pixels of every frame of a camera or a file."""
    with av.open(source, format="v4l2" if source.startswith("/dev/") else None) as container:
        for frame in container.decode(video=0):
            yield float(frame.time), frame.to_ndarray(format="rgb24")


def main(arguments: list[str] | None = None) -> None:
    """Track one person, resample the poses to the frame rate of the training, and print each new estimate."""
    parser = argparse.ArgumentParser(description="Name the action in front of a camera.")
    parser.add_argument("checkpoint")
    parser.add_argument("source")
    parser.add_argument("--window", default="2s")
    parser.add_argument("--stride", default="0.5s")
    options = parser.parse_args(arguments)

    predictor = dualhead.Predictor.from_checkpoint(options.checkpoint)
    rate = predictor.fps or 30.0
    stream = predictor.stream(window=options.window, stride=options.stride, fps=rate, skeleton="mediapipe33")
    tracker, resampler = PoseTracker(find_weights(None), max_people=1), FrameResampler(rate)
    shown = None
    for seconds, pixels in pictures(options.source):
        (pose,) = tracker.push(pixels)
        joints, confidence = np.zeros((1, 33, 3), np.float32), np.zeros((1, 33), np.float32)
        if pose is not None:
            joints[0], _, _, confidence[0] = pose_arrays(pose, (pixels.shape[1], pixels.shape[0]))
        for frame in resampler.push(seconds, joints, confidence):
            estimate = stream.push(*frame)
            if estimate is not None and estimate is not shown:
                shown, best = estimate, estimate.prediction.top(1)[0]
                print(f"{estimate.stop / rate:6.1f} s  {best.name} {best.probability:.0%}", flush=True)


if __name__ == "__main__":
    main()
