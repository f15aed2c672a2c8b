"""Record finished runs as the files of `results/` that the tables are made of.

    python -m benchmarks.record final results/final RUNS        # results/NAME.json
    python -m benchmarks.record ablation results/ablations/ucla RUNS

The folder has `runs.txt`, the list that `benchmarks/runs.sh` trained into RUNS, and for `final` also `fusions.yaml`: by
name of the result the runs that are fused, the name of their weights and what the table shows. Which runs are fused,
and by which weights, is written there before a test split is scored. Runs that have not ended are left out.
"""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.commit import commit
from benchmarks.prepare import machine
from benchmarks.tables import recipe_name
from dualhead.evaluation.fusion import fuse
from dualhead.evaluation.scores import Scores
from dualhead.runtime.files import write_text
from dualhead.runtime.yaml_file import read_yaml

ROOT = Path(__file__).parents[1]
RESULT = "result.json"
SCORES = Path("scores", "test_last.npz")
"""The test scores of a run's last epoch."""


def listed_runs(runs: Path) -> dict[str, list[str]]:
    """Read a list of runs.

    Args:
        runs: A file as `benchmarks/runs.sh` documents it.

    Returns:
        By name of the run: store, stream, experiment and changes.
    """
    lines = [shlex.split(line) for line in runs.read_text(encoding="utf-8").splitlines()]
    return {words[0]: words[1:] for words in lines if words and not words[0].startswith("#")}


def record_final(folder: Path, runs: Path, results: Path, where: Mapping[str, str]) -> list[Path]:
    """Write a result file for every run and fusion that is complete.

    Args:
        folder: The folder with `runs.txt` and `fusions.yaml`.
        runs: The folder of the runs.
        results: Where the files go.
        where: The keys `commit` and `machine` of each.

    Returns:
        The files written.
    """
    written, done = [], {}
    for name, words in listed_runs(folder / "runs.txt").items():
        store, stream, experiment, *changes = words
        if (runs / name / RESULT).exists():
            done[name] = _result(runs / name)
            if done[name]["dataset"] == "custom":
                done[name]["dataset"] = store
            if "--init" in changes:
                done[name]["init"] = changes[changes.index("--init") + 1]
            command = f"dualhead train --config {experiment} --store stores/{store} --stream {stream} --out runs/{name}"
            values = {**done[name], "command": " ".join([command, *changes]), **where}
            written.append(_write(results / f"{name}.json", values))
    for name, fusion in read_yaml(folder / "fusions.yaml").items():
        if all(run in done for run in fusion["runs"]):
            written.append(_write(results / f"{name}.json", {**_fused(fusion, runs, done), **where}))
    return written


def _fused(fusion: Mapping[str, Any], runs: Path, done: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the result of a fusion: the keys of its first run, and its own figures, confusions and errors."""
    parts = [done[run] for run in fusion["runs"]]
    files = [runs / run / SCORES for run in fusion["runs"]]
    fused = fuse(files, fusion["weights"], method=fusion.get("method", "logits"), allow_same_stream=True, quiet=True)
    names = " ".join(str(Path("runs", run, SCORES)) for run in fusion["runs"])
    shared = {key: parts[0][key] for key in ("dataset", "protocol", "device") if key in parts[0]}
    return {
        **shared,
        "model": fusion["model"],
        "recipe": " and ".join(dict.fromkeys(map(recipe_name, parts))),
        "stream": fusion["stream"],
        "parameters": sum(part["parameters"] for part in parts),
        "seconds": sum(part["seconds"] for part in parts),
        "epochs": parts[0]["epochs"],
        "best": None,
        "last": {
            "epoch": parts[0]["last"]["epoch"],
            "test": {head: asdict(figures) for head, figures in fused.metrics.items()},
        },
        "weights": {run: round(share.weight, 4) for run, share in zip(fusion["runs"], fused.streams, strict=True)},
        "errors": _errors(fused.scores),
        "command": f"dualhead fuse {names} --weights {fusion['weights']} --allow-same-stream",
    }


def _errors(scores: Scores) -> list[list[str]]:
    """Return name, true class and predicted class of every sample that is wrong."""
    classes = scores.classes or tuple(str(index) for index in range(scores.num_classes))
    rows = zip(scores.names, scores.labels, scores.predictions, strict=True)
    return [[str(name), classes[label], classes[found]] for name, label, found in rows if label != found]


def record_ablation(folder: Path, runs: Path, where: Mapping[str, str]) -> Path:
    """Write `results.json` of an ablation from the runs that have ended.

    A run is called by its variant and the value that it keeps back, and further by what tells repetitions apart:
    `yaw_1` and `yaw_2_seed1` are of the variant `yaw`. Its figure is the top-1 of the last epoch on the part kept back.

    Args:
        folder: The folder of the ablation, with `runs.txt`.
        runs: The folder of the runs.
        where: The keys `commit` and `machine`.

    Returns:
        The file written.
    """
    variants: dict[str, dict[str, list[float]]] = {}
    for name in listed_runs(folder / "runs.txt"):
        if (runs / name / RESULT).exists():
            variant, value = re.match(r"(.+?)_(\d+)", name).groups()  # type: ignore[union-attr]
            top1 = _result(runs / name)["last"]["validation"]["mean"]["top1"]
            variants.setdefault(variant, {}).setdefault(value, []).append(top1)
    command = f"bash benchmarks/runs.sh {folder}/runs.txt runs"
    return _write(folder / "results.json", {"command": command, **where, "runs": variants})


def _result(run: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads((run / RESULT).read_text(encoding="utf-8"))
    return values


def _write(path: Path, values: Mapping[str, Any]) -> Path:
    write_text(path, json.dumps(values, indent=1) + "\n")
    return path


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("final", "ablation"))
    parser.add_argument("folder", type=Path, help="the folder of runs.txt")
    parser.add_argument("runs", type=Path, help="the folder of the runs")
    parser.add_argument("--commit", default=commit(), help="the commit that the runs were trained at")
    parser.add_argument("--machine", default=machine(), help="what they ran on")
    options = parser.parse_args()
    where = {"commit": options.commit, "machine": options.machine}
    if options.kind == "ablation":
        print(record_ablation(options.folder, options.runs, where))
    else:
        print(*record_final(options.folder, options.runs, ROOT / "results", where), sep="\n")


if __name__ == "__main__":
    main()
