"""From raw recordings to a store: one call, resumable, with a reason for every file that is left out."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dualhead.data.bodies.selection import get_selection
from dualhead.data.prepare.partial_folder import named
from dualhead.data.prepare.report import PrepareReport
from dualhead.data.prepare.worker import Task, Worker, running
from dualhead.data.store.store import SCHEMA, open_store, read_meta
from dualhead.data.store.writer import Chunk, Row, StoreWriter, disk_errors, remove_leftover
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.formats.source import Listing, Rejected, Source
from dualhead.formats.units import doubt_unit, usual_extent
from dualhead.reading.sources import get_source
from dualhead.runtime.errors import ConfigError, FormatError, StoreError
from dualhead.runtime.log_file import log_to_file
from dualhead.runtime.machine import check_workers, count_cores
from dualhead.runtime.progress import show_progress
from dualhead.skeleton import Skeleton
from dualhead.version import __version__

_log = logging.getLogger(__name__)


def prepare(
    dataset: str,
    raw: str | Path | Sequence[str | Path],
    out: str | Path,
    *,
    missing_list: str | Path | None = None,
    body_selection: str | None = None,
    skeleton: str | Path | Skeleton | None = None,
    workers: int | None = None,
    unit: str | None = None,
    background: str | None = None,
    strict: bool = False,
    quiet: bool = False,
    cluster: str | None = None,
) -> PrepareReport:
    """Convert raw recordings to a store.

    Killed at any moment and called again, it goes on where it was and ends with the same bytes. The work is done in
    `OUT.partial` and logged to `OUT.log`; `out` appears when it is whole. A store that already exists, made of the
    same files by name and size, is left as it is; files modified since are reported.

    Args:
        dataset: The kind of data: `ntu60`, `ntu120` (their `.skeleton` files), `kinetics` (Kinetics-Skeleton 400: JSON
            clips and label files), `ucla` (Northwestern-UCLA JSON), `pyskl` (a pickle of PYSKL or MMAction2, 2D or
            3D), `ctrgcn` (an npz such as NTU60_CS.npz), `published` (`*_data_joint.npy` and `*_label.pkl`), `custom`
            (your own, as docs/custom-data.md says), `videos` (a folder of videos for each class, whose poses are
            estimated: docs/video.md), or `synthetic` (what this package generates).
        raw: The folder or archive (zip, tar) of the raw data, or several of them; a file for `pyskl` and `ctrgcn`.
            Folders are searched to any depth, archives in them too; nothing is unpacked to disk.
        out: The folder to create.
        missing_list: A text file of sample names to leave out; default: the lists found in or beside `raw`.
        body_selection: The rule that selects the people who act: `energy` (as published for NTU), `tracked` (by body
            ID, without ghosts), `score` (as published for Kinetics: in each frame the people of highest confidence),
            `people` (each tracked over time, those seen most; for 2D key points) or `order` (as in the file); default:
            that of the data set.
        skeleton: For `pyskl`, `ctrgcn`, `published` and `videos`, which do not define their joints: `ntu25`,
            `openpose18`, `kinect20`, `coco17` or a YAML file (docs/custom-data.md); default: COCO 17 for 2D pickles,
            NTU 25 otherwise.
        workers: Number of processes; default: one per core.
        unit: The unit of 3D coordinates, for `custom`, `pyskl` and `ctrgcn`: "m", "cm", "mm" or "in"; a store has
            metres. Default: that of `dataset.yaml`, else metres, if bodies are as large as people then.
        background: For `custom` with intervals: the class of what lies between them. Default: it is left out.
        strict: Stop at the first damaged file, or the first on which this program fails, instead of listing it and
            going on.
        quiet: Show no progress.
        cluster: Read and parse on a Ray cluster (docs/scale.md): its address HOST:PORT, "auto", or "local" for one on
            this machine. Its workers see `raw` under the same path. The store is the same, byte for byte.

    Returns:
        Counts, rejected files with reasons, duplicates.

    Raises:
        ConfigError: If an argument is not one of the valid ones.
        FormatError: If nothing is found in `raw`, an archive is not whole, or, with `strict`, a file is damaged.
        ClusterError: If the cluster cannot be reached, or its workers die.
        StoreError: If `out` or `OUT.partial` holds something else, another process is preparing it, the disk is full,
            or nothing usable was found.
    """
    started = time.monotonic()
    source, target = get_source(dataset), named(out)
    get_selection(body_selection or source.body_selection)
    if workers is not None:
        check_workers(workers, least=1)
    roots = [Path(raw)] if isinstance(raw, (str, Path)) else [Path(path) for path in raw]
    if skeleton is not None:
        source = source.with_skeleton(load_skeleton(skeleton))
    if unit is not None:
        source = source.with_unit(unit)
    if background is not None:
        if source.name != "custom":
            raise ConfigError(f"data set {source.name!r} has no intervals: omit the background")
        source = replace(source, background=background)
    listing = source.list_items(roots, None if missing_list is None else Path(missing_list))
    source = listing.source or source
    selection = body_selection or source.body_selection
    said = "".join(f" {value}" for value in (source.unit, source.background) if value)
    identity = hashlib.sha256(f"{SCHEMA} {source.name} {selection} {listing.digest()}{said}".encode()).hexdigest()
    if _is_there(target, identity):
        remove_leftover(target)
        report = _report_existing(target, listing, started)
    else:
        with _logged(target):
            plan = {
                "identity": identity,
                "version": __version__,
                "chunk": source.chunk,
                "files": _state_of_files(listing),
            }
            with StoreWriter(target, plan) as writer:
                worker = Worker(source, selection)
                _fill(writer, worker, listing, roots, workers, cluster, strict, quiet)
                meta = {"dataset": source.name, "identity": identity, "body_selection": selection}
                report = _finish(writer, source, listing, meta, started)
    return report


def _is_there(out: Path, identity: str) -> bool:
    """Check whether an identical store exists already.

    Raises:
        StoreError: If something else is.
    """
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    if not (out / "meta.json").is_file():
        raise StoreError(f"{out} already exists and is not a store: choose a folder that does not exist yet")
    meta = read_meta(out)
    if meta.get("identity") != identity:
        raise StoreError(
            f"{out} already exists with {meta['counts']['samples']} samples of {meta['dataset']} (body selection "
            f"{meta['body_selection']}) from other files or options: choose another folder, or remove it first"
        )
    return True


def _report_existing(out: Path, listing: Listing, started: float) -> PrepareReport:
    store = open_store(out)
    made = (out / "joints.npy").stat().st_mtime_ns  # when the preparation began, as the writer leaves it
    return PrepareReport(
        dataset=store.meta["dataset"],
        path=out,
        samples=len(store),
        frames=int(store.frames.sum()),
        rejected=tuple(Rejected(**rejected) for rejected in store.meta["rejected"]),
        duplicates=listing.duplicates,
        changed=tuple(item.member.where for item in listing.items if item.member.modified > made),
        skipped=store.meta["counts"]["skipped"],
        reused=True,
        fingerprint=store.fingerprint,
        seconds=time.monotonic() - started,
        remarks=store.meta["counts"].get("remarks", {}),
    )


def _fill(
    writer: StoreWriter,
    worker: Worker,
    listing: Listing,
    roots: Sequence[Path],
    workers: int | None,
    cluster: str | None,
    strict: bool,
    quiet: bool,
) -> None:
    """Append every chunk that is not written yet."""
    tasks = [Task(item, listing.missing.get(item.sample.name)) for item in listing.items]
    size = worker.source.chunk
    chunks = [tasks[start : start + size] for start in range(0, len(tasks), size)]
    done = min(writer.chunks * size, len(tasks))
    if writer.restarted:
        _log.info("what was left in %s was for other files or options: started again", writer.partial)
    if done:
        _log.info("going on after %d of %d files", done, len(tasks))
    else:
        where = f"{workers or count_cores()} processes" if cluster is None else f"the cluster {cluster}"
        _log.info("preparing %d files of %s on %s", len(tasks), worker.source.name, where)
    for duplicate in listing.duplicates:
        _log.info("duplicate %s: %s is kept, not %s", duplicate.name, duplicate.kept, duplicate.dropped)
    known = [*listing.rejected, *writer.rejected]
    if strict:
        _stop_at_damage(known)
    with (
        running(worker, chunks[writer.chunks :], workers, cluster, roots) as results,
        show_progress(quiet) as new_bar,
    ):
        bar = new_bar("preparing", len(tasks))
        bar.update(done, note=f"{len(known)} rejected")
        for chunk in results:
            for rejected in chunk.rejected:
                _log.info("rejected %s", rejected)
            for trace in chunk.traces:
                _log.info("unexpected in %s", trace)
            _stop_if_gone(chunk, roots)
            if strict:
                _stop_at_damage(chunk.rejected)
            if not writer.rows:
                _check_unit(worker.source, chunk.rows)
            writer.append(chunk)
            count = len(listing.rejected) + len(writer.rejected)
            bar.update(min(writer.chunks * size, len(tasks)), note=f"{count} rejected")


def _stop_at_damage(rejected: Sequence[Rejected]) -> None:
    for item in rejected:
        if item.kind in ("damaged", "unreadable", "name", "unexpected"):
            raise FormatError(
                f"{item.reason} (--strict stops here; without it such files are listed)", item.path, item.line
            )


def _stop_if_gone(chunk: Chunk, roots: Sequence[Path]) -> None:
    """Raise if the disk was disconnected, which is not a damaged file and must not empty the rest of the store."""
    gone = [root for root in roots if chunk.rejected and not root.exists()]
    if gone:
        raise StoreError(f"{gone[0]} is no longer available: reconnect it and run the same command again to resume")


def _finish(
    writer: StoreWriter, source: Source, listing: Listing, meta: dict[str, Any], started: float
) -> PrepareReport:
    writer.rejected[:0] = listing.rejected
    if not writer.rows:
        first = writer.rejected[0]
        writer.discard()
        raise StoreError(f"none of {len(writer.rejected)} files can be used, the first is {first}")
    frames = sum(row.frames for row in writer.rows)
    kinds = Counter(item.kind for item in writer.rejected)
    counts = {
        "samples": len(writer.rows),
        "frames": frames,
        "rejected": dict(kinds),
        "duplicates": len(listing.duplicates),
        "skipped": listing.skipped,
    }
    remarks = Counter(remark for row in writer.rows for remark in row.remarks)
    if remarks:
        counts["remarks"] = dict(remarks)
    measured = {"fps": source.fps, "body_extent": median_extent(writer.rows)}
    known = {name: value for name, value in measured.items() if value}
    fingerprint = writer.finish(source, {**meta, **known, "counts": counts})
    _log.info("done: %s, fingerprint %s", json.dumps(counts), fingerprint)
    report = PrepareReport(
        dataset=source.name,
        path=writer.out,
        samples=len(writer.rows),
        frames=frames,
        rejected=tuple(writer.rejected),
        duplicates=listing.duplicates,
        changed=(),
        skipped=listing.skipped,
        reused=False,
        fingerprint=fingerprint,
        seconds=time.monotonic() - started,
        remarks=remarks,
    )
    for warning in report.warnings:
        _log.info("%s", warning)
    return report


def _check_unit(source: Source, rows: Sequence[Row]) -> None:
    """Raise if bodies are not of human size in metres and no unit was passed.

    Raises:
        FormatError: If they are too large or too small by more than `MOST_EXTENT` times.
    """
    if source.unit is None and source.unit_is_free:
        doubt = doubt_unit(median_extent(rows), usual_extent(source.skeleton))
        if doubt:
            raise FormatError(
                f"{doubt} (--unit m keeps them as they are; for your own data also `unit` in dataset.yaml)"
            )


def median_extent(rows: Sequence[Row]) -> float:
    """Return the median size of the bodies of samples in metres, 0 where it was not measured of any.

    Args:
        rows: The samples.
    """
    found = sorted(row.extent for row in rows if row.extent > 0)
    return found[len(found) // 2] if found else 0.0


def _state_of_files(listing: Listing) -> str:
    """Hash where the files lie and when they changed: work on files that changed since must not be gone on with."""
    state = hashlib.sha256()
    for item in listing.items:
        state.update(f"{item.member.where} {item.member.modified}\n".encode())
    return state.hexdigest()


@contextmanager
def _logged(out: Path) -> Iterator[None]:
    """Log to `OUT.log` as well, also why the work stops."""
    with ExitStack() as stack:
        with disk_errors(out):
            stack.enter_context(log_to_file(out.with_name(f"{out.name}.log"), _log))
        try:
            yield
        except BaseException as error:
            _log.info("stopped: %s", str(error) or type(error).__name__)
            raise
