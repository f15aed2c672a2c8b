from __future__ import annotations

from pathlib import Path

from dualhead.data.prepare.report import PrepareReport
from dualhead.formats.source import Duplicate, Rejected


def test_it_says_counts_and_the_first_reasons_of_each_kind() -> None:
    damaged = tuple(Rejected(f"n{number}", f"raw/n{number}", "is cut", line=4) for number in range(7))
    report = PrepareReport(
        dataset="ntu60",
        path=Path("out"),
        samples=3,
        frames=90,
        rejected=(*damaged, Rejected("e", "raw/e", "no body", kind="empty")),
        duplicates=(Duplicate("\x1b[2Jd", "a/d", "b/d"),),
        changed=("raw/n8", "raw/n9"),
        skipped=2,
        reused=False,
        fingerprint="f",
        seconds=1.24,
        remarks={"pixels": 2, "confidence": 3},
    )
    assert str(report).splitlines() == [
        "out: 3 samples, 90 frames of ntu60 (took 1.2 s)",
        "warning: 2 samples have coordinates that look like pixels of images whose size is not known, which no recipe "
        "takes: pass it (for your own data columns `width` and `height` in the table) and prepare the store again",
        "warning: 3 samples hold confidences that are left out: to keep them say `confidence: true` in dataset.yaml "
        "and prepare the store again",
        "changed: 2 since this store was made, the first is raw/n8: to read again remove out, or pass another folder",
        "skipped: 2 of another data set of the same format",
        "duplicates: 1, the first of each is kept",
        "  <1b>[2Jd: a/d, not b/d",
        "rejected (damaged): 7",
        *[f"  raw/n{number}, line 4: is cut" for number in range(5)],
        "  and 2 more, all in out/meta.json",
        "rejected (empty): 1",
        "  raw/e: no body",
    ]
