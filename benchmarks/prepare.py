"""What preparing NTU-style recordings costs: `python -m benchmarks.prepare [--recordings 5000] [--out results.json]`.

Recordings are generated with fields as long as a Kinect's, and read from a folder and from a zip. Processor time is
user and system time of all processes, which a busy machine disturbs least; memory is the peak of the parent and of its
largest worker. As a yardstick that means the same on any machine, a plain reader goes line by line and turns every
field into a number, which the published scripts do once for each protocol, among other things. It is timed before and
after each preparation, when the machine is as busy, and the figures say how many times faster preparing is than only
reading plainly. Sizes are extrapolated to NTU RGB+D 60 by the mean length of its recordings, 90 frames, and the bodies
a recording that were measured.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.child import measure
from dualhead.data.store.fingerprint import digest
from dualhead.data.store.store import open_store
from dualhead.formats.ntu.parse import parse_skeleton
from dualhead.inspection.clip_figures import measure_clips
from dualhead.runtime.files import write_text
from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.generate import generate

FRAMES_60 = 90
"""Mean length of a recording of NTU RGB+D 60, in frames."""

SAMPLES_60 = 56_578
"""Recordings of NTU RGB+D 60 without those on its missing list."""

PUBLISHED_BYTES = 4 * 3 * 300 * 25 * 2 * 4
"""A recording in the published arrays of one protocol: four streams of (3, 300, 25, 2) float32."""

BAR_MILLISECONDS = 2.2
"""Processor time that a recording of 90 frames may take."""

_SETUP = """
from dualhead.data.prepare.prepare import prepare
raw, out, workers, selection = sys.argv[1:]
"""
_STEP = """
report = prepare("synthetic", raw, out, workers=int(workers), body_selection=selection, quiet=True)
result = {"samples": report.samples, "frames": report.frames}
"""


def make_recordings(folder: Path, count: int) -> tuple[Path, Path]:
    """Generate recordings as files and as a zip, with orientations of as many digits as a sensor writes.

    Args:
        folder: Where to put them.
        count: How many, about.

    Returns:
        The folder and the zip.
    """
    takes = -(-count // (3 * len(ACTIONS)))
    performers = min(takes, 40)
    source = generate(folder / "made", num_performers=performers, repeats=-(-takes // performers), faults=False)
    rng = random.Random(0)
    turns = [b" %.7g %.7g %.7g %.7g 2\n" % tuple(rng.uniform(-1, 1) for _ in range(4)) for _ in range(4096)]
    files, packed = folder / "files", folder / "recordings.zip"
    files.mkdir()
    with zipfile.ZipFile(source) as made, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in track(made.namelist()[:count], "writing recordings", transient=True):
            *pieces, end = made.read(name).split(b" 1 0 0 0 2\n")
            chosen = rng.choices(turns, k=len(pieces))
            data = b"".join(map(bytes.__add__, pieces, chosen)) + end
            (files / Path(name).name).write_bytes(data)
            archive.writestr(name, data)
    shutil.rmtree(folder / "made")
    return files, packed


def plain_reader(data: bytes) -> float:
    """Read a recording the plain way: line by line, every field a number; gives their sum."""
    lines = iter(data.decode("ascii").splitlines())
    total = 0.0
    for _ in range(int(next(lines))):
        for _ in range(int(next(lines))):
            total += sum(map(float, next(lines).split()))
            for _ in range(int(next(lines))):
                total += sum([float(field) for field in next(lines).split()])
    return total


def measure_reading(files: Path, count: int) -> dict[str, float]:
    """Time the plain reader and the parser on the same files, in turns; milliseconds of processor time a file."""
    contents = [path.read_bytes() for path in sorted(files.iterdir())[:count]]
    seconds: dict[str, list[float]] = {"plain_reader": [], "parser": []}
    for _ in range(5):
        for name, read in (("plain_reader", plain_reader), ("parser", parse_skeleton)):
            start = time.process_time()
            for data in contents:
                read(data)
            seconds[name].append(time.process_time() - start)
    return {name: 1000 * statistics.median(times) / len(contents) for name, times in seconds.items()}


def measure_plainly(contents: Sequence[bytes]) -> float:
    """Time the plain reader; milliseconds of processor time for 90 frames."""
    start = time.process_time()
    for data in contents:
        plain_reader(data)
    frames = sum(int(data.split(maxsplit=1)[0]) for data in contents)
    return 1000 * (time.process_time() - start) * FRAMES_60 / frames


def measure_preparation(raw: Path, out: Path, workers: int, selection: str) -> dict[str, Any]:
    """Prepare in a process of its own; processor and wall seconds, peaks of memory in bytes."""
    shutil.rmtree(out, ignore_errors=True)
    found = measure(_STEP, raw, out, str(workers), selection, setup=_SETUP)
    times = {"cpu": found["cpu"], "wall": found["wall"]}
    return {**times, "parent": found["peak"], "worker": found["child_peak"], **found["result"]}


def make_large_store(small: Path, out: Path, count: int) -> Path:
    """Make a store of many clips of 90 frames from the facts of a small one; its coordinates are a sparse file."""
    meta = json.loads((small / "meta.json").read_text(encoding="utf-8"))
    size = FRAMES_60 * 25 * 3
    meta["counts"]["samples"] = count
    out.mkdir()
    np.lib.format.open_memmap(out / "joints.npy", "w+", np.float32, (count * size,))
    columns: dict[str, np.ndarray] = {
        "name": np.array([f"S001C001P001R{number // 1000:03d}A{number % 1000:03d}" for number in range(count)]),
        "label": np.zeros(count, np.int64),
        "offset": np.arange(count, dtype=np.int64) * size,
        "frames": np.full(count, FRAMES_60, np.int64),
        "bodies": np.ones(count, np.int64),
    }
    np.savez(out / "index.npz", **columns, **{name: np.ones(count, np.int64) for name in meta["fields"]})  # type: ignore[arg-type]
    meta["index_digest"] = digest((out / "index.npz").read_bytes())
    write_text(out / "meta.json", json.dumps(meta))
    return out


def measure_opening(store: Path) -> float:
    """Time opening a store; the median of 9, in seconds."""
    times = []
    for _ in range(9):
        start = time.perf_counter()
        open_store(store)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def measure_all(folder: Path, recordings: int) -> Iterator[tuple[str, Any]]:
    """Measure everything, one figure after the other."""
    files, packed = make_recordings(folder, recordings)
    sizes = [path.stat().st_size for path in files.iterdir()]
    yield "recordings", len(sizes)
    yield "raw_bytes", {"mean_file": statistics.mean(sizes), "zip": packed.stat().st_size}
    yield "reading_ms", measure_reading(files, min(300, len(sizes)))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    out = folder / "store"
    cases = [(files, 1, "energy"), (packed, 1, "energy"), (files, 1, "tracked"), (packed, max(cores, 2), "energy")]
    contents = [path.read_bytes() for path in sorted(files.iterdir())[:: max(len(sizes) // 100, 1)]]
    for raw, workers, selection in cases:
        before = measure_plainly(contents)
        figures = measure_preparation(raw, out, workers, selection)
        plain = (before + measure_plainly(contents)) / 2
        figures["cpu_ms_per_file"] = 1000 * figures["cpu"] / len(sizes)
        figures["cpu_ms_per_90_frames"] = 1000 * figures["cpu"] * FRAMES_60 / figures["frames"]
        figures["plain_reader_ms_per_90_frames"] = plain
        figures["times_faster_than_plain_reader"] = plain / figures["cpu_ms_per_90_frames"]
        yield f"prepare {'zip' if raw == packed else 'folder'}, {selection}, {workers} workers", figures
    store = open_store(out)
    start = time.process_time()
    measure_clips(store)
    yield "inspect_ms_per_clip", 1000 * (time.process_time() - start) / len(store)
    used = sum(path.stat().st_size for path in out.iterdir())
    bodies = float((store.frames * store.bodies).sum() / store.frames.sum())
    whole = SAMPLES_60 * (FRAMES_60 * bodies * 25 * 3 * 4 + (used - store.frames @ store.bodies * 300) / len(store))
    yield (
        "size",
        {
            "store_bytes_per_clip": used / len(store),
            "mean_frames": float(store.frames.mean()),
            "mean_bodies": bodies,
            "published_bytes_per_clip": PUBLISHED_BYTES,
            "ratio_measured": PUBLISHED_BYTES * len(store) / used,
            "ntu60_gigabytes": whole / 1e9,
            "ntu60_published_gigabytes": SAMPLES_60 * PUBLISHED_BYTES / 1e9,
            "ntu60_ratio": SAMPLES_60 * PUBLISHED_BYTES / whole,
        },
    )
    yield "open_115000_clips_s", measure_opening(make_large_store(out, folder / "large", 115_000))


def machine() -> str:
    """Name the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return f"{model or platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def main() -> None:
    """Measure, print a table, and write the figures where asked."""
    parser = argparse.ArgumentParser(description="Processor time, memory and disk of preparing NTU-style recordings.")
    parser.add_argument("--recordings", type=int, default=5000, help="how many to generate (default 5000)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--folder", type=Path, help="where to work: 0.4 MB a recording (default: a temporary folder)")
    options = parser.parse_args()
    if options.recordings < 1:
        parser.error(f"--recordings is {options.recordings}: give 1 or more")
    report: dict[str, Any] = {"machine": machine(), "load_before": _load()}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, figure in measure_all(Path(folder), options.recordings):
            report[name] = figure
            Console(stderr=True).print(f"{name}: {figure}", highlight=False, markup=False)
    report["load_after"] = _load()
    table = Table("what", "figure", "bar")
    for name, figure in report.items():
        if name.startswith("prepare"):
            table.add_row(f"{name}: CPU ms a file", f"{figure['cpu_ms_per_file']:.2f}", "")
            table.add_row(
                f"{name}: CPU ms for 90 frames", f"{figure['cpu_ms_per_90_frames']:.2f}", str(BAR_MILLISECONDS)
            )
            table.add_row(f"{name}: times the plain reader", f"{figure['times_faster_than_plain_reader']:.2f}", "")
            table.add_row(
                f"{name}: MB parent, worker",
                f"{figure['parent'] / 1e6:.0f}, {figure['worker'] / 1e6:.0f}",
                "1000 in all",
            )
    reading = report["reading_ms"]
    table.add_row("plain reader, CPU ms a file", f"{reading['plain_reader']:.2f}", "")
    table.add_row("parser, CPU ms a file", f"{reading['parser']:.2f}", "")
    table.add_row("published arrays / store", f"{report['size']['ntu60_ratio']:.1f}", "15")
    table.add_row("opening 115,000 clips, s", f"{report['open_115000_clips_s']:.3f}", "0.2")
    table.add_row("inspecting, CPU ms a clip", f"{report['inspect_ms_per_clip']:.3f}", "")
    Console().print(table)
    if options.out:
        write_text(options.out, json.dumps(report, indent=2) + "\n")


def _load() -> list[float]:
    """Tell how busy the machine is: running processes over 1, 5 and 15 minutes."""
    return list(os.getloadavg()) if hasattr(os, "getloadavg") else []


if __name__ == "__main__":
    main()
