"""Name the actions in a video over time, and draw them over the picture. Needs `pip install 'dualhead[video]'`.

python examples/video_to_action.py runs/videos/best.safetensors kitchen.mp4 seen.mp4
"""

from __future__ import annotations

import argparse
from pathlib import Path

import dualhead


def main(arguments: list[str] | None = None) -> None:
    """Estimate the poses once, predict windows, join them to intervals, and draw."""
    parser = argparse.ArgumentParser(description="Name the actions in a video.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("out", type=Path, help="seen.mp4, or seen.html for a player")
    parser.add_argument("--window", default="2s")
    parser.add_argument("--stride", default="0.5s")
    parser.add_argument("--threshold", type=float, default=0.3, help="least probability of a window's class")
    options = parser.parse_args(arguments)

    poses = options.out.parent / "poses"  # kept, so that drawing does not estimate them again
    predictor = dualhead.Predictor.from_checkpoint(options.checkpoint)
    reader = predictor.make_reader(poses=dualhead.PoseEstimator(keep=poses))
    windows = list(predictor.segments(options.video, window=options.window, stride=options.stride, reader=reader))
    for interval in dualhead.merge_segments(windows, threshold=options.threshold):
        start, stop = interval.start / windows[0].fps, interval.stop / windows[0].fps
        print(f"{start:6.1f} to {stop:6.1f} s  {interval.action} {interval.probability:.0%}")
    cut = {"window": options.window, "stride": options.stride}
    print(dualhead.render(options.video, options.out, checkpoint=[options.checkpoint], keep_poses=poses, **cut))


if __name__ == "__main__":
    main()
