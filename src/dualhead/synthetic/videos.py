"""Videos of generated people, a folder for each class, whose true joints are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dualhead.poses.video_file import encode_video
from dualhead.runtime.errors import ConfigError, unknown
from dualhead.runtime.files import replacing
from dualhead.runtime.progress import show_progress
from dualhead.synthetic.actions import ACTIONS, Action
from dualhead.synthetic.body import Array
from dualhead.synthetic.mannequin import Appearance, PinholeCamera, draw_people
from dualhead.synthetic.performer import make_performer
from dualhead.synthetic.scene import FRAMES_PER_SECOND, film, make_setup, perform

VIDEO_ACTIONS = ("wave a hand", "sit down", "put on a hat", "kick")
"""Actions that differ clearly also where poses are estimated from a video."""


@dataclass(frozen=True)
class VideoTake:
    """One generated video.

    Attributes:
        action: Name of what is done, one of `ACTIONS`.
        performer: Number of who does it.
        repeat: Number of the time that it is done.
        seed: Seed of the data set.
        fps: Frames a second, 30 divided by an integer.
        size: Width and height in pixels.
    """

    action: str
    performer: int
    repeat: int = 1
    seed: int = 0
    fps: int = FRAMES_PER_SECOND
    size: tuple[int, int] = (640, 480)

    @property
    def name(self) -> str:
        """Name without an ending, such as `p03_r1_wave_a_hand`."""
        return f"p{self.performer:02d}_r{self.repeat}_{self.action.replace(' ', '_')}"

    def _cast(self) -> tuple[Action, list[int], np.random.Generator]:
        number = next((index for index, action in enumerate(ACTIONS) if action.name == self.action), None)
        if number is None:
            raise unknown("action", self.action, [action.name for action in ACTIONS])
        deed = ACTIONS[number]
        numbers = [self.performer] + ([500 + self.performer] if deed.partner is not None else [])
        return deed, numbers, np.random.default_rng([self.seed, 6, number, self.performer, self.repeat])

    def truth(self) -> Array:
        """Compute the true joints `(M, T, 25, 3)` in camera space; the first faces the camera, two stand side on.

        Raises:
            ConfigError: If there is no such action.
        """
        if self.fps < 1 or FRAMES_PER_SECOND % self.fps:
            raise ConfigError(f"fps is {self.fps}: expected a number that divides {FRAMES_PER_SECOND}")
        deed, numbers, rng = self._cast()
        cast = [make_performer(number, self.seed) for number in numbers]
        facing = rng.uniform(-20, 20) + (0 if deed.partner is None else 80)
        joints = film(perform(deed, cast, facing, rng), make_setup(3 if deed.partner is None else 1), 1)
        return joints[:, :: FRAMES_PER_SECOND // self.fps]

    def pictures(self) -> Iterator[Image.Image]:
        """Draw the frames."""
        _, numbers, _ = self._cast()
        looks = [Appearance.draw(np.random.default_rng([self.seed, 7, number])) for number in numbers]
        return draw_people(self.truth(), looks, PinholeCamera(self.size), seed=self.performer)


def generate_videos(
    out: str | Path,
    *,
    actions: Sequence[str] = VIDEO_ACTIONS,
    num_performers: int = 6,
    repeats: int = 1,
    first_performer: int = 1,
    fps: int = FRAMES_PER_SECOND,
    size: tuple[int, int] = (640, 480),
    seed: int = 0,
    truth: str | Path | None = None,
    quiet: bool = False,
) -> list[Path]:
    """Draw videos of people who act, `OUT/ACTION/NAME.mp4`.

    Videos that are there already are left as they are, so that an interrupted call goes on where it was.

    Args:
        out: The folder; it is created.
        actions: Names of actions, a folder each.
        num_performers: Performers, each of whom does every action.
        repeats: Times that each does each action.
        first_performer: Number of the first performer.
        fps: Frames a second, a number that divides 30.
        size: Width and height in pixels.
        seed: Start of all randomness.
        truth: A folder for the true joints `(M, T, 25, 3)` of `NTU25` in camera space, `TRUTH/ACTION/NAME.npy`; None:
            they are not written.
        quiet: Show no progress.

    Returns:
        The videos, by action and name.

    Raises:
        ConfigError: If PyAV is not installed, or an action is unknown.
    """
    takes = [
        VideoTake(action, performer, repeat, seed, fps, size)
        for action in actions
        for performer in range(first_performer, first_performer + num_performers)
        for repeat in range(1, repeats + 1)
    ]
    paths = []
    with show_progress(quiet) as new_bar:
        bar = new_bar("drawing videos", len(takes))
        for take in takes:
            path = Path(out) / take.action / f"{take.name}.mp4"
            if truth is not None:
                place = Path(truth) / take.action / f"{take.name}.npy"
                with replacing(place) as temporary, temporary.open("wb") as file:
                    np.save(file, take.truth().astype(np.float32))
            if not path.is_file():
                encode_video(take.pictures(), path, fps=fps)
            paths.append(path)
            bar.advance()
    return paths
