"""What large score files cost: `python -m benchmarks.score_files [--against CHECKOUT] [--out results.json]`.

Score files of drawn logits (two heads; streams of 24 to 56 % top-1 a head) are fused with weights searched on as many
validation files, and reported, each command in a process of its own: wall time, processor time, peak memory and the
size of the page. `--against` runs the same commands from the source of another checkout, in turns.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.child import measure
from benchmarks.commit import commit
from benchmarks.prepare import machine
from dualhead.evaluation.scores import Scores
from dualhead.runtime.files import write_text

ROOT = Path(__file__).parents[1]


def make_scores(folder: Path, files: int, samples: int, classes: int) -> tuple[list[Path], list[Path]]:
    """Write score files of the test split and of the validation split, one of each a stream.

    Args:
        folder: Where to.
        files: How many streams.
        samples: How many samples in either split.
        classes: How many classes.

    Returns:
        The files of the test split, and of the validation split.
    """
    rng = np.random.default_rng(0)
    splits = []
    for split in ("test", "validation"):
        labels = rng.integers(0, classes, samples)
        names = np.array([f"{split} {row:06d}" for row in range(samples)])
        shared = rng.standard_normal((samples, 1, classes), np.float32)
        paths = []
        for number in range(files):
            logits = shared + 2 * rng.standard_normal((samples, 2, classes), np.float32)
            logits[np.arange(samples), :, labels] += 4 + 0.3 * number
            provenance = {
                "stream": f"stream{number}", "split": split, "selection": "last", "dataset": "drawn",
                "classes": [f"class {label}" for label in range(classes)],
            }  # fmt: skip
            paths.append(folder / f"{split}-{number}.npz")
            Scores(names, labels, logits, ("fine", "coarse"), provenance).save(paths[-1])
        splits.append(paths)
    return splits[0], splits[1]


_COMMAND = """
import runpy
try:
    runpy.run_module("dualhead", run_name="__main__")
except SystemExit as end:
    assert not end.code, end
"""


def measure_command(words: list[str], source: Path) -> dict[str, float]:
    """Run a command of the package from a checkout; returns seconds, and MB of its peak."""
    found = measure(_COMMAND, *words, source=source)
    peak = max(found["peak"], found["child_peak"])
    figures = {"wall_s": found["wall"], "cpu_s": found["cpu"], "peak_mb": peak / 2**20}
    return {name: round(value, 1) for name, value in figures.items()}


def main() -> None:
    """Measure both commands and write the figures where asked."""
    parser = argparse.ArgumentParser(description="Seconds, memory and page size of fusing and reporting score files.")
    parser.add_argument("--files", type=int, default=8, help="streams (default 8)")
    parser.add_argument("--samples", type=int, default=50_000, help="samples of either split (default 50000)")
    parser.add_argument("--classes", type=int, default=120, help="classes (default 120)")
    parser.add_argument("--only", choices=("report", "fuse"), help="only one of the two commands")
    parser.add_argument("--against", type=Path, help="another checkout to run too")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    sources = {"now": ROOT} | ({"before": options.against.resolve()} if options.against else {})
    sizes = f"--files {options.files} --samples {options.samples} --classes {options.classes}"
    sizes += f" --only {options.only}" if options.only else ""
    figures: dict[str, Any] = {
        "command": f"python -m benchmarks.score_files {sizes}" + (" --against CHECKOUT" if options.against else ""),
        "commit": commit(),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
    }
    if options.against:
        words = ["git", "-C", str(sources["before"]), "rev-parse", "--short", "HEAD"]
        figures["commit_before"] = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        test, validation = (
            list(map(str, files)) for files in make_scores(folder, options.files, options.samples, options.classes)
        )
        commands = {
            "report": ["report", *test, "--out", str(folder / "page.html")],
            "fuse": ["fuse", *test, "--validation", *validation, "--out", str(folder / "fused.npz")],
        }
        for name, command in commands.items():
            if options.only not in (None, name):
                continue
            figures[name] = {which: measure_command(command, source) for which, source in sources.items()}
            print(f"{name}: {figures[name]}", flush=True)
        if options.only != "fuse":
            figures["page_mb"] = round((folder / "page.html").stat().st_size / 1e6, 2)
    figures["load_after"] = round(os.getloadavg()[0], 1)
    if options.out:
        write_text(options.out, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
