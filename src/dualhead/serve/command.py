"""The command `serve`: checkpoints behind a page in the browser, on this machine alone."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path
from typing import Literal

from dualhead.formats.video import require_pose_networks
from dualhead.inference.predictor import Predictor
from dualhead.inference.windows import window_frames
from dualhead.poses.network import require_litert
from dualhead.poses.weights import find_weights
from dualhead.runtime.errors import ConfigError
from dualhead.serve.server import Server, Settings


def serve(
    checkpoints: list[Path],
    *,
    weights: list[float] | Literal["equal", "published"] | None = None,
    fusion: Path | None = None,
    window: str = "3s",
    stride: str = "0.5s",
    max_people: int = 2,
    pose_weights: Path | None = None,
    port: int = 0,
    browser: bool = True,
    max_upload: int = 500,
    device: str | None = None,
) -> None:
    """Open a page in the browser that names actions before the webcam or in a file.

    The page shows the skeletons over the picture, the current classes of each head with their history, and over a file
    a timeline; results can be downloaded as JSON lines, CSV and an annotated mp4. The server listens at 127.0.0.1
    alone, and its address holds a token. Nothing leaves this machine, and files are removed when it ends. Ctrl-C ends
    it.

    Args:
        checkpoints: Checkpoints (.safetensors); several are fused.
        weights: Weights of several checkpoints: numbers in their order, "equal" or "published". Default: equal.
        fusion: The score file that `dualhead fuse --out` wrote for these checkpoints, in place of weights.
        window: Length of a window that is named: frames (90) or seconds (3s); can be changed on the page.
        stride: From the start of a window to the start of the next, likewise.
        max_people: Most people to follow.
        pose_weights: Folder of the pose networks. Default: the user's cache, filled at the first use.
        port: The port to listen at. Default: a free one.
        browser: Whether to open the page.
        max_upload: Largest file that is taken, in MB.
        device: The device to run on. Default: a CUDA GPU if there is one, else the CPU.

    Raises:
        CheckpointError: If a checkpoint cannot be read.
        ConfigError: If an option cannot be used, or the port is taken.
        MismatchError: If checkpoints do not match.
    """
    if weights is not None and fusion is not None:
        raise ConfigError("weights and a fusion that holds weights are both given: pass one of the two")
    if max_upload < 1:
        raise ConfigError(f"max_upload is {max_upload}: pass MB, 1 or more")
    if not 0 <= port < 65536:
        raise ConfigError(f"port is {port}: expected 0 (a free one) to 65535")
    if max_people < 1:
        raise ConfigError(f"max_people is {max_people}: expected 1 or more")
    predictor = Predictor.from_checkpoint(checkpoints, weights=weights if fusion is None else fusion, device=device)
    window_frames(window, stride, predictor.fps or 30.0)
    networks, reason = find_networks(pose_weights)
    settings = Settings(window, stride, max_people, max_upload * 2**20, networks, reason)
    try:
        server = Server(predictor, settings, port)
    except OSError as error:
        raise ConfigError(f"port {port} cannot be listened at ({error.strerror}): pass another, or 0") from error
    try:
        why = server.pose_obstacle()
        if why:
            print(f"dualhead: only recordings of skeletons can be dropped on the page: {why}", file=sys.stderr)
        print(server.url, flush=True)
        print("dualhead: Ctrl-C ends the server", file=sys.stderr)
        if browser:
            webbrowser.open(server.url)
        server.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        print("dualhead: ended", file=sys.stderr)
    finally:
        server.close()


def find_networks(folder: Path | None) -> tuple[Path | None, str]:
    """Find the pose networks, or the reason why poses cannot be estimated.

    Args:
        folder: The folder of the weights; None: the user's cache, filled at the first use.

    Returns:
        The folder and "", or None and the reason.

    Raises:
        ConfigError: If a folder was given and does not hold them.
    """
    try:
        require_litert()
        if folder is None:
            require_pose_networks()
        return find_weights(folder), ""
    except ConfigError as error:
        if folder is not None:
            raise
        return None, str(error)
