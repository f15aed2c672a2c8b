"""The command `inspect`: a store or a raw file, explained in the terminal and on a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from dualhead.data.reader import Reader
from dualhead.data.store.store import open_store
from dualhead.data.store.verify import verify as check_fingerprint
from dualhead.inspection.file_story import FileStory, explain_file, holds_one_recording
from dualhead.inspection.store_inspection import StoreInspection, inspect_store
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.runtime.files import check_apart, check_writable
from dualhead.runtime.progress import Bar, show_progress
from dualhead.skeleton import Skeleton
from dualhead.visualize.inspection_page import write_inspection


def inspect(
    path: str | Path,
    out: str | Path | None = None,
    *,
    skeleton: str | Path | Skeleton | None = None,
    image_size: tuple[int, int] | None = None,
    fps: float | None = None,
    unit: str | None = None,
    kind: str | None = None,
    axes: str | None = None,
    top: int = 20,
    verify: bool = False,
    quiet: bool = False,
) -> StoreInspection | FileStory:
    """Report the content of a store or of a raw file, and its anomalies.

    Of a store: counts by class, protocol split and field (performer, camera, setup, ...), lengths, bodies, empty
    frames, joints that jump, do not move or are missing, the clips that look wrong, ranked with their reasons, and the
    rejected files. Of a raw file: what it is interpreted as and why, the size of its bodies, what was decided by
    evidence, its frames, the bodies of each, where body IDs begin, break off and end, which tests for ghosts each
    body fails, and the damage, each with its line.

    Args:
        path: A store, or a raw recording such as an NTU `.skeleton` file.
        out: The HTML page to write, which opens offline; of a store only.
        skeleton: For a clip of your own (`.npy`, `.npz`, `.csv`, `.json`), which does not define its joints:
            `ntu25`, `openpose18`, `kinect20`, `coco17`, `body25` or a YAML file (docs/custom-data.md).
        image_size: Of a file with 2D key points in pixels, the width and height of the image.
        fps: Of a file, frames per second.
        unit: Of a file that leaves it open, the unit of 3D coordinates: m, cm, mm or in.
        kind: Of a file, what it is, such as alphapose. Default: decided by its content.
        axes: Of an array, the order of its axes, such as TMVC. Default: as its numbers say.
        top: Number of anomalous clips, or events of a file, to print; the page lists up to 500 clips.
        verify: First read all coordinates of a store and compare them, with its labels and fields, to the fingerprint
            that was taken when it was prepared.
        quiet: Show no progress.

    Returns:
        The values that the command line prints.

    Raises:
        ConfigError: If `top` is negative, a page of a raw file or its fingerprint is requested, the page would
            lie in the store, or the skeleton is unknown or given for what has one of its own.
        FormatError: If the file cannot be opened or is of no known kind. A damaged one is explained instead.
        StoreError: If the store cannot be opened, or, with `verify`, is not what was prepared.
    """
    path = Path(path)
    if top < 0:
        raise ConfigError(f"top is {top}: expected 0 or more")
    if not path.exists():
        raise FormatError("no such file or folder: expected a store or a raw recording", path)
    options = Reader(
        skeleton=skeleton, image_size=image_size, fps=fps, unit=unit, kind=kind, axes=axes, any_scale=True
    ).options
    if not path.is_dir() or (not (path / "meta.json").exists() and holds_one_recording(path, options)):
        if out is not None:
            raise ConfigError(f"only a store has a page, not {path}: omit `out`")
        if verify:
            raise ConfigError(f"{path} is a raw file, which has no fingerprint: omit `verify`, or pass a store")
        return explain_file(path, options=options)
    if skeleton is not None:
        raise ConfigError(f"{path} is a folder, and a store has its own skeleton: omit `skeleton`")
    if out is not None:
        check_apart(out, [path])
        check_writable(out)
    with show_progress(quiet) as new_bar:
        store = open_store(path)
        if verify:
            check_fingerprint(store, _shown(new_bar("reading clips", None)))
        inspection = inspect_store(store, on_progress=_shown(new_bar("looking at clips", None)))
    if out is not None:
        write_inspection(out, inspection)
    return inspection


def _shown(bar: Bar) -> Callable[[int, int], object]:
    """Return what moves a bar on."""
    return lambda done, total: bar.update(done, total=total)
