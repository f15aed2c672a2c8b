"""Whether the forms of a model give the same classes: `python -m benchmarks.agreement [--demo demo] [--out FILE]`.

Scores the test split of the generated data with the four networks that `make demo` trained, in the form of the papers
(the formulas of the tests), as they are, and deployed in float32 and bfloat16.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.commit import commit
from benchmarks.model_times import deploy_in, plain_form
from dualhead.data.store.store import open_store
from dualhead.inference.deploy import deploy
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.files import write_text
from dualhead.training.config import parse_experiment
from dualhead.training.evaluate import score_split

FORMS = {
    "ours": lambda model: model,
    "deployed, float32": deploy,
    "deployed, bfloat16": lambda model: deploy_in(model, torch.bfloat16),
}


def compare(demo: Path) -> dict[str, dict[str, float]]:
    """Compare every form with the plain one, for each stream.

    Args:
        demo: What `make demo` made.
    """
    store = open_store(demo / "store")
    table: dict[str, dict[str, float]] = {}
    for checkpoint in sorted(demo.glob("runs/*/last.safetensors")):
        model, facts = load_checkpoint(checkpoint)
        experiment = parse_experiment(facts["experiment"], str(checkpoint))

        def logits(form: Any, facts: Any = facts, experiment: Any = experiment) -> Any:
            return score_split(form, store, experiment, facts, split="test", device=torch.device("cpu")).mean

        plain = logits(plain_form(model))
        row = table[checkpoint.parent.name] = {"test samples": len(plain)}
        for name, make in FORMS.items():
            got = logits(make(model))
            row[f"{name}: difference over largest"] = float(np.abs(got - plain).max() / np.abs(plain).max())
            row[f"{name}: equal arg-max"] = float((got.argmax(axis=1) == plain.argmax(axis=1)).mean())
    return table


def main() -> None:
    """Compare and print; `--out` keeps the figures."""
    parser = argparse.ArgumentParser(description="Whether the forms of a model give the same classes.")
    parser.add_argument("--demo", type=Path, default=Path("demo"), help="what `make demo` made (default: demo)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    if not (options.demo / "store").is_dir():
        parser.exit(1, f"no demo at {options.demo}: run `make demo` first\n")
    command = " ".join(["make demo && python -m benchmarks.agreement", *sys.argv[1:]])
    figures = {"command": command, "commit": commit()}
    table = compare(options.demo)
    for stream, row in table.items():
        print(stream, *(f"  {what}: {value:.4g}" for what, value in row.items()), sep="\n")
    if options.out:
        write_text(options.out, json.dumps({**figures, "streams": table}, indent=2) + "\n")


if __name__ == "__main__":
    main()
