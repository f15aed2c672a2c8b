"""Recording finished runs as result files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from benchmarks.record import record_ablation, record_final
from dualhead.evaluation.scores import Scores

WHERE = {"commit": "abc", "machine": "2 cores"}


def _run(folder: Path, stream: str, logits: list[list[float]], top1: float) -> None:
    """A finished run of three samples and two classes."""
    names = ("a", "b", "c")
    provenance = {"stream": stream, "split": "test", "classes": ["sit", "walk"], "model": "stgcn"}
    scores = Scores(names, np.array([0, 1, 1]), np.array(logits, np.float32)[:, None], ("fine",), provenance)
    (folder / "scores").mkdir(parents=True)
    scores.save(folder / "scores" / "test_last.npz")
    figures = {"mean": {"top1": top1, "count": 3}}
    result = {
        "dataset": "ucla", "protocol": "xview", "model": "stgcn", "stream": stream, "recipe": "ucla52", "seconds": 60.0,
        "parameters": 10, "device": "cpu", "epochs": 2, "best": None,
        "last": {"epoch": 2, "test": figures, "validation": figures},
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(result))


def test_runs_and_fusions_are_recorded_once_complete(tmp_path: Path) -> None:
    folder, runs, results = tmp_path / "final", tmp_path / "runs", tmp_path / "results"
    folder.mkdir()
    results.mkdir()
    (folder / "runs.txt").write_text("# name\nj ucla joint x.yaml --seed 1\nb ucla bone x.yaml\nm ucla bone y.yaml\n")
    (folder / "fusions.yaml").write_text(
        "two: {model: stgcn, stream: 2 streams fused, weights: equal, runs: [j, b]}\n"
        "three: {model: stgcn, stream: 3 streams fused, weights: equal, runs: [j, b, m]}\n"
    )
    _run(runs / "j", "joint", [[2, 0], [0, 2], [3, 0]], 2 / 3)
    _run(runs / "b", "bone", [[0, 1], [0, 1], [0, 1]], 2 / 3)
    written = record_final(folder, runs, results, WHERE)
    assert [path.name for path in written] == ["j.json", "b.json", "two.json"]
    single, fused = (json.loads((results / name).read_text()) for name in ("j.json", "two.json"))
    assert single["command"] == (
        "dualhead train --config x.yaml --store stores/ucla --stream joint --out runs/j --seed 1"
    )
    assert fused["errors"] == [["c", "walk", "sit"]]  # sums: (2, 1), (0, 3), (3, 1)
    assert fused["last"]["test"]["mean"]["top1"] == 2 / 3
    assert (fused["parameters"], fused["seconds"], fused["weights"]) == (20, 120.0, {"j": 0.5, "b": 0.5})
    assert (fused["commit"], fused["machine"]) == ("abc", "2 cores")


def test_an_ablation_groups_runs_by_variant_and_value(tmp_path: Path) -> None:
    (tmp_path / "runs.txt").write_text(
        "".join(f"{n} ucla joint x.yaml\n" for n in ("yaw_1", "yaw_2", "yaw_2_s1", "no_1"))
    )
    for name, top1 in (("yaw_1", 0.7), ("yaw_2", 0.8), ("yaw_2_s1", 0.9)):
        _run(tmp_path / "runs" / name, "joint", [[2, 0], [0, 2], [3, 0]], top1)
    values = json.loads(record_ablation(tmp_path, tmp_path / "runs", WHERE).read_text())
    assert values["runs"] == {"yaw": {"1": [0.7], "2": [0.8, 0.9]}}
