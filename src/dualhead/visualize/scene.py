"""The scene of a picture: a recording rotated to picture axes, its bones, their sides, and the frame around all."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

LEFT, RIGHT, MIDDLE = "left", "right", "middle"

_SPARE = 0.35
"""Margin beyond the middle 98 % of the joints, in parts of their range, that a picture extends for the others."""

_MARGIN = 1.08


@dataclass(frozen=True, eq=False)
class Scene:
    """A recording ready to be drawn.

    Convention: picture axes, x to the viewer's right, y up, z towards the viewer (right-handed). A 3D recording is
    seen from its camera and not mirrored: Kinect's x grows to the camera's own left and its z away from it, so the
    picture's (x, y, z) is the recording's (-x, y, -z), and the right hand of a person who faces the camera is on the
    viewer's left. A 2D recording has image coordinates, y down, so the picture's (x, y, z) is (x, -y, 0).

    Attributes:
        points: float32 `(M, T, V, 3)`, moved and scaled so that the picture shows -1..1; NaN where a joint is absent.
            Bodies that are absent in every frame are left out.
        edges: Bones, pairs of joints.
        sides: Side of each bone: "left", "right" or "middle".
        flat: Whether the recording is 2D, so that there is nothing to turn.
        floor: Height of the lowest joints (at their 1 % quantile), or None for a flat recording.
        name: The recording's name.
        bodies: The bodies of the recording that are drawn.
    """

    points: NDArray[np.float32]
    edges: tuple[tuple[int, int], ...]
    sides: tuple[str, ...]
    flat: bool
    floor: float | None
    name: str
    bodies: tuple[int, ...] = ()

    @property
    def num_bodies(self) -> int:
        """M, the number of bodies that are drawn."""
        return int(self.points.shape[0])

    @property
    def num_frames(self) -> int:
        """T, the number of frames."""
        return int(self.points.shape[1])


def bones(skeleton: Skeleton) -> tuple[tuple[tuple[int, int], ...], tuple[str, ...]]:
    """List the bones of a skeleton and the side of the body that each belongs to.

    Convention: a bone is of a side if one of its joints is; a bone between both sides is of the middle.

    Args:
        skeleton: The layout of the joints.

    Returns:
        The bones as pairs of joints, each pair once, and the side of each.
    """
    left = {pair[0] for pair in skeleton.mirror}
    right = {pair[1] for pair in skeleton.mirror}
    edges = tuple(dict.fromkeys((min(edge), max(edge)) for edge in skeleton.edges))
    sides = []
    for edge in edges:
        in_left, in_right = bool(left & set(edge)), bool(right & set(edge))
        sides.append(MIDDLE if in_left == in_right else LEFT if in_left else RIGHT)
    return edges, tuple(sides)


def make_scene(sequence: SkeletonSequence, start: int = 0, stop: int | None = None) -> Scene:
    """Transform a recording to picture axes and fit it into the picture.

    Args:
        sequence: The recording; absent joints are all zeros, not a number, or of confidence 0.
        start: First frame that is shown.
        stop: Frame before which to stop; None for the end.

    Returns:
        The scene. One scale holds for all axes and frames, so nothing is stretched and the camera stands still.

    Raises:
        ConfigError: If the stretch of frames is empty, or no joint is present in it.
    """
    what = f"recording {sequence.name!r}" if sequence.name else "the recording"
    frames = range(sequence.num_frames)[start:stop]
    if not frames:
        raise ConfigError(
            f"{what} has {sequence.num_frames} frames, none of them from {start} to "
            f"{'the end' if stop is None else stop}: choose other frames or another recording"
        )
    joints = np.asarray(sequence.joints[:, frames.start : frames.stop], dtype=np.float32)  # (M, T, V, C)
    present = np.isfinite(joints).all(axis=-1) & (joints != 0).any(axis=-1)  # (M, T, V)
    if sequence.confidence is not None:
        present &= sequence.confidence[:, frames.start : frames.stop] > 0
    if not present.any():
        raise ConfigError(f"{what} has no body in its {len(frames)} frames: nothing to draw; choose another recording")
    bodies = present.any(axis=(1, 2))
    joints, present = joints[bodies], present[bodies]

    flat = sequence.skeleton.dimensions == 2
    points = np.zeros((*joints.shape[:-1], 3), dtype=np.float32)  # (M, T, V, 3)
    if flat:
        points[..., :2] = joints[..., :2] * np.array([1, -1], dtype=np.float32)
    else:
        points[:] = joints * np.array([-1, 1, -1], dtype=np.float32)
    points[~present] = np.nan
    points, floor = _fit(points, flat)
    edges, sides = bones(sequence.skeleton)
    shown = tuple(np.flatnonzero(bodies).tolist())
    return Scene(points=points, edges=edges, sides=sides, flat=flat, floor=floor, name=sequence.name, bodies=shown)


def _fit(points: NDArray[np.float32], flat: bool) -> tuple[NDArray[np.float32], float | None]:
    """Centre and scale by the whole range, or, where a few joints fly far off, by somewhat more than the others'."""
    flown = points.reshape(-1, 3)
    low, high = np.nanpercentile(flown, [1, 99], axis=0)
    spare = _SPARE * (high - low)
    bottom = np.maximum(np.nanmin(flown, axis=0), low - spare)
    top = np.minimum(np.nanmax(flown, axis=0), high + spare)
    centre = (bottom + top) / 2
    moved = points - centre.astype(np.float32)
    half = (top - bottom) / 2
    if not flat:
        # Turned about the vertical axis, the scene needs its horizontal radius and not only its width.
        across = np.hypot(moved[..., 0], moved[..., 2])
        half[0] = min(np.nanmax(across), (1 + _SPARE) * np.nanpercentile(across, 99))
    radius = max(float(half[0]), float(half[1]), 1e-6) * _MARGIN
    fitted = (moved / np.float32(radius)).astype(np.float32)
    return fitted, None if flat else float((low[1] - centre[1]) / radius)


def turned(points: NDArray[np.float32], yaw: float, pitch: float = 0.0) -> NDArray[np.float32]:
    """Rotate points about the vertical axis, then about the horizontal one.

    Convention: a positive `yaw` moves what is nearest to the viewer to the right; a positive `pitch` lets the viewer
    look down from above.

    Args:
        points: `(..., 3)` in picture axes.
        yaw: Angle about the y axis in degrees.
        pitch: Angle about the x axis in degrees.

    Returns:
        `(..., 3)` in picture axes.
    """
    a, b = np.deg2rad([yaw, pitch])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    matrix = (about_x @ about_y).astype(np.float32)
    return points @ matrix.T  # type: ignore[no-any-return]
