"""A store as the arrays that the published code reads."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualhead.data.prepare.partial_folder import claim, discard, named, put_in_place
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.recipes.streams import STREAMS
from dualhead.data.store.store import Store, open_store
from dualhead.data.store.writer import disk_errors
from dualhead.formats.published import FACTS
from dualhead.runtime.errors import ConfigError, StoreError
from dualhead.runtime.files import replacing, write_text
from dualhead.runtime.progress import show_progress

_SPLITS = ("train", "val")
_PLAN, _ARRAYS = "export-arrays.json", "arrays"  # what its partial folder has beside the lock


def export_arrays(
    store: str | Path | Store,
    out: str | Path,
    *,
    protocol: str,
    streams: Sequence[str] | None = None,
    recipe: str = "dualhead",
    quiet: bool = False,
) -> list[Path]:
    """Write a store in the published layout: `{train,val}_data_STREAM.npy` and `{train,val}_label.pkl`.

    The arrays are float32 `(N, C, T, V, M)`, C = 3 for the published streams; a label file holds `(names, labels)`; the
    `val` split is the protocol's test split, as in the published code. Samples come in the store's order, test-time
    clips without augmentation. One more file, `dualhead.json`, passes to `prepare published` the protocol, the class
    names, the skeleton and the recipe. The work is done in `OUT.partial` array by array; killed and called again, it
    keeps the arrays that are whole. `out` appears when all are.

    Args:
        store: The prepared data set.
        out: The folder to create.
        protocol: The protocol that divides the samples, such as `xsub`.
        streams: The streams to write; default: the four published ones.
        recipe: The recipe that normalises and pads; default: `dualhead`, the published preparation of 300 frames.
        quiet: Show no progress.

    Returns:
        The files written.

    Raises:
        ConfigError: If the protocol, recipe or a stream is unknown, or a sample has no label.
        StoreError: If `out` already exists, `OUT.partial` is another user's, another process is exporting to it, or
            the disk is full or has too little room.
    """
    opened = store if isinstance(store, Store) else open_store(store)
    target, chosen = named(out), get_recipe(recipe)
    rows = dict(zip(_SPLITS, opened.split(protocol), strict=True))
    wanted = STREAMS if not streams else (streams,) if isinstance(streams, str) else tuple(streams)
    channels = {stream: chosen.channels(opened.skeleton, stream) for stream in wanted}
    if min(opened.labels, default=0) < 0:
        raise ConfigError(f"{opened.path} has samples without a label, which the published layout cannot store")
    _refuse_existing(target)
    skeleton = opened.skeleton
    shape = (chosen.frames, skeleton.num_joints, chosen.num_bodies(skeleton))
    partial = target.with_name(f"{target.name}.partial")
    arrays = partial / _ARRAYS
    plan = json.dumps([opened.fingerprint, protocol, chosen.name, sorted(wanted)])
    with disk_errors(target, lambda: _has_arrays(arrays)), _claimed(partial):
        _refuse_existing(target)  # once more: another process may have finished it meanwhile
        _start(partial, plan)
        jobs = [(split, stream, arrays / f"{split}_data_{stream}.npy") for split in _SPLITS for stream in wanted]
        left = [job for job in jobs if not job[2].exists()]
        values = sum(len(rows[split]) * channels[stream] for split, stream, _ in left) * int(np.prod(shape))
        _check_room(target, arrays, 4 * values)
        done, total = 0, sum(len(rows[split]) for split, _, _ in left)
        with show_progress(quiet) as new_bar:
            bar = new_bar("exporting", total)
            for split, stream, path in left:
                with replacing(path) as temporary, temporary.open("wb") as file:
                    header = {
                        "descr": "<f4",
                        "fortran_order": False,
                        "shape": (len(rows[split]), channels[stream], *shape),
                    }
                    np.lib.format.write_array_header_1_0(file, header)
                    for row in rows[split].tolist():
                        # written, not mapped: a full disk is then an error, not a signal that kills the process
                        file.write(chosen.clip(opened[row], stream).astype("<f4", copy=False).tobytes())
                        done += 1
                        bar.update(done, note=path.name)
        for split in _SPLITS:
            _write_labels(arrays / f"{split}_label.pkl", opened, rows[split])
        facts = {
            "protocol": protocol,
            "classes": list(opened.classes),
            "skeleton": skeleton.to_dict(),
            "recipe": chosen.normalised_by,
        }
        write_text(arrays / FACTS, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        put_in_place(arrays, target)
    return sorted(target.iterdir())


def _refuse_existing(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{target} already exists: choose a folder that does not exist yet")


def _has_arrays(arrays: Path) -> bool:
    return any(arrays.glob("[!.]*.npy"))


@contextmanager
def _claimed(partial: Path) -> Iterator[None]:
    """Reserve a folder for one process, and remove it at the end if it holds nothing to resume from."""
    lock = claim(partial, _PLAN, {_ARRAYS}, "exporting to")
    try:
        yield
    finally:
        if _has_arrays(partial / _ARRAYS):
            lock.release()
        else:
            discard(partial, lock)


def _start(partial: Path, plan: str) -> None:
    """Create the folder of the arrays, or keep the complete files of an interrupted call of the same plan."""
    file, arrays = partial / _PLAN, partial / _ARRAYS
    if not file.exists() or file.read_text(encoding="utf-8") != plan:
        if arrays.exists():
            shutil.rmtree(arrays)
        write_text(file, plan)
    arrays.mkdir(exist_ok=True)
    for left in arrays.glob(".*"):  # begun when the process was killed
        left.unlink()


def _check_room(target: Path, arrays: Path, needed: int) -> None:
    free = shutil.disk_usage(arrays).free
    if needed > free:
        kept = _has_arrays(arrays)
        hint = (
            "free disk space and run the same command again to resume"
            if kept
            else "export fewer streams, or to another disk"
        )
        raise StoreError(
            f"the arrays need {needed / 1e9:.1f} GB, but the disk of {target} has {free / 1e9:.1f} GB left: {hint}"
        )


def _write_labels(path: Path, store: Store, rows: NDArray[np.int64]) -> None:
    content = ([str(name) for name in store.names[rows]], [int(label) for label in store.labels[rows]])
    with replacing(path) as temporary, temporary.open("wb") as file:
        pickle.dump(content, file, protocol=4)
