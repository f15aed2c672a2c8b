"""The command `report`: run folders, score files and their store as one page."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console

from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.files import check_apart, check_writable
from dualhead.runtime.progress import show_progress
from dualhead.runtime.terminal import print_line
from dualhead.visualize.report import write_report

_FOLDERS_UP = 3
_FOLDERS_SEEN = 200


def report(
    sources: Sequence[str | Path],
    *,
    out: str | Path = "report.html",
    store: str | Path | None = None,
    title: str | None = None,
    mistakes: int = 4,
    quiet: bool = False,
) -> Path:
    """Write everything there is to say about runs or score files as one HTML page, which opens offline.

    Score table, curves, accuracy of each class, confusion with the most confused pairs, what streams and heads agree
    on, calibration, and the most confident mistakes as animations. Several streams are fused.

    Args:
        sources: Run folders, score files (.npz), or both.
        out: The page to create or replace.
        store: The store that the scores are of, for the animations; default: the one among the folders beside the
            sources that has the same fingerprint.
        title: The page's title; default: data set and protocol.
        mistakes: Number of wrong clips to show, of different classes where possible.
        quiet: Show neither progress nor which store was found.

    Returns:
        The page.

    Raises:
        ConfigError: If a source is neither, there are no scores, or `out` is one of the files that are read or is
            inside the store.
        FormatError: If a file is damaged.
        MismatchError: If the scores, or scores and store, do not match; names the field that differs.
        StoreError: If the store cannot be opened.
    """
    if mistakes < 0:
        raise ConfigError(f"mistakes is {mistakes}: expected 0 or more")
    paths = [Path(source) for source in sources]
    runs = [path for path in paths if path.is_dir()]
    files = [path for path in paths if not path.is_dir()]
    for file in files:
        if file.suffix != ".npz":
            raise ConfigError(f"{file} is neither a run folder nor a score file: pass folders of `train` or .npz files")
    check_apart(out, files)
    check_writable(out)
    scores = _load(files, quiet)
    console = Console(stderr=True)
    if store is None:
        fingerprints = {*_fingerprints(runs), *(str(item.provenance.get("data_fingerprint", "")) for item in scores)}
        store = find_store(paths, fingerprints - {""})
        found = "no store of these scores was found, so the report has no animations and no data summary: pass --store"
        if not quiet:
            print_line(console, found if store is None else f"store: {store}")
    return write_report(out, runs=runs, scores=scores, store=store, title=title, mistakes=mistakes, quiet=quiet)


def _load(files: Sequence[Path], quiet: bool) -> list[Scores]:
    with show_progress(quiet) as new_bar:
        bar = new_bar("reading scores", len(files))
        scores = []
        for number, file in enumerate(files, start=1):
            scores.append(Scores.load(file))
            bar.update(number)
    return scores


def find_store(near: Sequence[Path], fingerprints: set[str]) -> Path | None:
    """Find a store by its content among the folders beside some paths.

    Args:
        near: Paths; the folders in up to three of the folders above each are looked at, and the folders in those.
        fingerprints: The content that is wanted; of several, none is right.

    Returns:
        The first store with that fingerprint, or None.
    """
    if len(fingerprints) != 1:
        return None
    seen: set[Path] = set()
    for path in near:
        for folder in path.resolve().parents[:_FOLDERS_UP]:
            for candidate in _folders(folder):
                if candidate not in seen and _fingerprint(candidate / "meta.json") in fingerprints:
                    return candidate
                seen.add(candidate)
    return None


def _folders(folder: Path) -> Iterator[Path]:
    """List the folders in a folder, then those in them."""
    inside = _inside(folder)
    yield from inside
    for item in inside:
        yield from _inside(item)


def _inside(folder: Path) -> list[Path]:
    """List the folders in a folder; none where that is not allowed, and not all where there are very many."""
    try:
        return sorted(islice((item for item in folder.iterdir() if item.is_dir()), _FOLDERS_SEEN))
    except OSError:
        return []


def _fingerprints(runs: Sequence[Path]) -> Iterator[str]:
    for run in runs:
        yield _fingerprint(run / "run.json", "data_fingerprint")


def _fingerprint(file: Path, key: str = "fingerprint") -> str:
    """Read a fingerprint from a small JSON file; "" if it has none or cannot be read."""
    try:
        content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else None
    except (OSError, ValueError, RecursionError):
        return ""
    return str(content.get(key, "")) if isinstance(content, dict) else ""
