"""A store inspected: what is in it, on which split of which protocol, and which clips look wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualhead.data.store.store import Store, open_store
from dualhead.formats.units import doubt_unit, usual_extent
from dualhead.inspection.anomalies import Suspect, find_suspects
from dualhead.inspection.clip_figures import ClipFigures, measure_clips


@dataclass(frozen=True, eq=False)
class StoreInspection:
    """A summary of a store of N clips.

    Attributes:
        store: The store.
        classes: Clips of each class `(K,)`.
        unlabelled: Clips without a label.
        splits: For each protocol the clips of each class on the training and the test split `(2, K)`.
        values: For each field its values, ascending, and the clips of each.
        figures: The figures of every clip.
        suspects: Clips that look wrong, the worst first.
        num_suspects: The total number.
    """

    store: Store
    classes: NDArray[np.int64]
    unlabelled: int
    splits: Mapping[str, NDArray[np.int64]]
    values: Mapping[str, tuple[NDArray[np.int64], NDArray[np.int64]]]
    figures: ClipFigures
    suspects: tuple[Suspect, ...]
    num_suspects: int

    @property
    def unit_doubt(self) -> str:
        """The reason why 3D coordinates are probably not metres, and what to do; "" where there is no doubt."""
        seen = self.figures.extent[self.figures.extent > 0]
        if self.store.skeleton.dimensions != 3 or self.store.meta.get("prepared") or not len(seen):
            return ""
        doubt = doubt_unit(float(np.median(seen)), usual_extent(self.store.skeleton))
        return f"{doubt} (of `dualhead prepare`)" if doubt else ""


def inspect_store(
    store: Store | str | Path,
    *,
    most_suspects: int | None = None,
    on_progress: Callable[[int, int], object] | None = None,
) -> StoreInspection:
    """Count and measure everything in a store.

    Args:
        store: The store, or its folder.
        most_suspects: The most suspicious clips to keep; None for all.
        on_progress: Called with the number of clips measured and the number of all.

    Returns:
        The counts, the figures and the suspicious clips. Memory does not grow with the coordinates.

    Raises:
        StoreError: If the store cannot be opened.
    """
    opened = open_store(store) if isinstance(store, str | Path) else store
    figures = measure_clips(opened, on_progress)
    suspects, number = find_suspects(opened, figures, most_suspects)
    return StoreInspection(
        store=opened,
        classes=_by_class(opened, np.arange(len(opened))),
        unlabelled=int((opened.labels < 0).sum()),
        splits={name: np.stack([_by_class(opened, rows) for rows in opened.split(name)]) for name in opened.protocols},
        values={name: _counted(column) for name, column in opened.fields.items()},
        figures=figures,
        suspects=tuple(suspects),
        num_suspects=number,
    )


def _by_class(store: Store, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    labels = store.labels[rows]
    return np.bincount(labels[labels >= 0], minlength=len(store.classes)).astype(np.int64)


def _counted(column: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    values, counts = np.unique(column, return_counts=True)
    return values, counts.astype(np.int64)
