"""Bringing coordinates to a common place, direction and size.

Every function takes and returns clips `(C, T, V, M)` without changing its argument. A missing joint is all zeros; each
function documents how they change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.geometry import transform
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence

_NO_ROTATION = 1e-6
_LARGEST_FRACTION = 2.0


def to_clip(joints: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transpose from recorded order to clip order.

    Args:
        joints: `(M, T, V, C)`.

    Returns:
        A new contiguous array `(C, T, V, M)`.
    """
    bodies, *shape, channels = joints.shape
    clip = np.empty((channels, *shape, bodies), dtype=np.float32)
    # a plane at a time: four times as fast as NumPy's copy of the transposed array
    for channel in range(channels):
        for body in range(bodies):
            clip[channel, :, :, body] = joints[body, :, :, channel]
    return clip  # (C, T, V, M)


def centre_every_frame(clip: NDArray[np.float32], origin: int) -> NDArray[np.float32]:
    """Move the first body's origin joint to 0 in every frame (the published NTU preparation, step 3b).

    Convention: frame by frame, from all bodies; a joint whose coordinates sum to 0 is missing and becomes 0, as
    published. In a frame without the first body the others stay where they are.

    Args:
        clip: `(C, T, V, M)`.
        origin: The joint to move to 0.

    Returns:
        `(C, T, V, M)`.
    """
    centred = clip - clip[:, :, origin : origin + 1, :1]
    centred *= clip.sum(axis=0) != 0  # (T, V, M)
    return centred


def centre_once(clip: NDArray[np.float32], point: NDArray[np.float32]) -> NDArray[np.float32]:
    """Subtract one point from the whole clip, so that walking stays visible.

    Convention: a joint that is exactly 0 in all channels is missing and stays 0.

    Args:
        clip: `(C, T, V, M)`.
        point: `(C,)`.

    Returns:
        `(C, T, V, M)`.
    """
    centred = clip - point[:, None, None, None]
    centred *= clip.any(axis=0)  # (T, V, M)
    return centred


