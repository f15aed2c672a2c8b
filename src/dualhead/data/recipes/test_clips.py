"""The clips of a test sample: every cut at every angle, and how their scores are averaged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from dualhead.runtime.errors import ConfigError

AVERAGES = ("probabilities", "logits")
"""Quantities that may be averaged over several test clips."""


@dataclass(frozen=True)
class TestClips:
    """The clips of a test sample that are scored and averaged: every cut at every angle.

    The first cut at the first angle is the clip where one is wanted: in validation, and for one-clip figures.

    Attributes:
        cuts: Shares (start, stop) of the recording; (0, 1) is the whole.
        yaws: Degrees about the vertical axis.
        average: "probabilities" or "logits".
    """

    __test__: ClassVar[bool] = False  # no test case of pytest's

    cuts: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    yaws: tuple[float, ...] = (0.0,)
    average: str = "probabilities"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: If a cut or an angle is outside its range, or the average is of neither kind.
        """
        try:
            cuts = tuple((float(start), float(stop)) for start, stop in self.cuts)
            yaws = tuple(float(yaw) for yaw in self.yaws)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"test_clips has cuts {self.cuts!r} and yaws {self.yaws!r}: expected lists such as cuts: [[0, 1], "
                f"[0, 0.8]]"
                " and yaws: [0, -30, 30]"
            ) from error
        if not cuts or not all(0 <= start < stop <= 1 for start, stop in cuts):
            raise ConfigError(
                f"test_clips has cuts {self.cuts!r}: expected pairs of shares such as [0, 0.8], start first"
            )
        if not yaws or not all(math.isfinite(yaw) and abs(yaw) <= 180 for yaw in yaws):
            raise ConfigError(f"test_clips has yaws {self.yaws!r}: expected degrees from -180 to 180")
        if self.average not in AVERAGES:
            raise ConfigError(f"test_clips has average {self.average!r}: expected {' or '.join(AVERAGES)}")
        object.__setattr__(self, "cuts", cuts)
        object.__setattr__(self, "yaws", yaws)

    def views(self) -> list[tuple[tuple[float, float], float]]:
        """Return every cut at every angle, the angles of the first cut first."""
        return [(cut, yaw) for cut in self.cuts for yaw in self.yaws]
