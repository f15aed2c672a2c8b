"""Mutated inputs for every parser: `python -m benchmarks.fuzz [--inputs 20000] [--only NAME ...] [--out FILE.json]`.

Each target starts from whole inputs of every form that it reads, changes bytes, tokens, lines and numbers, cuts,
repeats and joins them, and feeds the result to the parser as a user's file would be. Only the documented errors may
come out, within 10 seconds of processor time an input. The same seed gives the same inputs, whatever the targets. An
input that breaks the rule is kept under `--keep`; the exit code is then 1. The tests run a few hundred inputs of the
same targets.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import signal
import sys
import tempfile
import time
import traceback
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from rich.console import Console
from rich.progress import track

from benchmarks.commit import commit
from benchmarks.fuzz_target import Target
from benchmarks.fuzz_targets import make_targets
from benchmarks.mutation import mutate
from benchmarks.prepare import machine
from dualhead.runtime.files import write_text

SECONDS = 10
"""What one input may take of the processor; a busy machine does not count."""


@dataclass
class Outcome:
    """What came of the inputs of a target.

    Attributes:
        accepted: How many were read.
        refused: Refused inputs by type of error.
        broken: Where the inputs that broke the rule are kept, each with the last line of what came out.
        seconds: Processor time of all.
        slowest: The most processor time that one input took.
    """

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[Path, str]] = field(default_factory=list)
    seconds: float = 0.0
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        """How many inputs there were."""
        return self.accepted + self.refused.total() + len(self.broken)

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as JSON-able values."""
        return {
            "inputs": self.inputs,
            "read": self.accepted,
            "refused": dict(self.refused.most_common()),
            "broken": len(self.broken),
            "slowest_s": round(self.slowest, 3),
            "seconds": round(self.seconds, 1),
        }


def run_target(target: Target, inputs: int, seed: int, keep: Path, *, progress: bool = True) -> Outcome:
    """Feed mutated inputs to one target.

    Args:
        target: The parser.
        inputs: How many.
        seed: Start of all randomness.
        keep: Folder for the inputs that break the rule.
        progress: Whether to show a bar.

    Returns:
        What came of them.
    """
    outcome = Outcome()
    rng = random.Random(zlib.crc32(target.name.encode()) + seed)
    started = time.process_time()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        feed = target.start(Path(folder))
        for _ in track(range(inputs), target.name, console=Console(stderr=True), disable=not progress):
            name, seeds = rng.choice(target.seeds)
            data = mutate(rng.choice(seeds), seeds, rng)
            begun = time.process_time()
            try:
                with _limit(SECONDS):
                    feed(name, data)
                outcome.accepted += 1
            except target.errors as error:
                outcome.refused[type(error).__name__] += 1
            except Exception as error:  # noqa: BLE001 - whatever else comes out is what is looked for
                keep.mkdir(parents=True, exist_ok=True)
                path = keep / f"{target.name}-{hashlib.sha256(data).hexdigest()[:12]}-{name.replace('/', '_')}"
                path.write_bytes(data)
                path.with_name(f"{path.name}.txt").write_text(traceback.format_exc(), encoding="utf-8")
                outcome.broken.append((path, f"{type(error).__name__}: {error}"))
            outcome.slowest = max(outcome.slowest, time.process_time() - begun)
    outcome.seconds = time.process_time() - started
    return outcome


class TooSlowError(Exception):
    """An input that takes longer than `SECONDS`."""


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Interrupt what takes more processor time, where the system can."""
    if sys.platform == "win32":
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {seconds} s of processor time")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def record(out: Path, name: str, seed: int, outcome: Outcome) -> None:
    """Write what came of one target into a file of results; those of other targets stay.

    Args:
        out: The JSON file to create or replace.
        name: The target.
        seed: What its inputs were made from.
        outcome: What came of them.
    """
    known = json.loads(out.read_text(encoding="utf-8"))["targets"] if out.is_file() else {}
    command = f"python -m benchmarks.fuzz --inputs {outcome.inputs} --seed {seed} --only {name}"
    figures = {**outcome.to_dict(), "command": command, "commit": commit(), "machine": machine()}
    write_text(out, json.dumps({"targets": {**known, name: figures}}, indent=2) + "\n")


def main(words: Sequence[str] | None = None) -> int:
    """Run every target and print a line for each as it ends; gives the exit code."""
    targets = {target.name: target for target in make_targets()}
    parser = argparse.ArgumentParser(
        description="Mutated inputs for every parser; only documented errors may come out."
    )
    parser.add_argument("--inputs", type=int, default=20_000, help="inputs a target (default 20000)")
    parser.add_argument("--seed", type=int, default=0, help="start of all randomness (default 0)")
    parser.add_argument("--only", nargs="*", choices=list(targets), help="names of targets (default: all)")
    parser.add_argument(
        "--keep", type=Path, default=Path("fuzz-failures"), help="folder for inputs that break the rule"
    )
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file, target by target")
    options = parser.parse_args(words)
    console = Console(width=200, highlight=False, markup=False)
    console.print(_LINE.format("target", "inputs", "read", "broken", "slowest s", "seconds", "refused"))
    is_broken = False
    for name in options.only or targets:
        outcome = run_target(targets[name], options.inputs, options.seed, options.keep)
        refused = ", ".join(f"{count:,} {kind}" for kind, count in outcome.refused.most_common())
        console.print(
            _LINE.format(
                name, f"{outcome.inputs:,}", f"{outcome.accepted:,}", len(outcome.broken),
                f"{outcome.slowest:.2f}", f"{outcome.seconds:.0f}", refused,
            )
        )  # fmt: skip
        for path, reason in outcome.broken[:20]:
            console.print(f"  {path}: {reason}")
        if options.out:
            record(options.out, name, options.seed, outcome)
        is_broken |= bool(outcome.broken)
    return 1 if is_broken else 0


_LINE = "{:20} {:>8} {:>8} {:>6} {:>9} {:>7}  {}"


if __name__ == "__main__":
    sys.exit(main())
