"""The report of a preparation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dualhead.formats.source import Duplicate, Rejected
from dualhead.runtime.errors import printable

REMARKS = {
    "pixels": "have coordinates that look like pixels of images whose size is not known, which no recipe takes: pass "
    "it (for your own data columns `width` and `height` in the table) and prepare the store again",
    "confidence": "hold confidences that are left out: to keep them say `confidence: true` in dataset.yaml and prepare "
    "the store again",
}
"""Remarks on samples that are kept in a store but may be faulty."""

_MOST_NOTES = 5


@dataclass(frozen=True)
class PrepareReport:
    """The outcome of preparing a raw tree.

    Attributes:
        dataset: Name of the source.
        path: The store's folder.
        samples: Number of samples that the store holds.
        frames: Number of frames that they have together.
        rejected: Every file that was left out, with its reason.
        duplicates: Sample names found more than once.
        changed: The recordings whose files changed after a store was made that was there already.
        skipped: Number of samples that belong to another data set of the same format.
        reused: The store was there already and is unchanged.
        fingerprint: The store's.
        seconds: The duration.
        remarks: Number of samples that have something odd, by the words of `REMARKS`.
    """

    dataset: str
    path: Path
    samples: int
    frames: int
    rejected: tuple[Rejected, ...]
    duplicates: tuple[Duplicate, ...]
    changed: tuple[str, ...]
    skipped: int
    reused: bool
    fingerprint: str
    seconds: float
    remarks: Mapping[str, int] = field(default_factory=dict)

    @property
    def warnings(self) -> list[str]:
        """Lines about anomalies of samples that the store keeps all the same."""
        found = {remark: self.remarks.get(remark, 0) for remark in REMARKS}
        lines = [f"warning: {count} samples {REMARKS[remark]}" for remark, count in found.items() if count]
        others = Counter({remark: count for remark, count in self.remarks.items() if remark not in REMARKS})
        return lines + [f"note: {count} samples: {remark}" for remark, count in others.most_common(_MOST_NOTES)]

    def __str__(self) -> str:
        """Summarise in a few lines: counts, then the first reasons of each kind."""
        done = "was there already" if self.reused else f"took {self.seconds:.1f} s"
        lines = [f"{self.path}: {self.samples} samples, {self.frames} frames of {self.dataset} ({done})"]
        lines += self.warnings
        if self.changed:
            lines.append(
                f"changed: {len(self.changed)} since this store was made, the first is {self.changed[0]}: to read "
                f"again "
                f"remove {self.path}, or pass another folder"
            )
        if self.skipped:
            lines.append(f"skipped: {self.skipped} of another data set of the same format")
        if self.duplicates:
            lines.append(f"duplicates: {len(self.duplicates)}, the first of each is kept")
            lines += [f"  {item.name}: {item.kept}, not {item.dropped}" for item in self.duplicates[:3]]
        kinds = Counter(item.kind for item in self.rejected)
        for kind, count in sorted(kinds.items()):
            shown = [item for item in self.rejected if item.kind == kind][:5]
            lines.append(f"rejected ({kind}): {count}")
            lines += [f"  {item}" for item in shown]
            if count > len(shown):
                lines.append(f"  and {count - len(shown)} more, all in {self.path / 'meta.json'}")
        return "\n".join(map(printable, lines))
