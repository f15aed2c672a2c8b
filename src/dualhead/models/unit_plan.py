"""The widths and strides that ST-GCN, 2s-AGCN and CTR-GCN share."""

from __future__ import annotations

from typing import NamedTuple


class Unit(NamedTuple):
    """One unit of a plan.

    Attributes:
        in_channels: C.
        out_channels: O.
        stride: Frames between two outputs.
        first: Whether it is the first, around which there is no residual.
    """

    in_channels: int
    out_channels: int
    stride: int
    first: bool


def unit_plan(in_channels: int, width: int, depth: int) -> list[Unit]:
    """List the units: one for the coordinates, then `depth` at each of three widths, halving the frames in between.

    The published plan is width 64, depth 3: ten units 64 64 64 64 128 128 128 256 256 256, stride 2 at units 5 and 8.

    Args:
        in_channels: C of the clips.
        width: Channels of the first stage; the next ones have twice and four times as many.
        depth: Units per stage.

    Returns:
        1 + 3 * depth units.

    Raises:
        ValueError: If `width` or `depth` is below 1.
    """
    if width < 1 or depth < 1:
        raise ValueError(f"width {width} and depth {depth} must both be at least 1")
    widths = [width] + [width * factor for factor in (1, 2, 4) for _ in range(depth)]
    inputs = [in_channels, *widths]
    return [
        Unit(before, after, 2 if index and after > before else 1, index == 0)
        for index, (before, after) in enumerate(zip(inputs, widths, strict=False))
    ]