def shortest_rotation(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Build the rotation about the cross product of two vectors that turns the first into the direction of the second.

    Convention: as published, no rotation (the identity) where the cross product (sum of its absolute values) or the
    angle (radians) is below 1e-6 or a vector is zero; so opposite vectors stay opposite.

    Args:
        source: `(3,)`.
        target: `(3,)`.

    Returns:
        `(3, 3)`, for column vectors.
    """
    (a, b, c), (x, y, z) = source.tolist(), target.tolist()
    across = (b * z - c * y, c * x - a * z, a * y - b * x)
    length = math.hypot(*across)
    along = a * x + b * y + c * z
    if sum(map(abs, across)) < _NO_ROTATION or math.atan2(length, along) < _NO_ROTATION:
        return np.eye(3)
    size = math.hypot(length, along)
    sine, cosine = length / size, along / size
    axis = np.array(across) / length
    skew = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(cosine * np.eye(3) + sine * skew + (1 - cosine) * np.outer(axis, axis))


def align_axes(clip: NDArray[np.float32], spine: Sequence[int], shoulders: Sequence[int]) -> NDArray[np.float32]:
    """Rotate the whole clip so that the first body stands along z and faces along y in frame 0 (step 3c as published).

    Convention: first the spine, upper minus lower, to +z by the shortest rotation; then the shoulders, right minus left
    after that first turn, to +x by the shortest rotation. Frame 0 of body 0 decides for all. A missing joint stays 0.

    Args:
        clip: `(3, T, V, M)`, T and M at least 1.
        spine: Joints (lower, upper).
        shoulders: Joints (left, right).

    Returns:
        `(3, T, V, M)`.
    """
    pose = clip[:, 0, :, 0].astype(np.float64)  # (3, V)
    upright = shortest_rotation(pose[:, spine[1]] - pose[:, spine[0]], np.array([0.0, 0.0, 1.0]))
    across = upright @ (pose[:, shoulders[1]] - pose[:, shoulders[0]])
    return transform(clip, shortest_rotation(across, np.array([1.0, 0.0, 0.0])) @ upright)


def scale_to_unit(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Stretch each axis of the whole clip to -1..1 (the usual Northwestern-UCLA recipe).

    Convention: smallest and largest value over all frames, joints and bodies; every joint counts, a joint at (0, 0, 0)
    too, as published. An axis on which nothing differs becomes 0.

    Args:
        clip: `(C, T, V, M)`, nothing empty.

    Returns:
        `(C, T, V, M)`.
    """
    flat = clip.reshape(len(clip), -1)
    low = flat.min(axis=1, keepdims=True)
    span = flat.max(axis=1, keepdims=True) - low
    constant = span == 0
    span[constant] = 1
    scaled = flat - low
    scaled /= span
    scaled *= 2
    scaled -= 1
    if constant.any():
        scaled[constant[:, 0]] = 0
    stretched: NDArray[np.float32] = scaled.reshape(clip.shape)
    return stretched


def scale_uniformly(clip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale a clip to -1..1 by one factor for all axes.

    Convention: the middle between the smallest and the largest value of each axis, over all frames, joints and bodies,
    becomes 0; the axis on which they differ most then runs from -1 to 1. Every joint counts, as in `scale_to_unit`.

    Args:
        clip: `(C, T, V, M)`, nothing empty.

    Returns:
        `(C, T, V, M)`; zeros if nothing differs.
    """
    low, high = clip.min(axis=(1, 2, 3)), clip.max(axis=(1, 2, 3))
    half = (high - low).max() / 2
    middle = ((low + high) / 2)[:, None, None, None]
    scaled: NDArray[np.float32] = (clip - middle) / (half if half > 0 else np.float32(1))
    return scaled


def image_clip(sequence: SkeletonSequence, bodies: int) -> NDArray[np.float32]:
    """Arrange 2D key points as channels x, y (fractions of the image, from its upper left corner) and score.

    Convention: with the fields `width` and `height` (pixels) coordinates are divided by them; without, they must be
    fractions already, which may go a little past 1. Where a source has no scores, the score is 0 for a joint at (0, 0)
    and 1 for any other.

    Args:
        sequence: A recording with a flat skeleton.
        bodies: At most this many bodies are taken, from the first.

    Returns:
        `(3, T, V, M)`, M at most `bodies`.

    Raises:
        ConfigError: If coordinates look like pixels and the image size is not known.
    """
    joints = sequence.joints[:bodies]
    clip = np.empty((3, *joints.shape[1:3], joints.shape[0]), dtype=np.float32)
    clip[:2] = joints.transpose(3, 1, 2, 0)
    present = clip[:2].any(axis=0)
    clip[2] = present if sequence.confidence is None else sequence.confidence[:bodies].transpose(1, 2, 0)
    width, height = sequence.fields.get("width", 0), sequence.fields.get("height", 0)
    if width > 0 and height > 0:
        clip[0] /= width
        clip[1] /= height
    elif mean := unsized_pixels(clip[:2], sequence.fields):
        raise ConfigError(
            f"sequence {sequence.name!r} has coordinates of {mean:.4g} on average, which look like pixels: "
            "pass its fields 'width' and 'height' (for your own data columns of the table, and prepare the store "
            "again) "
            "or coordinates as fractions of the image (0 to 1)"
        )
    return clip


def unsized_pixels(flat: NDArray[np.float32], fields: Mapping[str, int]) -> float:
    """Return the mean of coordinates that look like pixels of images whose size is not known.

    Args:
        flat: `(2, ...)`, x and y; a joint at (0, 0) is absent.
        fields: Of the recording; `width` and `height` above 0 are the size of its images.

    Returns:
        Their mean absolute value where it is too large for fractions of an image, else 0.
    """
    if fields.get("width", 0) > 0 and fields.get("height", 0) > 0:
        return 0.0
    mean = float(np.abs(flat).sum() / max(2 * flat.any(axis=0).sum(), 1))
    return mean if mean > _LARGEST_FRACTION else 0.0


def centre_image(clip: NDArray[np.float32], up: bool = True) -> NDArray[np.float32]:
    """Move the middle of the image to 0 (the published Kinetics preparations).

    Convention: x - 0.5; 0.5 - y if y is to point up (2s-AGCN and its successors), else y - 0.5 (ST-GCN); both are 0
    where the score is 0; the score stays.

    Args:
        clip: `(3, T, V, M)`, x and y as fractions of the image, score.
        up: Let y point up.

    Returns:
        `(3, T, V, M)`, x and y from about -0.5 to 0.5.
    """
    seen = clip[2] != 0
    y = 0.5 - clip[1] if up else clip[1] - 0.5
    return np.stack([(clip[0] - 0.5) * seen, y * seen, clip[2]])


def scale_image(clip: NDArray[np.float32], least_score: float = 0.01) -> NDArray[np.float32]:
    """Scale coordinates by half the image size around its centre (as PYSKL does with 2D key points).

    Convention: x and y from 0..1 to -1..1, y still pointing down; both are 0 where the score is `least_score` or less;
    the score stays.

    Args:
        clip: `(3, T, V, M)`, x and y as fractions of the image, score.
        least_score: The largest score of a key point that does not count as seen.

    Returns:
        `(3, T, V, M)`.
    """
    seen = clip[2] > least_score
    return np.stack([(2 * clip[0] - 1) * seen, (2 * clip[1] - 1) * seen, clip[2]])
