"""What `predict` makes of a folder: `python -m benchmarks.folder [--recordings 3000] [--out results.json]`.

Recordings are generated into a folder, one file each, and `dualhead predict FOLDER --out FILE` runs on all of them in a
process of its own with one thread: its processor time, and its memory as it goes on. Beside it stands what the deployed
model alone needs for the same clips, from memory in batches of the same size; the share of that throughput which is
left with reading, clips and writing is the figure. At the end the command is stopped halfway and gone on with, which
has to give the same lines.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.child import memory_status
from benchmarks.commit import commit
from benchmarks.prepare import machine
from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import open_store
from dualhead.inference.predictor import Predictor
from dualhead.layers.bodies import send
from dualhead.models.checkpoint import save_checkpoint
from dualhead.runtime.files import write_text
from dualhead.synthetic.generate import generate
from dualhead.training.build import build_model, build_provenance
from dualhead.training.config import load_experiment

BATCH = 16
"""Clips that are computed at a time, the default of `predict`."""

_ROUNDS = 5
_SAMPLE = 160
_CHANGES = {"recipe": "resample64", "model.name": "dualhead"}


def make_folder(folder: Path, count: int) -> tuple[Path, Path]:
    """Write recordings, and a checkpoint of DualHead-Net that has learnt nothing.

    Args:
        folder: Where to.
        count: How many recordings.

    Returns:
        The folder of recordings, and the checkpoint.
    """
    made = generate(
        folder / "made", num_performers=15, num_actions=10, repeats=-(-count // 450), faults=False, quiet=True
    )
    recordings = folder / "recordings"
    recordings.mkdir()
    with zipfile.ZipFile(made) as archive:
        for name in archive.namelist()[:count]:
            (recordings / Path(name).name).write_bytes(archive.read(name))
    prepare("synthetic", made, folder / "store", quiet=True)
    store, checkpoint = open_store(folder / "store"), folder / "model.safetensors"
    experiment = load_experiment("synthetic_xsub/dualhead", _CHANGES)
    torch.manual_seed(0)
    provenance = {**build_provenance(experiment, store, "joint"), "epoch": 0, "selection": "last"}
    save_checkpoint(checkpoint, build_model(experiment, store).eval(), provenance)
    return recordings, checkpoint


def deployed_seconds(checkpoint: Path, recordings: Sequence[Path]) -> float:
    """Measure what the deployed model needs for a clip, from memory: the median over batches and rounds.

    Args:
        checkpoint: The checkpoint.
        recordings: Files; each round computes the clips of all, a batch at a time.

    Returns:
        Seconds of the processor a clip.
    """
    torch.set_num_threads(1)
    predictor = Predictor.from_checkpoint(checkpoint, device="cpu")
    member, reader = predictor.members[0], predictor.make_reader()
    sequences = [sequence for path in recordings for sequence in reader.read(path)]
    clips = torch.cat([torch.from_numpy(member.recipe.clips(sequence, member.stream)) for sequence in sequences])
    rounds = []
    with torch.inference_mode():
        for _ in range(_ROUNDS):
            begun = time.process_time()
            for batch in torch.split(clips, BATCH):
                member.model(*send(batch, "cpu"))
            rounds.append((time.process_time() - begun) / len(clips))
    return statistics.median(rounds)


def start(checkpoint: Path, recordings: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start `dualhead predict` with one thread."""
    words = [sys.executable, "-m", "dualhead", "predict", str(checkpoint), str(recordings), "--out", str(out), *more]
    return subprocess.Popen([*words, "--device", "cpu", "--quiet"], env={**os.environ, "OMP_NUM_THREADS": "1"})


def watch(process: subprocess.Popen[bytes], partial: Path, until: int | None = None) -> list[tuple[int, float]]:
    """Follow a command to its end, or until it has written so many lines.

    Args:
        process: The command.
        partial: The file that it writes to.
        until: Lines after which to stop it as Ctrl-C does.

    Returns:
        How many lines there were at several times, and the megabytes that the process held.
    """
    seen: list[tuple[int, float]] = []
    while process.poll() is None:
        time.sleep(0.5)
        try:
            held = memory_status("VmRSS", process.pid) / 1e3
            lines = partial.read_bytes().count(b"\n")
        except (OSError, LookupError):
            continue
        seen.append((lines, held))
        if until is not None and lines >= until:
            process.send_signal(signal.SIGINT)
            until = None
    return seen


def measure(folder: Path, count: int) -> dict[str, Any]:
    """Predict a folder of recordings, once as a whole and once in two goes."""
    recordings, checkpoint = make_folder(folder, count)
    files = sorted(recordings.iterdir())
    whole, halves = folder / "whole.jsonl", folder / "halves.jsonl"
    before = os.times()
    process = start(checkpoint, recordings, whole)
    seen = watch(process, whole.with_name(whole.name + ".partial"))
    after = os.times()
    if process.returncode:
        raise SystemExit(f"predict ended with {process.returncode}")
    seconds = sum(after[2:4]) - sum(before[2:4])
    alone = deployed_seconds(checkpoint, files[:: max(1, count // _SAMPLE)])
    watch(start(checkpoint, recordings, halves), halves.with_name(halves.name + ".partial"), until=count // 2)
    start(checkpoint, recordings, halves, "--resume").wait()
    first = [held for lines, held in seen if count // 10 <= lines < count // 2]
    second = [held for lines, held in seen if lines >= count // 2]
    return {
        "recordings": count,
        "predict_cpu_s": seconds,
        "predict_ms_a_recording": 1000 * seconds / count,
        "deployed_ms_a_clip": 1000 * alone,
        "share_of_deployed_throughput": alone * count / seconds,
        "first_half_mb": statistics.median(first),
        "second_half_mb": statistics.median(second),
        "peak_mb": max(held for _, held in seen),
        "resumed_equals_whole": halves.read_bytes() == whole.read_bytes(),
    }


def main() -> None:
    """Measure, print, and write the figures where asked."""
    parser = argparse.ArgumentParser(description="Throughput and memory of `dualhead predict` on a folder.")
    parser.add_argument("--recordings", type=int, default=3000, help="how many (default 3000)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    figures: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.folder", *sys.argv[1:]]),
        "commit": commit(),
        "machine": machine(),
        "load": os.getloadavg()[0],
    }
    with tempfile.TemporaryDirectory() as folder:
        figures |= measure(Path(folder), options.recordings)
    print(json.dumps(figures, indent=1))
    if options.out:
        write_text(options.out, json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
