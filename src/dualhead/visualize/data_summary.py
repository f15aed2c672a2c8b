"""A store in a few lines: how much there is, on which split of which protocol, and what was rejected and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from dualhead.data.store.store import Store

MOST_REJECTED = 40
"""Most rejected files that are listed one by one."""


def summarise(store: Store) -> dict[str, Any]:
    """Sum up a store.

    Args:
        store: The store.

    Returns:
        `facts` (pairs of name and text), `rejected` (pairs of file and reason, at most `MOST_REJECTED`, bugs
        first and those on a missing list last), and `hidden`, how many rejected files are not among them.
    """
    facts: list[tuple[str, str]] = [
        ("data set", str(store.meta.get("dataset", "unknown"))),
        ("samples", f"{len(store):,} of {len(store.classes)} classes, skeleton {store.skeleton.name}"),
    ]
    if len(store):
        frames, bodies = np.asarray(store.frames), np.asarray(store.bodies)
        middle = np.median(frames)
        facts.append(("frames", f"{frames.min()} to {frames.max()}, median {middle:g}, {frames.sum():,} in all"))
        by_bodies = sorted(Counter(bodies.tolist()).items())
        facts.append(("bodies", ", ".join(f"{count:,} samples of {number}" for number, count in by_bodies)))
        if store.body_extent is not None:
            facts.append(("size of bodies", f"median {store.body_extent:.3g} m from end to end"))
        if "fps" in store.measures:
            facts.append(("frame rate", f"{store.measures['fps']:g} frames per second"))
        for name, values in store.fields.items():
            facts.append((f"{name}s", f"{len(np.unique(values))}"))
        for protocol in store.protocols:
            train, test = store.split(protocol)
            facts.append((f"protocol {protocol}", f"{len(train):,} train, {len(test):,} test"))
    facts.append(("body selection", str(store.meta.get("body_selection", "unknown"))))
    facts.append(("fingerprint", str(store.fingerprint)))
    rejected = sorted(store.meta.get("rejected", ()), key=_rejected_order)
    kinds = Counter(str(item.get("kind", "")) for item in rejected)
    spread = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common() if kind)
    facts.append(("rejected", f"{len(rejected):,} files{f': {spread}' if spread else ''}"))
    counts = store.meta.get("counts", {})
    facts += [(name, f"{counts[name]:,} files") for name in ("duplicates", "skipped") if counts.get(name)]
    listed = [(str(item.get("path") or item.get("name")), _reason(item)) for item in rejected[:MOST_REJECTED]]
    return {"facts": facts, "rejected": listed, "hidden": len(rejected) - len(listed)}


def _rejected_order(item: Mapping[str, Any]) -> tuple[int, str]:
    kind = item.get("kind")
    return (kind == "missing") - (kind == "unexpected"), str(item.get("path", ""))


def _reason(item: Mapping[str, Any]) -> str:
    line = item.get("line")
    return f"{item.get('reason', '')}{'' if line is None else f' (line {line})'}"
