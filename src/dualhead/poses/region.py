"""Rotated square regions of an image, and the crops that the networks take from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MARGIN = 1.25
"""Factor from the circle around a person to the side of the region (BlazePose, Bazarevsky et al., 2020)."""


class PackedImage:
    """An image with four bytes a pixel, from which crops are taken quickly.

    Args:
        pixels: RGB, `(H, W, 3)`, or with a fourth channel that is not looked at, `(H, W, 4)`; 0 to 255.

    Attributes:
        width: W.
        height: H.
    """

    def __init__(self, pixels: NDArray[np.uint8]):
        self.height, self.width = pixels.shape[:2]
        if pixels.shape[2] == 3:
            wide = np.zeros((self.height, self.width, 4), np.uint8)
            wide[..., :3] = pixels
            pixels = wide
        # Four bytes are taken as one number, several times as fast as three.
        self._packed = np.ascontiguousarray(pixels).view(np.uint32).ravel()

    def take(self, numbers: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return the pixels of the given numbers, row after row, with a last axis of four channels."""
        return self._packed[numbers][..., None].view(np.uint8).astype(np.float32)


@dataclass(frozen=True)
class Region:
    """A square of an image, rotated so that the person in it stands upright.

    Convention: pixels with x to the right and y down; `angle` turns from x towards y, that is clockwise on the screen.

    Attributes:
        x: Centre.
        y: Centre.
        side: Length of a side in pixels.
        angle: Radians by which the square is turned.
    """

    x: float
    y: float
    side: float
    angle: float = 0.0

    @classmethod
    def from_alignment_points(cls, hips: NDArray[np.floating], rim: NDArray[np.floating]) -> Region:
        """Build the region of a person from the two alignment points.

        Args:
            hips: `(2,)`, the middle of the hips.
            rim: `(2,)`, a point on the circle that encloses the person, above the head where they stand upright.

        Returns:
            A square of 2.5 radii, turned so that the second point is straight above the first.
        """
        dx, dy = float(rim[0] - hips[0]), float(rim[1] - hips[1])
        return cls(float(hips[0]), float(hips[1]), 2 * _MARGIN * math.hypot(dx, dy), math.pi / 2 - math.atan2(-dy, dx))

    @classmethod
    def whole(cls, width: int, height: int) -> Region:
        """Build the smallest upright square that holds a whole picture."""
        return cls(width / 2, height / 2, float(max(width, height)))

    def crop(self, picture: PackedImage, size: int, *, extend: bool = False) -> NDArray[np.float32]:
        """Cut the region out of a picture, bilinear, rounded to integers.

        Convention: output pixel i shows the place `i / size` of the side, without the half-pixel shift; this is how the
        networks were fed in MediaPipe.

        Args:
            picture: The picture.
            size: Side of the crop in pixels.
            extend: Whether the rim of the picture goes on outside of it, which is black otherwise.

        Returns:
            `(size, size, 3)`, 0 to 255.
        """
        step = self.side / size
        cos, sin = np.float32(step * math.cos(self.angle)), np.float32(step * math.sin(self.angle))
        left, top = self.to_image(np.zeros((1, 2)))[0].astype(np.float32)
        along = np.arange(size, dtype=np.float32)
        x = (left + cos * along)[None] - (sin * along)[:, None]
        y = (top + sin * along)[None] + (cos * along)[:, None]
        column, row = np.floor(x), np.floor(y)
        across, down = (x - column)[..., None], (y - row)[..., None]
        most = (picture.width - 1, picture.height - 1)
        columns = [np.clip(column + shift, 0, most[0]).astype(np.intp) for shift in (0, 1)]
        rows = [np.clip(row + shift, 0, most[1]).astype(np.intp) * picture.width for shift in (0, 1)]
        upper, lower = (
            _blend(picture.take(start + columns[0]), picture.take(start + columns[1]), across) for start in rows
        )
        cut = np.rint(_blend(upper, lower, down))
        if not extend:
            outside = (x <= -1) | (y <= -1) | (x >= picture.width) | (y >= picture.height)
            cut[outside] = 0
        return cut[..., :3]

    def to_image(self, points: NDArray[np.floating]) -> NDArray[np.float64]:
        """Map points of the region, `(N, 2)` from 0 to 1 of its side, to pixels of the picture."""
        inside = (np.asarray(points, np.float64) - 0.5) * self.side
        return inside @ self.rotation_matrix().T + (self.x, self.y)

    def rotation_matrix(self) -> NDArray[np.float64]:
        """Compute the matrix `(2, 2)` that turns the axes of the region to those of the picture."""
        cos, sin = math.cos(self.angle), math.sin(self.angle)
        return np.array([[cos, -sin], [sin, cos]])

    def iou(self, other: Region) -> float:
        """Compute the intersection over union of two regions, both taken as upright squares."""
        boxes = [(one.x - one.side / 2, one.y - one.side / 2, one.side) for one in (self, other)]
        (x1, y1, s1), (x2, y2, s2) = boxes
        wide = min(x1 + s1, x2 + s2) - max(x1, x2)
        high = min(y1 + s1, y2 + s2) - max(y1, y2)
        common = max(wide, 0.0) * max(high, 0.0)
        return common / (s1 * s1 + s2 * s2 - common)


def _blend(one: NDArray[np.float32], two: NDArray[np.float32], share: NDArray[np.float32]) -> NDArray[np.float32]:
    two -= one
    two *= share
    two += one
    return two
