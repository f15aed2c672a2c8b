"""The two networks of BlazePose GHUM, run by LiteRT: the person detector and the landmark model."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.poses.region import PackedImage, Region
from dualhead.runtime.errors import ConfigError

NUM_LANDMARKS = 33
"""Landmarks of a person; six more that the model gives are for tracking alone."""

_DETECTOR_SIZE, _LANDMARK_SIZE = 224, 256
_GRIDS = ((28, 2), (14, 2), (7, 6))
_LEAST_SCORE = 0.5
_SUPPRESSION = 0.3
_WINDOW = 3  # a heat map is looked at 3 cells around a landmark: 7 by 7
_LEAST_HEAT = 0.5


@dataclass(frozen=True, eq=False)
class Pose:
    """One person in one frame.

    Attributes:
        image: `(33, 3)` in pixels: x to the right, y down, z away from the camera, 0 at the hips, on the scale of x.
        world: `(33, 3)` in metres around the middle of the hips: x to the right in the picture, y down, z away.
        visibility: `(33,)`, 0 to 1: probability that a landmark is inside the image and not occluded.
        score: Probability that there is a person, 0 to 1.
        region: The region to search in the next frame.
    """

    image: NDArray[np.float32]
    world: NDArray[np.float32]
    visibility: NDArray[np.float32]
    score: float
    region: Region


class PersonDetector:
    """Detect the regions of people in an image (BlazePose, Bazarevsky et al., 2020).

    Args:
        path: `pose_detection.tflite`.
        threads: Threads of the network.
    """

    def __init__(self, path: Path, threads: int = 1):
        self._run = _Runner(path, threads)
        self._anchors = anchors()

    def find(self, picture: PackedImage) -> list[Region]:
        """Detect people.

        Args:
            picture: The picture.

        Returns:
            Their regions, the surest first.
        """
        whole = Region.whole(picture.width, picture.height)
        boxes, scores = self._run(whole.crop(picture, _DETECTOR_SIZE) / np.float32(127.5) - np.float32(1))
        found = suppress(*decode(boxes[0], scores[0, :, 0], self._anchors))
        regions = []
        for row in found:
            hips, rim = whole.to_image(row[4:8].reshape(2, 2))
            regions.append(Region.from_alignment_points(hips, rim))
        return [region for region in regions if region.side > 1]


class LandmarkModel:
    """Estimate the 33 landmarks of the person in a region (BlazePose GHUM Holistic, Grishchenko et al., 2022).

    Args:
        path: `pose_landmark_full.tflite`.
        threads: Threads of the network.
    """

    def __init__(self, path: Path, threads: int = 1):
        self._run = _Runner(path, threads)

    def find(self, picture: PackedImage, region: Region) -> Pose:
        """Find the landmarks of one person.

        Args:
            picture: The picture.
            region: The region of the person.

        Returns:
            The pose; its `score` is the probability that there is a person.
        """
        flat, score, _, heat, world = self._run(region.crop(picture, _LANDMARK_SIZE, extend=True) / np.float32(255))
        marks = flat.reshape(-1, 5)  # x, y, z in pixels of the crop, logits of visibility and presence
        places = refine(marks[:, :2] / _LANDMARK_SIZE, heat[0])
        pixels = region.to_image(places)
        depth = marks[:, 2] / _LANDMARK_SIZE * region.side
        metres = world.reshape(-1, 3)[:NUM_LANDMARKS].astype(np.float64)
        metres[:, :2] = metres[:, :2] @ region.rotation_matrix().T
        return Pose(
            image=np.column_stack([pixels, depth])[:NUM_LANDMARKS].astype(np.float32),
            world=metres.astype(np.float32),
            visibility=_sigmoid(marks[:NUM_LANDMARKS, 3]).astype(np.float32),
            score=float(score[0, 0]),
            region=Region.from_alignment_points(pixels[NUM_LANDMARKS], pixels[NUM_LANDMARKS + 1]),
        )


def anchors() -> NDArray[np.float64]:
    """Compute the centres of the detector's anchors, `(2254, 2)`, 0 to 1: 28 x 28 x 2, 14 x 14 x 2 and 7 x 7 x 6."""
    parts = []
    for cells, repeats in _GRIDS:
        y, x = np.mgrid[0:cells, 0:cells]
        centres = (np.stack([x, y], axis=-1).reshape(-1, 2) + 0.5) / cells
        parts.append(np.repeat(centres, repeats, axis=0))
    return np.concatenate(parts)


