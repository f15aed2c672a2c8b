"""People drawn as filled mannequins with a face, so that there are videos without a licence and with known truth."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from dualhead.poses.camera import FIELD_OF_VIEW, focal_length
from dualhead.skeleton import NTU25
from dualhead.synthetic.body import Array

Colour = tuple[int, int, int]

OVERSAMPLING = 2
"""Frames are drawn this many times larger and scaled down, which smooths the edges."""

_INDEX = {name: index for index, name in enumerate(NTU25.joints)}

_LIMBS: tuple[tuple[str, str, float, float, str], ...] = (
    ("shoulder", "elbow", 0.056, 0.044, "shirt"),
    ("elbow", "wrist", 0.042, 0.030, "skin"),
    ("wrist", "hand", 0.034, 0.038, "skin"),
    ("hand", "hand_tip", 0.034, 0.018, "skin"),
    ("wrist", "thumb", 0.018, 0.012, "skin"),
    ("hip", "knee", 0.088, 0.062, "trousers"),
    ("knee", "ankle", 0.060, 0.042, "trousers"),
    ("ankle", "foot", 0.046, 0.038, "shoes"),
)
"""Limbs of one side: from joint, to joint, their radii in metres, and the clothes."""

_FEATURES: tuple[tuple[float, float, float, float, str], ...] = (
    (-0.034, 0.022, 0.082, 0.017, "white"), (0.034, 0.022, 0.082, 0.017, "white"),
    (-0.034, 0.022, 0.092, 0.009, "eye"), (0.034, 0.022, 0.092, 0.009, "eye"),
    (-0.034, 0.048, 0.082, 0.010, "hair"), (0.034, 0.048, 0.082, 0.010, "hair"),
    (-0.024, 0.050, 0.086, 0.008, "hair"), (0.024, 0.050, 0.086, 0.008, "hair"),
    (0.0, -0.012, 0.104, 0.014, "nose"), (0.0, 0.004, 0.098, 0.009, "nose"),
    (-0.016, -0.055, 0.086, 0.008, "mouth"), (0.0, -0.057, 0.090, 0.009, "mouth"),
    (0.016, -0.055, 0.086, 0.008, "mouth"),
)  # fmt: skip
"""Spots of a face: to the person's right, up and forward from the middle of the head, radius in metres, colour."""


@dataclass(frozen=True)
class Appearance:
    """The colours of a person and their clothes."""

    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    shoes: Colour

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Appearance:
        """Draw colours at random."""
        skins = ((233, 190, 160), (205, 150, 115), (150, 102, 72), (98, 66, 48))
        hairs = ((42, 30, 24), (88, 58, 36), (24, 22, 24), (150, 112, 64))
        shirts = ((178, 52, 48), (54, 96, 168), (222, 216, 200), (62, 126, 84), (128, 78, 140))
        trousers = ((44, 52, 78), (68, 66, 62), (120, 98, 70), (32, 34, 40))
        parts = (skins, hairs, shirts, trousers, ((36, 34, 36), (236, 236, 232)))
        return cls(*(part[int(rng.integers(len(part)))] for part in parts))


@dataclass(frozen=True)
class PinholeCamera:
    """A pinhole camera.

    Attributes:
        size: Width and height in pixels.
        field_of_view: Degrees that the longer side shows.
    """

    size: tuple[int, int] = (640, 480)
    field_of_view: float = FIELD_OF_VIEW

    def project(self, points: Array) -> Array:
        """Project points of camera space (x to the camera's left, y up, z away) to pixels (x right, y down).

        Args:
            points: `(..., 3)` in metres, in front of the camera.

        Returns:
            `(..., 2)`.
        """
        focal = focal_length(*self.size, self.field_of_view)
        plane = -points[..., :2] / np.maximum(points[..., 2:], 0.1)
        return np.asarray(plane * focal + np.array(self.size) / 2)

    def pixels(self, metres: float, depth: float) -> float:
        """Compute how many pixels a length takes that is seen across at a distance."""
        return metres * focal_length(*self.size, self.field_of_view) / max(depth, 0.1)


