"""Inspections of stores and raw files as tables for the terminal."""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from dualhead.inspection.file_story import FileStory
from dualhead.inspection.store_inspection import StoreInspection
from dualhead.runtime.terminal import cell, print_line

_FEW = 12


def print_store(inspection: StoreInspection, console: Console, top: int) -> None:
    """Print the counts, the figures and the suspicious clips of a store.

    Args:
        inspection: The findings.
        console: The console to print on.
        top: Number of suspicious clips to print.
    """
    store = inspection.store
    print_line(
        console,
        f"{store.path}: {len(store):,} clips of {store.meta.get('dataset')}, skeleton {store.skeleton.name}, "
        f"body selection {store.meta.get('body_selection')}",
    )
    if inspection.unit_doubt:
        print_line(console, f"note: {inspection.unit_doubt}", style="bold red")
    console.print(_classes(inspection))
    for name, (values, counts) in inspection.values.items():
        shown = [f"{value}: {count:,}" for value, count in zip(values.tolist(), counts.tolist(), strict=True)]
        more = f", and {len(shown) - _FEW} more" if len(shown) > _FEW else ""
        print_line(console, f"{name} ({len(shown)} values)  {', '.join(shown[:_FEW])}{more}")
    console.print(_figures(inspection))
    if top and inspection.suspects:
        console.print(_suspects(inspection, top))
    shown_count = min(top, len(inspection.suspects))
    print_line(console, f"{inspection.num_suspects:,} clips look suspicious, {shown_count} shown")
    kinds = Counter(str(item.get("kind")) for item in store.meta.get("rejected", ()))
    rejected = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common())
    print_line(console, f"rejected files: {rejected or 'none'}")


def _classes(inspection: StoreInspection) -> Table:
    table = Table(title="clips by class")
    table.add_column("class")  # on a narrow terminal names wrap, numbers are never cut
    _add_numbers(
        table, "clips", *(f"{cell(name)}\n{split}" for name in inspection.splits for split in ("train", "test"))
    )
    rows = list(enumerate(inspection.store.classes))
    without = int(np.count_nonzero(inspection.classes == 0)) if len(rows) > 2 * _FEW else 0
    if without:
        rows = [row for row in rows if inspection.classes[row[0]]]
    some = rows if len(rows) <= 2 * _FEW else [*rows[:_FEW], *rows[-_FEW:]]
    for place, (label, name) in enumerate(some):
        if len(some) < len(rows) and place == _FEW:
            table.add_row(f"... {len(rows) - len(some)} more ...")
        splits = (str(count) for counts in inspection.splits.values() for count in counts[:, label].tolist())
        table.add_row(cell(f"{label} {name}"), str(inspection.classes[label]), *splits)
    if without:
        table.add_row(f"({without} classes without clips)")
    if inspection.unlabelled:
        table.add_row("(no label)", str(inspection.unlabelled))
    totals = (f"{total:,}" for counts in inspection.splits.values() for total in counts.sum(axis=1).tolist())
    table.add_section()
    table.add_row("all", f"{len(inspection.store):,}", *totals, style="bold")
    return table


def _figures(inspection: StoreInspection) -> Table:
    """Build the table of the spread of every figure over the clips."""
    table = Table(title="clips by figure")
    table.add_column("figure")
    _add_numbers(table, "least", "median", "95 %", "most", "clips\nabove 0")
    store, figures = inspection.store, inspection.figures
    rows: dict[str, NDArray[np.int64] | NDArray[np.float64]] = {
        "frames": store.frames,
        "bodies": store.bodies,
        "empty frames": figures.empty_frames,
        "absence of a body (share of frames)": figures.absent,
        "furthest move of a joint in a frame": figures.jump,
        "jumps of a joint by half a body": figures.jumps,
        "joints that never move": figures.constant_joints,
        "missing joints (share)": figures.missing_joints,
        "extent of a body": figures.extent,
        "coordinates that are not numbers": figures.not_finite,
    }
    for name, values in rows.items():
        spread = np.percentile(values, [0, 50, 95, 100]) if len(values) else np.zeros(4)
        table.add_row(name, *map(_short, spread.tolist()), f"{np.count_nonzero(values):,}")
    return table


def _add_numbers(table: Table, *columns: str) -> None:
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)


def _short(value: float) -> str:
    """Write a number in few characters: whole where it is or is large, else to 3 digits."""
    return f"{value:,.0f}" if value >= 100 or value.is_integer() else f"{value:.3g}"


def _suspects(inspection: StoreInspection, top: int) -> Table:
    table = Table(title="suspicious clips")
    table.add_column("clip", overflow="fold")
    _add_numbers(table, "score")
    table.add_column("why")
    for suspect in inspection.suspects[:top]:
        table.add_row(cell(suspect.name), f"{suspect.score:.2f}", cell("; ".join(suspect.reasons)))
    return table


def _skeleton_line(story: FileStory) -> str:
    """Describe the skeleton, the frame rate and the size of the bodies."""
    rate = "frame rate unknown" if story.fps is None else f"{story.fps:g} frames per second"
    unit = {"m": " m", "px": " pixels", "fraction": " of the image"}.get(story.unit, "")
    size = f"; bodies are {story.extent:.4g}{unit} from end to end" if story.extent else ""
    return f"skeleton {story.skeleton or 'not known'}; {rate}{size}"


def print_file(story: FileStory, console: Console, top: int) -> None:
    """Print what is known of a raw file.

    Args:
        story: The findings.
        console: The console to print on.
        top: Number of events to print.
    """
    if story.taken_for:
        print_line(console, f"{story.path}: interpreted as {story.taken_for}")
    if story.damage is not None and not story.frames:
        print_line(console, f"cannot be read: {story.damage}", style="bold red")
        return
    whole = "whole frames before the damage" if story.damage is not None else "frames"
    bodies = ", ".join(f"{frames} with {count}" for count, frames in enumerate(story.bodies) if frames)
    print_line(console, f"{story.path}: {story.frames} {whole}; bodies: {bodies or 'none'}")
    print_line(console, _skeleton_line(story))
    for note in story.notes:
        print_line(console, f"note: {note}")
    if story.energies:
        ranked = ", ".join(f"place {place + 1}: {energy:.3f}" for place, energy in enumerate(story.energies))
        print_line(console, f"energy, by which `energy` selects  {ranked}")
    if story.people:
        table = Table(title="bodies as `tracked` follows them")
        for column in ("body IDs", "frames", "seen in", "wide %", "motion m²", "doubts"):
            table.add_column(column)
        for person in story.people:
            table.add_row(
                cell(", ".join(person.ids)) or "-",
                f"{person.first} to {person.last}",
                str(person.frames),
                f"{100 * person.wide:.0f}",
                f"{person.motion:.3f}",
                cell(", ".join(person.doubts)) or "none",
            )
        console.print(table)
    if story.events:
        table = Table(title="what happens")
        for column in ("line", "frame", "event"):
            table.add_column(column)
        kept = story.events[:top]
        for event in kept:
            table.add_row("" if event.line is None else str(event.line), str(event.frame or ""), cell(event.text))
        console.print(table)
        if len(kept) < len(story.events):
            print_line(console, f"and {len(story.events) - len(kept)} more events")
    if story.damage is not None:
        print_line(console, f"damaged: {story.damage}", style="bold red")
