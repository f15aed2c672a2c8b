"""Kills, signals, disk faults and mutations, repeated from a seed: `python -m benchmarks.faults [--kills 100] [...]`.

A kill at a random moment, and the same command again, must end with the bytes of the command that was never killed. A
signal must end any command within 10 seconds with 130 or 143 and one sentence, and leave no process behind. A disk that
fails must end it with exit code 1 and one sentence, and leave the output as it was. Mutated inputs must be read or
refused (`benchmarks.fuzz`). Whatever else happens is a failure, printed and recorded; the exit code is then 1. The
tests run a few of each.
"""

from __future__ import annotations

import argparse
import errno
import hashlib
import json
import os
import random
import resource
import shlex
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.commit import commit
from benchmarks.fault_scene import PATIENCE, Ended, Scene, fail_at, limit_files
from benchmarks.fuzz import run_target
from benchmarks.fuzz_targets import make_targets
from benchmarks.prepare import machine
from dualhead.runtime.files import write_text

SIGNALLED = ("prepare", "train", "evaluate", "fuse", "report", "inspect", "predict", "export-arrays", "export-pyskl")
"""Commands that are interrupted."""

WRITING = (
    "prepare", "train", "evaluate", "fuse", "report", "inspect", "convert", "export-arrays", "export-pyskl",
)  # fmt: skip
"""Commands whose disk fails."""

MEMORY = 2 * 2**30
"""Bytes that mutated inputs may add to the process."""

_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143}