def draw_people(
    joints: Array, looks: Sequence[Appearance], shot: PinholeCamera | None = None, seed: int = 0
) -> Iterator[Image.Image]:
    """Draw people frame by frame.

    Args:
        joints: True joints `(M, T, 25, 3)` of `NTU25` in camera space; a body of zeros is not drawn.
        looks: M looks.
        shot: The camera.
        seed: Seed of the room behind the people.

    Yields:
        T RGB pictures.
    """
    shot = shot or PinholeCamera()
    large = PinholeCamera((shot.size[0] * OVERSAMPLING, shot.size[1] * OVERSAMPLING), shot.field_of_view)
    room = _room(large, np.random.default_rng([seed, 5]))
    for frame in range(joints.shape[1]):
        picture = room.copy()
        pen = ImageDraw.Draw(picture)
        present = [body for body in range(len(joints)) if joints[body, frame].any()]
        for body in sorted(present, key=lambda body: -float(joints[body, frame, :, 2].mean())):
            _Body(joints[body, frame], looks[body], large, pen).draw()
        yield picture.resize(shot.size, Image.Resampling.BOX)


def _room(shot: PinholeCamera, rng: np.random.Generator) -> Image.Image:
    """Draw a wall and a floor with some furniture, slightly out of focus."""
    wide, high = shot.size
    shade = np.linspace(0, 1, high)[:, None, None]
    wall = np.array([176, 182, 180]) + rng.integers(-25, 25, 3)
    floor = np.array([124, 104, 84]) + rng.integers(-20, 20, 3)
    line = 0.62 + rng.uniform(-0.04, 0.04)
    pixels = np.where(shade < line, wall * (1.06 - 0.2 * shade), floor * (0.7 + 0.4 * shade)) * np.ones((1, wide, 1))
    pixels += rng.normal(0, 3, (high, wide, 1))
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(picture)
    for _ in range(3):
        x, y = rng.uniform(0, 0.9) * wide, rng.uniform(0.08, 0.3) * high
        colour = tuple(int(value) for value in rng.integers(70, 210, 3))
        pen.rectangle((x, y, x + rng.uniform(0.06, 0.2) * wide, y + rng.uniform(0.1, 0.25) * high), fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(wide / 400))


