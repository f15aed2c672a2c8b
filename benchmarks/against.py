"""How fast this version is beside another one: `python -m benchmarks.against OTHER_CHECKOUT [--out results.json]`.

Both prepare, load, train and predict the same data through their public functions, each in a process of its own, case
by case in turns. A figure is the median of the ratios of neighbouring turns, in processor time, so that what else the
machine does falls on both alike.
"""

from __future__ import annotations

import argparse
import inspect
import json
import os
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

_RECIPES = ("dualhead", "resample64", "uniform100", "ucla52", "moving300")
_SECONDS = 0.05  # of one turn of a case that is repeated within it
_SAMPLES = 64


def _quiet(function: Callable[..., Any]) -> dict[str, bool]:
    """Return the argument that keeps a function silent in its version."""
    return {"quiet": True} if "quiet" in inspect.signature(function).parameters else {"progress": False}


class Cases:
    """What is timed, in the process of one version.

    Args:
        folder: A folder of this version, for its stores and runs.
        raw: Raw data by the name of their data set; "synthetic" is among them.
    """

    def __init__(self, folder: Path, raw: dict[str, str]):
        import numpy as np

        import dualhead

        self._np, self._library, self._folder, self._raw = np, dualhead, folder, raw
        self._stores: dict[str, Any] = {}
        self._predictor: Any = None
        self._model: Any = None

    def names(self) -> Iterator[str]:
        """Yield the names of all cases."""
        for dataset in self._raw:
            yield f"prepare {dataset}"
            yield f"item {dataset}"
        for recipe in _RECIPES:
            if self._dataset(recipe) in self._raw:
                yield f"test clip {recipe}"
                yield f"training clip {recipe}"
        yield "step"
        yield "train"
        yield "predict"

    @staticmethod
    def _dataset(recipe: str) -> str:
        return {"ucla52": "ucla", "moving300": "kinetics"}.get(recipe, "synthetic")

    def run(self, name: str) -> float:
        """Run a case once and return its processor time in seconds, of one repetition."""
        kind, _, what = name.rpartition(" ")
        if kind == "prepare":
            return self._prepare(what)
        if kind == "":
            return {"step": self._step, "train": self._train, "predict": self._predict}[what]()
        store = self._store(what if kind == "item" else self._dataset(what))
        rows = range(min(_SAMPLES, len(store)))
        if kind == "item":
            return self._repeated(lambda: [store[row] for row in rows]) / len(rows)
        recipe, rng = self._library.get_recipe(what), self._np.random.default_rng(0)
        samples, train = [store[row] for row in rows], kind == "training clip"
        return self._repeated(lambda: [recipe.clip(one, "bone", train=train, rng=rng) for one in samples]) / len(rows)

    @staticmethod
    def _repeated(work: Callable[[], object]) -> float:
        work()
        start, count = time.thread_time(), 0
        while time.thread_time() < start + _SECONDS:
            work()
            count += 1
        return (time.thread_time() - start) / count

    def _prepare(self, dataset: str) -> float:
        out = self._folder / dataset
        self._stores.pop(dataset, None)
        shutil.rmtree(out, ignore_errors=True)
        start = time.process_time()
        self._library.prepare(dataset, self._raw[dataset], out, workers=1, **_quiet(self._library.prepare))
        return time.process_time() - start

    def _store(self, dataset: str) -> Any:
        if dataset not in self._stores:
            if not (self._folder / dataset).exists():
                self._prepare(dataset)
            self._stores[dataset] = self._library.open_store(self._folder / dataset)
        return self._stores[dataset]

    def _step(self) -> float:
        """Time both passes of the published DualHead-Net, where `_train` has a narrow one."""
        import torch

        if self._model is None:
            skeleton = self._store("synthetic").skeleton
            self._model = self._library.create_model("dualhead", num_classes=60, skeleton=skeleton)
        clips = torch.randn(2, 3, 64, 25, 2, generator=torch.Generator().manual_seed(0))
        start = time.process_time()
        self._model(clips).square().mean().backward()
        return time.process_time() - start

    def _train(self) -> float:
        store, train = self._store("synthetic"), self._library.train
        out = self._folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        start = time.process_time()
        train("synthetic_xsub/dualhead", store, out, stop_after=1, device="cpu", **_quiet(train))
        return time.process_time() - start

    def _predict(self) -> float:
        store = self._store("synthetic")
        if self._predictor is None:
            if not (self._folder / "run").exists():
                self._train()
            self._predictor = self._library.Predictor.from_checkpoint(self._folder / "run" / "last.safetensors")
        samples = [store[row] for row in range(min(_SAMPLES, len(store)))]
        return self._repeated(lambda: list(self._predictor.predict(samples))) / len(samples)