@dataclass
class Tally:
    """What came of one kind of disturbance.

    Attributes:
        done: How many disturbances there were; of kills only those that met a running command.
        outcomes: Exit codes, by command.
        failures: What was not as promised, a sentence each.
        slowest_end: The most seconds that a command took to end after a signal.
        seconds: Of all.
    """

    done: int = 0
    outcomes: dict[str, Counter[int]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    slowest_end: float = 0.0
    seconds: float = 0.0

    def add(self, command: str, ended: Ended, counts: bool = True) -> None:
        """Count how a command ended, as a disturbance or only among the outcomes."""
        self.done += counts
        self.outcomes.setdefault(command, Counter())[ended.code] += 1
        self.slowest_end = max(self.slowest_end, ended.seconds_to_end)

    def to_dict(self) -> dict[str, Any]:
        """Return the figures as values that JSON knows."""
        return {
            "done": self.done,
            "failures": self.failures,
            "exit_codes": {name: dict(sorted(codes.items())) for name, codes in sorted(self.outcomes.items())},
            "slowest_end_s": round(self.slowest_end, 2),
            "seconds": round(self.seconds, 1),
        }


def kill(scene: Scene, command: str, times: int, rng: random.Random) -> Tally:
    """Kill a command at random moments, run it again to its end, and compare its bytes with those of a whole run.

    Args:
        scene: What it works on.
        command: "prepare" or "train".
        times: How many kills of a command that is running; a moment that comes too late does not count.
        rng: Chooses the moments.

    Returns:
        What came of it.
    """
    tally, started = Tally(), time.monotonic()
    whole = scene.folder / f"{command}-whole"
    usual = scene.run(scene.commands[command], whole).seconds
    expected, out = _contents(command, whole), scene.folder / f"{command}-killed"
    while tally.done < times:
        for number in range(min(rng.randint(1, 4), times - tally.done)):
            after = rng.uniform(0, usual)
            ended = scene.run(scene.commands[command], out, after=after, number=signal.SIGKILL)
            tally.add(command, ended, ended.code == -signal.SIGKILL)
            if ended.code != -signal.SIGKILL:
                usual = ended.seconds if number == 0 else usual  # a whole run, that was faster than the first
                break
        last = scene.run(scene.commands[command], out, fault=lambda: None)
        if last.code:
            tally.failures.append(f"{command} after kills: exit {last.code}: {last.error.strip()[-300:]}")
        elif _contents(command, out) != expected:
            tally.failures.append(f"{command} after kills: other bytes than without")
        left = [str(path) for path in out.rglob(".*-????????*")] + [str(path) for path in out.parent.glob("*.partial")]
        if left:
            tally.failures.append(f"{command} after kills: left {left}")
        scene.clear(out)
    scene.clear(whole)
    tally.seconds = time.monotonic() - started
    return tally


def interrupt(scene: Scene, times: int, rng: random.Random, fresh: float = 0.2, patience: float = PATIENCE) -> Tally:
    """Send Ctrl-C or SIGTERM to commands at random moments.

    Args:
        scene: What they work on.
        times: How many signals.
        rng: Chooses commands, signals and moments.
        fresh: Share of commands that start in a fresh interpreter, whose imports the signal may meet.
        patience: Seconds within which a command has to end.

    Returns:
        What came of it.
    """
    tally, started = Tally(), time.monotonic()
    usual: dict[str, float] = {}
    out = scene.folder / "signalled"
    while tally.done < times:
        command = rng.choice(SIGNALLED)
        if command not in usual:
            usual[command] = scene.run(scene.commands[command], out).seconds
            scene.clear(out)
        number, imports = rng.choice((signal.SIGINT, signal.SIGTERM)), rng.random() < fresh
        words = scene.commands[command]
        if command == "prepare":
            words = [*words[:-1], "8"]
        after = rng.uniform(0, 4.0 + usual[command]) if imports else rng.uniform(0, usual[command])
        ended = scene.run(words, out, after=after, number=number, imports=imports, patience=patience)
        tally.add(command, ended)
        wrong = _wrong_end(ended, number, patience)
        if wrong:
            how = "fresh " if imports else ""
            tally.failures.append(f"{how}{command}, {signal.Signals(number).name} after {after:.3f} s: {wrong}")
        scene.clear(out)
    tally.seconds = time.monotonic() - started
    return tally


def _wrong_end(ended: Ended, number: int, patience: float = PATIENCE) -> str:
    """Say what was wrong with the end of an interrupted command, or nothing."""
    if ended.seconds_to_end > patience:
        return f"took {ended.seconds_to_end:.1f} s to end"
    if ended.left:
        return "left a process behind"
    if not ended.signalled or ended.code == 0:  # it had just finished
        return "" if ended.code == 0 else f"exit {ended.code}: {ended.error.strip()[-300:]}"
    lines = [line for line in ended.error.splitlines() if line.startswith("dualhead: interrupted")]
    if ended.code != _CODES[signal.Signals(number)]:
        return f"exit {ended.code}: {ended.error.strip()[-300:]}"
    if len(lines) != 1 or "Traceback" in ended.error:
        return f"said {ended.error.strip()[-300:]!r}"
    return ""


def fail_disk(scene: Scene, times: int, rng: random.Random) -> Tally:
    """Let the disk fail under commands that write.

    Args:
        scene: What they work on.
        times: How many faults.
        rng: Chooses commands, faults and places.

    Returns:
        What came of it.
    """
    tally, started = Tally(), time.monotonic()
    out = scene.folder / "full"
    while tally.done < times:
        command = rng.choice(WRITING)
        if rng.random() < 0.5:
            size = int(10 ** rng.uniform(1, 5.5))
            name, fault = f"files end at {size} bytes", lambda size=size: limit_files(size)
        else:
            call, number = rng.randint(1, 12), rng.choice((errno.ENOSPC, errno.EIO, errno.EDQUOT))
            name = f"fsync {call}: {errno.errorcode[number]}"
            fault = lambda call=call, number=number: fail_at(call, number)  # noqa: E731
        # shared memory of loading processes counts as files too
        ended = scene.run(scene.commands[command], out, fault=fault)
        tally.add(command, ended)
        errors = [line for line in ended.error.splitlines() if line.startswith("dualhead: error: ")]
        if ended.code not in (0, 1) or "Traceback" in ended.error or len(errors) != ended.code:
            tally.failures.append(f"{command}, {name}: exit {ended.code}: {ended.error.strip()[-300:]}")
        elif ended.code == 1 and not any(place in errors[0] for place in (str(out), "/dev/shm")):
            tally.failures.append(f"{command}, {name}: names no output: {errors[0][-300:]}")
        elif (
            ended.code == 1 and command not in ("prepare", "train", "export-arrays") and list(out.parent.glob("*full*"))
        ):
            tally.failures.append(f"{command}, {name}: left {list(out.parent.glob('*full*'))}")
        elif ended.code == 1 and command in ("prepare", "train"):
            again = scene.run(scene.commands[command], out, fault=lambda: None)
            if again.code:
                tally.failures.append(f"{command} after {name}: exit {again.code}: {again.error.strip()[-300:]}")
        scene.clear(out)
    tally.seconds = time.monotonic() - started
    return tally


def mutate_inputs(inputs: int, seed: int, keep: Path, names: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Feed mutated inputs to every parser, within `MEMORY` more than this process has.

    Args:
        inputs: How many a parser.
        seed: Start of all randomness.
        keep: Folder for inputs that break the rule.
        names: The parsers; all if None.

    Yields:
        The figures of the parsers so far, by name, after each of them.
    """
    every = {target.name: target for target in make_targets()}
    unknown = sorted(set(names or ()) - set(every))
    if unknown:
        raise SystemExit(f"{unknown[0]} is no parser: expected some of {', '.join(every)}")
    targets = [every[name] for name in names or every]
    _limit_memory(MEMORY)
    figures = {}
    for target in targets:
        outcome = run_target(target, inputs, seed, keep, progress=False)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        failures = [reason for _, reason in outcome.broken]
        figures[target.name] = outcome.to_dict() | {"failures": failures, "peak_memory_mb": peak}
        _print(f"mutations of {target.name}", outcome.inputs, failures)
        yield figures


def _limit_memory(more: int) -> None:
    """Let allocating fail beyond so many bytes more than this process has mapped, where the system says how many."""
    mapped = Path("/proc/self/statm")
    if mapped.is_file():
        pages = int(mapped.read_text(encoding="ascii").split()[0])
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))


def _contents(command: str, out: Path) -> dict[str, str]:
    """Hash the files that must be equal, whatever happened on the way."""
    wanted = ("*",) if command == "prepare" else ("*.safetensors", "scores/*.npz", "experiment.yaml", "run.json")
    files = sorted(path for pattern in wanted for path in out.glob(pattern) if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def _print(what: str, done: int, failures: Sequence[str]) -> None:
    print(f"{what}: {done:,} done, {len(failures)} failures", flush=True)
    for failure in failures[:20]:
        print(f"  {failure}", flush=True)


def main(words: Sequence[str] | None = None) -> int:
    """Disturb everything and record what came of it; returns the exit code."""
    parser = argparse.ArgumentParser(description="Kills, signals, disk faults and mutated inputs, from a seed.")
    parser.add_argument("--kills", type=int, default=100, help="kills of prepare, and of train; 0: none (default 100)")
    parser.add_argument("--signals", type=int, default=200, help="signals to commands (default 200)")
    parser.add_argument("--disk", type=int, default=100, help="disk faults (default 100)")
    parser.add_argument("--mutations", type=int, default=20_000, help="mutated inputs a parser (default 20000)")
    parser.add_argument("--parsers", help="names of the parsers that take them, with commas (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="start of all randomness (default 0)")
    parser.add_argument(
        "--patience", type=float, default=PATIENCE, help="seconds to end after a signal; more on a busy machine"
    )
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/faults.json"), help="the record")
    options = parser.parse_args(words)
    given = sys.argv[1:] if words is None else words
    facts = {
        "command": shlex.join(["python", "-m", "benchmarks.faults", *given]),
        "hang_limit_s": options.patience,
        "commit": commit(),  # now: the working tree may change while this runs
        "machine": machine(),
    }
    rng = random.Random(options.seed)
    kinds = {
        "kills_of_prepare": (options.kills, lambda scene, count: kill(scene, "prepare", count, rng)),
        "kills_of_train": (options.kills, lambda scene, count: kill(scene, "train", count, rng)),
        "signals": (options.signals, lambda scene, count: interrupt(scene, count, rng, patience=options.patience)),
        "disk_faults": (options.disk, lambda scene, count: fail_disk(scene, count, rng)),
    }
    failures = 0
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        scene = Scene(Path(folder)) if any(count for count, _ in kinds.values()) else None
        for name, (count, disturb) in kinds.items():
            if count:
                figures = disturb(scene, count).to_dict()
                failures += len(figures["failures"])
                _print(name, figures["done"], figures["failures"])
                _record(options.out, name, facts, figures)
    if options.mutations:
        parsers: dict[str, Any] = {}
        keep, names = Path(tempfile.gettempdir()) / "fault-inputs", options.parsers and options.parsers.split(",")
        for parsers in mutate_inputs(options.mutations, options.seed, keep, names):
            _record(options.out, "mutations", facts, {"parsers": parsers})
        failures += sum(len(part["failures"]) for part in parsers.values())
    return 1 if failures else 0


def _record(out: Path, name: str, facts: Mapping[str, Any], figures: Mapping[str, Any]) -> None:
    """Write what came of one kind of fault into the record; those of other kinds stay."""
    known = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {}
    peaks = [resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    measured = {
        **facts,
        "load": round(os.getloadavg()[0], 1),
        "peak_memory_mb": max(peaks) // 1024,
    }
    write_text(out, json.dumps({**known, name: {**figures, **measured}}, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