class _Body:
    """One person in one frame, drawn from the farthest part to the nearest."""

    def __init__(self, joints: Array, look: Appearance, shot: PinholeCamera, pen: ImageDraw.ImageDraw):
        self.joints, self.look, self.shot, self.pen = joints, look, shot, pen

    def at(self, name: str) -> Array:
        return np.asarray(self.joints[_INDEX[name]])

    def draw(self) -> None:
        parts: list[tuple[float, Callable[[], None]]] = []
        for side in ("left", "right"):
            for start, end, first, last, part in _LIMBS:
                one, two = self.at(f"{side}_{start}"), self.at(f"{side}_{end}")
                colour = getattr(self.look, part)
                parts.append((float((one + two)[2]) / 2, partial(self._capsule, one, two, first, last, colour)))
        trunk = [self.at(name) for name in ("left_shoulder", "right_shoulder", "left_hip", "right_hip")]
        parts.append((float(np.mean(trunk, axis=0)[2]), self._trunk))
        parts.append((float(self.at("head")[2]) - 0.02, self._head))
        neck = partial(self._capsule, self.at("spine_shoulder"), self.at("head"), 0.052, 0.05, self.look.skin)
        parts.append((float(self.at("neck")[2]) + 0.01, neck))
        for _, action in sorted(parts, key=lambda part: -part[0]):
            action()

    def _capsule(self, one: Array, two: Array, first: float, last: float, colour: Colour) -> None:
        """Draw a limb: a dark outline, its colour, and a lighter stripe on the side of the light."""
        for scale, shift, tone in ((1.0, 0.0, 0.74), (0.86, 0.0, 1.0), (0.4, 0.3, 1.14)):
            ends = []
            for point, radius in ((one, first), (two, last)):
                place = self.shot.project(point)
                pixels = self.shot.pixels(radius, float(point[2]))
                ends.append((place - shift * pixels, scale * pixels))
            self._tube(ends, _toned(colour, tone))

    def _tube(self, ends: Sequence[tuple[Array, float]], colour: Colour) -> None:
        (p, r), (q, s) = ends
        direction = q - p
        length = float(np.hypot(*direction))
        if length > 1e-6:
            normal = np.array([-direction[1], direction[0]]) / length
            corners = [p + normal * r, q + normal * s, q - normal * s, p - normal * r]
            self.pen.polygon([tuple(map(float, corner)) for corner in corners], fill=colour)
        for centre, radius in ((p, r), (q, s)):
            self._disc(centre, radius, radius, colour)

    def _disc(self, centre: Array, wide: float, high: float, colour: Colour) -> None:
        x, y = float(centre[0]), float(centre[1])
        self.pen.ellipse((x - wide, y - high, x + wide, y + high), fill=colour)

    def _trunk(self) -> None:
        left, right = self.at("left_shoulder"), self.at("right_shoulder")
        hips = [self.at("left_hip"), self.at("right_hip")]
        depth = self.at("spine_mid")[2]
        waist = self.at("spine_base") + 0.35 * (self.at("spine_mid") - self.at("spine_base"))
        # Seen from the side, a trunk is as deep as 60 % of its width: tubes of that radius fill it from every side.
        for scale, tone in ((1.0, 0.74), (0.9, 1.0)):
            shirt, cloth = _toned(self.look.shirt, tone), _toned(self.look.trousers, tone)
            near = partial(self.shot.pixels, depth=float(depth))
            p, q = (self.shot.project(point) for point in (left, right))
            a, b = (self.shot.project(point) for point in hips)
            middle = self.shot.project(waist)
            self._tube([(a, near(0.105) * scale), (b, near(0.105) * scale)], cloth)
            self._tube([(p, near(0.07) * scale), (q, near(0.07) * scale)], shirt)
            self._tube([((p + q) / 2, near(0.115) * scale), (middle, near(0.115) * scale)], shirt)
            for shoulder, hip in ((p, a), (q, b)):
                inner = shoulder + 0.25 * ((p + q) / 2 - shoulder)
                low = hip + 0.25 * (middle - hip)
                self._tube([(inner, near(0.085) * scale), (low, near(0.1) * scale)], shirt)
            self.pen.polygon([tuple(map(float, point)) for point in (p, q, b, a)], fill=shirt)

    def _head(self) -> None:
        head, neck = self.at("head"), self.at("neck")
        up = _unit(head - neck)
        across = self.at("right_shoulder") - self.at("left_shoulder")
        right = _unit(across - up * (across @ up))
        forward = np.cross(up, right)
        centre = head + 0.01 * forward
        depth = float(centre[2])
        facing = -float(forward @ _unit(centre))
        spots = [(centre - 0.012 * forward + 0.028 * up, 0.112, 0.118, self.look.hair)]
        spots.append((centre + 0.022 * forward - 0.018 * up, 0.086, 0.116, self.look.skin))
        ear = _toned(self.look.skin, 0.88)
        spots += [(centre + sign * 0.088 * right - 0.008 * up, 0.02, 0.03, ear) for sign in (-1, 1)]
        for point, wide, high, colour in sorted(spots, key=lambda spot: -float(spot[0][2])):
            place = self.shot.project(point)
            self._disc(place, self.shot.pixels(wide, depth), self.shot.pixels(high, depth), colour)
        if facing > -0.25:
            fringe = centre + 0.05 * forward + 0.085 * up
            self._disc(
                self.shot.project(fringe),
                self.shot.pixels(0.082, depth),
                self.shot.pixels(0.036, depth),
                self.look.hair,
            )
        colours = {
            "white": (244, 242, 238), "eye": (38, 30, 28), "hair": self.look.hair,
            "nose": _toned(self.look.skin, 0.84), "mouth": (168, 74, 72),
        }  # fmt: skip
        for side, above, before, radius, name in _FEATURES:
            normal = side * right + above * up + before * forward
            if -float(_unit(normal) @ _unit(centre + normal)) < 0.12:
                continue  # on the far side of the head
            pixels = self.shot.pixels(radius, depth)
            self._disc(self.shot.project(centre + normal), pixels, pixels, colours[name])


def _toned(colour: Colour, tone: float) -> Colour:
    red, green, blue = (min(255, round(value * tone)) for value in colour)
    return red, green, blue


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / max(math.sqrt(float(vector @ vector)), 1e-9))
