"""What a whole data set costs, step by step: `python -m benchmarks.scale [--recordings 500] [--out results.json]`.

Recordings are generated into one zip, as NTU RGB+D ships (3,000 of them; more are these again), and go through
`prepare`, `open_store`, an epoch of loading, `inspect` and `evaluate` with the demo's network, each step in a process
of its own: wall time, processor time of all its processes, and the peak of its memory and of its largest child. All is
measured at a quarter of the recordings and at all of them; the line through both is followed to the sizes of published
data sets. `--page` writes the table in docs/scale.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.child import measure
from benchmarks.commit import commit
from dualhead.runtime.files import write_text
from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.generate import generate

SIZES = {"NTU RGB+D 60": 56_880, "NTU RGB+D 120": 114_480, "Kinetics-Skeleton": 260_232}
"""Recordings of published data sets."""

DISTINCT = 3000
"""Recordings that are generated; of more than these, several have the same content."""

LEAST = 500
"""Recordings from which on the line through two measurements is worth following."""

FEW = f"Too few to be extrapolated from: that takes {LEAST} or more."

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scale.json"
BEGIN, END = "<!-- benchmarks.scale begin -->\n", "<!-- benchmarks.scale end -->\n"

_STEPS = {
    "prepare": """
from dualhead.data.prepare.prepare import prepare
prepare("synthetic", folder / "recordings.zip", folder / "store", workers=2, quiet=True)
""",
    "open": """
from dualhead.data.store.store import open_store
len(open_store(folder / "store"))
""",
    "load one epoch": """
from dualhead.data.loading.datamodule import ClipDataModule
from dualhead.data.store.store import open_store
store = open_store(folder / "store")
data = ClipDataModule(store, "xsub", "resample64", "joint", batch_size=64, validation="none", workers=2)
data.setup("fit")
count = sum(len(batch["labels"]) for batch in data.train_dataloader())
""",
    "inspect": """
from dualhead.visualize.inspect import inspect
inspect(folder / "store", folder / "page.html", quiet=True)
""",
    "evaluate": """
from dualhead.inference.evaluate import evaluate
evaluate(folder / "model.safetensors", folder / "store", folder / "scores.npz", workers=1, device="cpu", quiet=True)
""",
}
"""What each step runs, with `folder` in its hands."""

_FOLDER = "from pathlib import Path\nfolder = Path(sys.argv[1])\n"

_CHECKPOINT = """
from dualhead.data.store.store import open_store
from dualhead.models.checkpoint import save_checkpoint
from dualhead.training.build import build_model, build_provenance
from dualhead.training.config import load_experiment
experiment, store = load_experiment("synthetic_xsub/dualhead"), open_store(folder / "store")
provenance = {**build_provenance(experiment, store, "joint"), "epoch": 0, "selection": "last"}
save_checkpoint(folder / "model.safetensors", build_model(experiment, store).eval(), provenance)
"""


def make_zip(folder: Path, count: int) -> Path:
    """Generate recordings into one zip; beyond `DISTINCT`, the same ones again under the names of other repeats."""
    performers = 15  # of both splits of the protocol
    distinct = min(count, DISTINCT)
    actions = min(len(ACTIONS), -(-distinct // (3 * performers)))
    repeats = -(-distinct // (3 * performers * actions))
    made = generate(
        folder / "made", num_performers=performers, num_actions=actions, repeats=repeats, faults=False, quiet=True
    )
    out = folder / "recordings.zip"
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        names = source.namelist()
        copies = -(-count // len(names))
        for at in range(count):  # spread over performers, so that both splits of the protocol have some
            number, copy = divmod(at * len(names) * copies // count, copies)
            archive.writestr(_repeated(names[number], copy * repeats), source.read(names[number]))
    shutil.rmtree(folder / "made")
    return out


def _repeated(name: str, more: int) -> str:
    """Name the recording of a later repeat of the same take."""
    return re.sub(r"R(\d{3})(?=A\d{3}\.)", lambda found: f"R{int(found[1]) + more:03d}", name)


def measure_steps(folder: Path, count: int, console: Console) -> dict[str, dict[str, float]]:
    """Run every step on so many recordings."""
    make_zip(folder, count)
    found: dict[str, dict[str, float]] = {}
    for name, step in _STEPS.items():
        if name == "evaluate":
            measure(_CHECKPOINT, folder, setup=_FOLDER)
        found[name] = measure(step, folder, setup=_FOLDER)
        del found[name]["result"]
        console.print(f"{count} recordings, {name}: {found[name]}")
    return found


def extrapolate(small: tuple[int, float], large: tuple[int, float], count: int) -> float:
    """Follow the line through two measurements; one that falls is taken for level."""
    slope = max(0.0, (large[1] - small[1]) / (large[0] - small[0]))
    return large[1] + slope * (count - large[0])


def table(figures: dict[str, Any]) -> str:
    """Return the table of docs/scale.md."""
    counts = [int(count) for count in figures["steps"]]
    small, large = min(counts), max(counts)
    sizes = SIZES if large >= LEAST else {}
    columns = [f"{large:,}", *sizes]
    lines = [
        f"Measured at {small:,} and {large:,} generated recordings in one zip:",
        "",
        f"- {figures['machine']} ({figures['load']}), commit {figures['commit']}",
        f"- `{figures['command']}`",
        "",
        "What is beyond is the line through both, not a measurement." if sizes else FEW,
        "",
        f"| | processor, s: {' | '.join(columns)} | peak, MB: {' | '.join(columns)} |",
        "| --- |" + " ---: |" * (2 * len(columns)),
    ]
    for step in figures["steps"][str(large)]:
        cells = []
        for field, unit, form in (("cpu", 1.0, ",.1f"), ("peak", 1e6, ",.0f")):
            one, two = ((count, figures["steps"][str(count)][step][field] / unit) for count in (small, large))
            cells += [format(two[1], form), *(f"{extrapolate(one, two, count):,.0f}" for count in sizes.values())]
        lines.append(f"| {step} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def write_page(page: Path, figures: dict[str, Any]) -> None:
    """Put the table between its marks."""
    text = page.read_text(encoding="utf-8")
    head, rest = text.split(BEGIN)
    write_text(page, head + BEGIN + table(figures) + END + rest.split(END)[1])


def main() -> None:
    """Measure, or write the page from what was measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recordings", type=int, default=500)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--folder", type=Path, help="where to work; default: a temporary folder")
    parser.add_argument("--page", action="store_true", help="only write the table in docs/scale.md")
    arguments = parser.parse_args()
    if arguments.page:
        write_page(ROOT / "docs" / "scale.md", json.loads(RESULTS.read_text(encoding="utf-8")))
        return
    if arguments.recordings < 40:
        parser.error("--recordings: 40 or more")
    load = os.getloadavg()[0]
    steps = {}
    for count in (arguments.recordings // 4, arguments.recordings):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            steps[str(count)] = measure_steps(Path(folder), count, Console())
    figures = {
        "command": f"python -m benchmarks.scale --recordings {arguments.recordings}",
        "commit": commit(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "load": f"other processes at work, load {load:.0f}" if load > 1 else "quiet",
        "steps": steps,
    }
    if arguments.out:
        write_text(arguments.out, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
