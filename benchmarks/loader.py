"""How many clips a second one core makes: `python -m benchmarks.loader [--out results.json]`.

Recordings are made in memory, so this is the cost of the recipes and of batching, without the disk. Each figure is the
median of several runs, in processor time, interleaved over all cases so that a busy moment of the machine falls on all
of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before NumPy loads: the figures are per core
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from rich.console import Console
from rich.table import Table

from dualhead.data.loading.dataset import collate
from dualhead.data.recipes.recipes import RECIPES, get_recipe
from dualhead.data.recipes.streams import STREAMS
from dualhead.runtime.files import write_text
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import KINECT20, NTU25, OPENPOSE18

_BARS = {"dualhead": 1000, "resample64": 3000}
_BATCH = 64
_FLAT = ("moving300", "stgcn_kinetics")


def recordings(bodies: int, frames: int, recipe: str, number: int = 16) -> list[SkeletonSequence]:
    """Make recordings of random walks, a few metres from the camera, of the skeleton that the recipe is for."""
    rng = np.random.default_rng(0)
    skeleton = KINECT20 if recipe.startswith("ucla") else OPENPOSE18 if recipe in _FLAT else NTU25
    shape = (number, bodies, frames, skeleton.num_joints, skeleton.dimensions)
    joints = (3 + 0.02 * rng.standard_normal(shape).cumsum(axis=2)).astype(np.float32)
    if skeleton.dimensions == 2:
        joints /= 6  # about the middle of an image
    return [SkeletonSequence(sample, skeleton, name=str(row), label=0) for row, sample in enumerate(joints)]


def batch_maker(recipe_name: str, stream: str, train: bool, bodies: int, frames: int) -> Callable[[], None]:
    """Build a function that makes one batch, as a loader's worker does."""
    recipe = get_recipe(recipe_name)
    samples = recordings(bodies, frames, recipe_name)
    rng = np.random.default_rng(0)

    def make() -> None:
        collate(
            [
                {
                    "clips": recipe.clip(samples[row % len(samples)], stream, train=train, rng=rng)[None],
                    "label": 0,
                    "index": row,
                    "draw": 0,
                }
                for row in range(_BATCH)
            ]
        )

    return make


def measure(repeats: int) -> list[dict[str, object]]:
    """Time every recipe and stream, for training and for test, on long two-person and on usual recordings."""
    cases = [
        (recipe, stream, train, bodies, frames)
        for recipe in RECIPES
        for stream in STREAMS
        for train in (True, False)
        for bodies, frames in ((2, 300), (1, 90))
    ]
    makers = [batch_maker(*case) for case in cases]
    seconds: list[list[float]] = [[] for _ in cases]
    for repeat in range(repeats + 1):
        for make, times in zip(makers, seconds, strict=True):
            start = time.process_time()
            make()
            if repeat:  # the first round only warms up
                times.append(time.process_time() - start)
    return [
        {
            "recipe": recipe,
            "stream": stream,
            "train": train,
            "bodies": bodies,
            "frames": frames,
            "clips_per_second": round(_BATCH / statistics.median(times)),
            "bar": _BARS.get(recipe),
        }
        for (recipe, stream, train, bodies, frames), times in zip(cases, seconds, strict=True)
    ]


def main() -> None:
    """Measure, print a table, and write the figures where asked."""
    parser = argparse.ArgumentParser(description="Clips a second and core through the recipes, batching included.")
    parser.add_argument("--repeats", type=int, default=9, help="timed batches of 64 clips a case (default 9)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    rows = measure(options.repeats)
    table = Table("recipe", "stream", "split", "bodies", "frames", "clips/s/core", "bar")
    for row in rows:
        cells = ("train" if value is True else "test" if value is False else str(value or "") for value in row.values())
        table.add_row(*cells)
    Console().print(table)
    if options.out:
        report = {"machine": platform.processor() or platform.machine(), "batch": _BATCH, "cases": rows}
        write_text(options.out, json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
