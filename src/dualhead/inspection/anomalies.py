"""Ranking of the clips of a store that are probably faulty, each with its reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualhead.data.store.store import Store
from dualhead.inspection.clip_figures import ClipFigures

SHORT = 11
"""Frames below which a clip counts as short."""

EMPTY = 0.1
"""Share of empty frames from which on they count."""

ABSENT = 0.25
"""Share of frames without one of the bodies from which on it counts."""

MISSING = 0.2
"""Share of missing joints from which on they count."""

SIZE = 2.0
"""Factor by which a clip's bodies must be larger or smaller than the store's median to count."""


@dataclass(frozen=True)
class Suspect:
    """A clip that looks wrong.

    Attributes:
        row: Its row in the store.
        name: Its name.
        score: The sum of the weights of its reasons, each 0 to 1; 0 means that nothing is wrong.
        reasons: The anomalies, the most severe first.
    """

    row: int
    name: str
    score: float
    reasons: tuple[str, ...]


def find_suspects(store: Store, figures: ClipFigures, most: int | None = None) -> tuple[list[Suspect], int]:
    """Rank the clips that look wrong.

    The weights of the reasons are: 1 for coordinates that are not numbers; the share of empty frames from `EMPTY` on;
    half the share of frames in which a body is absent, from `ABSENT` on; the jumps of joints by half a body in shares
    of all joints jumping once, at most 1; the share of constant joints; the share of missing joints from `MISSING` on;
    for clips below `SHORT` frames the share of frames that they lack; and for bodies more than `SIZE` times larger or
    smaller than the store's median half the number of doublings, at most 1.

    Args:
        store: The store.
        figures: Its figures.
        most: The most clips to give; None for all.

    Returns:
        The clips by score, the highest first, then by name; and how many there are in all.
    """
    joints = store.skeleton.num_joints
    frames = np.maximum(store.frames, 1)
    empty = figures.empty_frames / frames
    seen = figures.extent > 0
    usual = float(np.median(figures.extent[seen])) if seen.any() else 1.0
    doublings = np.abs(np.log2(np.where(seen, figures.extent, usual) / usual))
    weights = {
        "not_finite": (figures.not_finite > 0).astype(np.float64),
        "empty": np.where(empty >= EMPTY, empty, 0),
        "absent": np.where((figures.absent >= ABSENT) & (store.bodies > 1), figures.absent / 2, 0),
        "jumps": np.minimum(figures.jumps / joints, 1),
        "constant": figures.constant_joints / joints,
        "missing": np.where(figures.missing_joints >= MISSING, figures.missing_joints, 0),
        "short": np.maximum(1 - store.frames / SHORT, 0),
        "size": np.where(doublings > np.log2(SIZE), np.minimum(doublings / 2, 1), 0),
    }
    table = np.stack(list(weights.values()))  # (reasons, N)
    score = table.sum(axis=0)
    order = np.argsort(-score, kind="stable")
    order = order[score[order] > 0]
    return [
        Suspect(
            row, str(store.names[row]), float(score[row]), _reasons(store, figures, list(weights), table[:, row], row)
        )
        for row in order[:most].tolist()
    ], len(order)


def _reasons(
    store: Store, figures: ClipFigures, names: list[str], weights: NDArray[np.float64], row: int
) -> tuple[str, ...]:
    joints, frames = store.skeleton.num_joints, int(store.frames[row])
    texts = {
        "not_finite": f"{figures.not_finite[row]} coordinates are not numbers",
        "empty": f"no person in {figures.empty_frames[row]} of {frames} frames",
        "absent": f"a body is absent in {figures.absent[row]:.0%} of the frames",
        "jumps": f"{figures.jumps[row]} jumps of a joint by half a body, the furthest {figures.jump[row]:.3g}",
        "constant": f"{figures.constant_joints[row]} of {joints} joints never move",
        "missing": f"{figures.missing_joints[row]:.0%} of the joints are missing",
        "short": f"only {frames} frame{'s' if frames != 1 else ''}",
        "size": f"bodies of {figures.extent[row]:.3g} from end to end, unlike the others",
    }
    return tuple(texts[names[number]] for number in np.argsort(-weights, kind="stable") if weights[number] > 0)