def _answer() -> None:
    """Time the cases that are named on standard input, one a line, in the process of one version."""
    sys.path.remove(str(Path(__file__).parent))  # where a library would take our cuda.py for its own
    folder, raw = Path(sys.argv[2]), json.loads(sys.argv[3])
    cases, answers = Cases(folder, raw), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the library prints is not an answer
    print(json.dumps(list(cases.names())), file=answers, flush=True)
    for line in sys.stdin:
        print(cases.run(line.strip()), file=answers, flush=True)


def compare(other: Path, raw: dict[str, str], repeats: int, only: str) -> dict[str, dict[str, float]]:
    """Time all cases in both versions.

    Args:
        other: A checkout of the other version.
        raw: Raw data by data set, beside the generated ones.
        repeats: Turns of each case.
        only: A part of the names of the cases to time; "" times all.

    Returns:
        By case the seconds of this and the other version, and this over the other.
    """
    with tempfile.TemporaryDirectory() as scratch:
        from dualhead.synthetic.generate import generate

        made = generate(Path(scratch) / "raw", num_performers=3, num_setups=1, quiet=True)
        raw = {"synthetic": str(made.parent), **raw}
        processes = []
        for number, checkout in enumerate((Path(__file__).parents[1], other)):
            place = Path(scratch) / str(number)
            place.mkdir()
            environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1"}
            words = [sys.executable, __file__, "--answer", str(place), json.dumps(raw)]
            processes.append(
                subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
            )
        names, _ = (json.loads(process.stdout.readline()) for process in processes)
        times: dict[str, list[list[float]]] = {name: [] for name in names if only in name}
        for turn in range(repeats + 1):  # the first one warms up
            for name, found in times.items():
                pair = [0.0, 0.0]
                for number in (0, 1) if turn % 2 else (1, 0):
                    processes[number].stdin.write(f"{name}\n")
                    processes[number].stdin.flush()
                    pair[number] = float(processes[number].stdout.readline())
                if turn:
                    found.append(pair)
        for process in processes:
            process.stdin.close()
            process.wait()
    return {
        name: {
            "seconds": statistics.median(mine for mine, _ in found),
            "other_seconds": statistics.median(its for _, its in found),
            "ratio": statistics.median(mine / its for mine, its in found),
        }
        for name, found in times.items()
    }


def main() -> None:
    """Compare, print a table and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="a checkout of the other version")
    parser.add_argument("--raw", nargs=2, action="append", default=[], metavar=("DATASET", "PATH"), help="raw data")
    parser.add_argument("--repeats", type=int, default=9, help="turns of each case (default 9)")
    parser.add_argument("--only", default="", help="part of the names of the cases to time")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    rows = compare(options.other.resolve(), dict(options.raw), options.repeats, options.only)
    for name, row in rows.items():
        ours, its = 1e6 * row["seconds"], 1e6 * row["other_seconds"]
        print(f"{name:<26} {ours:>14,.1f} us, other {its:>14,.1f} us, ratio {row['ratio']:.3f}")
    if options.out:
        from benchmarks.commit import commit
        from benchmarks.prepare import machine

        facts = {"command": shlex.join(["python", "-m", "benchmarks.against", *sys.argv[1:]]), "commit": commit()}
        content = {**facts, "machine": machine(), "load": round(os.getloadavg()[0], 1), "cases": rows}
        options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    _answer() if sys.argv[1:2] == ["--answer"] else main()