def decode(
    boxes: NDArray[np.float32], logits: NDArray[np.float32], centres: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Decode the detector's output to boxes and points.

    Args:
        boxes: `(2254, 12)`: the middle and the size of a box, then four points, in pixels relative to the anchor.
        logits: `(2254,)`.
        centres: `(2254, 2)`, the anchors.

    Returns:
        Rows `(N, 12)` of corners (x1, y1, x2, y2) and four points, as fractions of the crop, and the scores `(N,)`,
        at least 0.5.
    """
    scores = _sigmoid(logits)
    kept = scores >= _LEAST_SCORE
    values = (boxes[kept] / _DETECTOR_SIZE).astype(np.float64).reshape(-1, 6, 2)
    half = values[:, 1] / 2
    values[:, [0, 2, 3, 4, 5]] += centres[kept][:, None]
    middle = values[:, 0].copy()
    values[:, 0], values[:, 1] = middle - half, middle + half
    return values.reshape(-1, 12), scores[kept]


def suppress(rows: NDArray[np.float64], scores: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Merge overlapping detections: weighted non-maximum suppression (BlazeFace, Bazarevsky et al., 2019).

    Args:
        rows: `(N, 12)` corners and points.
        scores: `(N,)`.

    Returns:
        Rows of the people, the surest first: each the mean, weighted by score, of all that overlap with the surest one.
    """
    order = np.argsort(-scores, kind="stable")
    rows, scores = rows[order], scores[order]
    merged = []
    while len(rows):
        low = np.maximum(rows[0, :2], rows[:, :2])
        high = np.minimum(rows[0, 2:4], rows[:, 2:4])
        common = np.prod(np.clip(high - low, 0, None), axis=1)
        areas = np.prod(rows[:, 2:4] - rows[:, :2], axis=1)
        same = common / np.maximum(areas + areas[0] - common, 1e-12) > _SUPPRESSION
        same[0] = True
        merged.append(np.average(rows[same], axis=0, weights=scores[same]))
        rows, scores = rows[~same], scores[~same]
    return merged


def refine(places: NDArray[np.floating], heat: NDArray[np.float32]) -> NDArray[np.float64]:
    """Move landmarks to the centre of the heat around them.

    Args:
        places: `(39, 2)`, x and y from 0 to 1 of the crop.
        heat: Logits `(H, W, 39)`.

    Returns:
        The same shape: the mean of the 7 x 7 cells around each landmark, weighted by their heat, where one of them is
        at least 0.5; else the landmark as it was.
    """
    high, wide = heat.shape[:2]
    refined = np.array(places, np.float64)
    for mark, (x, y) in enumerate(refined):
        column, row = int(x * wide), int(y * high)
        if not (0 <= column < wide and 0 <= row < high):
            continue
        left, top = max(0, column - _WINDOW), max(0, row - _WINDOW)
        warm = _sigmoid(heat[top : row + _WINDOW + 1, left : column + _WINDOW + 1, mark].astype(np.float64))
        if warm.max() < _LEAST_HEAT:
            continue
        total = warm.sum()
        refined[mark] = (
            (warm.sum(axis=0) @ np.arange(left, left + warm.shape[1])) / total / wide,
            (warm.sum(axis=1) @ np.arange(top, top + warm.shape[0])) / total / high,
        )
    return refined


def _sigmoid(values: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -80, 80))))


class _Runner:
    """Run a `.tflite` network with one input."""

    def __init__(self, path: Path, threads: int):
        interpreter = require_litert()
        try:
            with _quiet_start():
                self._net = interpreter(model_path=str(path), num_threads=threads)
                self._net.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise ConfigError(f"{path} is not a network that LiteRT can run ({error})") from error
        self._input = self._net.get_input_details()[0]["index"]
        self._outputs = [item["index"] for item in self._net.get_output_details()]

    def __call__(self, values: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        self._net.set_tensor(self._input, values[None].astype(np.float32, copy=False))
        self._net.invoke()
        return [self._net.get_tensor(index) for index in self._outputs]


def require_litert() -> Any:
    """Import the interpreter of LiteRT.

    Raises:
        ConfigError: If it is not installed.
    """
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ConfigError(
            "poses need the package ai-edge-litert, which is not installed: pip install 'dualhead[video]'"
        ) from error
    return Interpreter


@contextlib.contextmanager
def _quiet_start() -> Iterator[None]:
    """Suppress the library's messages on delegates on standard error."""
    try:
        sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, AttributeError):
        yield
        return
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  (a descriptor is needed, not a path)
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
