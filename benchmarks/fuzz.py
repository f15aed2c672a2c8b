"""Mutated inputs for every parser: `python -m benchmarks.fuzz [--inputs 20000] [--only NAME ...]`.

Each target starts from whole inputs of every form that it reads, changes bytes, tokens, lines and numbers, cuts,
repeats and joins them, and feeds the result to the parser as a user's file would be. Only the documented errors may
come out, within 10 seconds an input. The same seed gives the same inputs, whatever the targets. An input that breaks
the rule is kept under `--keep`; the exit code is then 1. The tests run a few hundred inputs of the same targets.
"""

from __future__ import annotations

import argparse
import hashlib
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

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.fuzz_targets import Target, make_targets

SECONDS = 10
"""What one input may take."""

_TOKENS = (
    b"", b"\n", b"\r\n", b" ", b"\t", b"\0", b"\xff", b"\xef\xbb\xbf", b"-", b"+", b".", b",", b"_", b"0", b"1", b"-1",
    b"25", b"2147483648", b"9223372036854775808", b"9" * 400, b"1e999", b"-1e-999", b"1e5", b"nan", b"NaN", b"Infinity",
    b"null", b"true", b"{}", b"[]", b"[[", b"]", b"}", b'"', b"'", b":", b"&a [*a]", b"!!python/object:os.system",
    b"\x80\x04", b"\x93NUMPY", b"PK\3\4", b"../", b"/", b"\\u0000", b"\xed\xa0\x80", b"<i8", b"|O", b"(2, 3)",
)  # fmt: skip


@dataclass
class Outcome:
    """What came of the inputs of a target.

    Attributes:
        accepted: How many were read.
        refused: Refused inputs by type of error.
        broken: Where the inputs that broke the rule are kept, each with the last line of what came out.
        seconds: How long it took.
        slowest: The longest that one input took.
    """

    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[Path, str]] = field(default_factory=list)
    seconds: float = 0.0
    slowest: float = 0.0

    @property
    def inputs(self) -> int:
        """How many inputs there were."""
        return self.accepted + sum(self.refused.values()) + len(self.broken)


def mutate(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Change an input in one to six places.

    Args:
        data: The whole input.
        others: Inputs that pieces are taken from.
        rng: Source of all randomness.

    Returns:
        The changed input, at most twice as long and some.
    """
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        place = rng.randrange(len(changed) + 1)
        length = rng.choice((0, 1, 1, 2, 4, 8, 30, 200))
        kind = rng.randrange(9)
        if kind == 0:
            changed[place : place + length] = rng.choice(_TOKENS)
        elif kind == 1 and changed:
            changed[min(place, len(changed) - 1)] ^= 1 << rng.randrange(8)
        elif kind == 2:
            del changed[place : place + length]
        elif kind == 3:
            changed[place:place] = changed[place : place + length]
        elif kind == 4:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            changed[place : place + length] = other[start : start + length]
        elif kind == 5:
            changed[place : place + length] = rng.randbytes(length)
        elif kind == 6:
            _change_number(changed, place, rng)
        elif kind == 7:
            _change_line(changed, place, rng)
        elif rng.random() < 0.3:
            del changed[place:]
    return bytes(changed)


def _change_number(data: bytearray, place: int, rng: random.Random) -> None:
    """Replace the digits at or behind a place."""
    digits = b"0123456789"
    start = next((index for index in range(place, min(place + 200, len(data))) if data[index] in digits), None)
    if start is not None:
        end = start
        while end < len(data) and data[end] in digits:
            end += 1
        data[start:end] = str(rng.choice((0, 1, 2, 24, 26, 255, 2**31, 2**64, rng.randrange(1000)))).encode()


def _change_line(data: bytearray, place: int, rng: random.Random) -> None:
    """Repeat or remove the line at a place."""
    start, end = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place) + 1
    if end:
        line = data[start:end]
        data[start:end] = line * rng.choice((0, 2, 3))


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
    started = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        feed = target.start(Path(folder))
        for _ in track(range(inputs), target.name, console=Console(stderr=True), disable=not progress):
            name, seeds = rng.choice(target.seeds)
            data = mutate(rng.choice(seeds), seeds, rng)
            begun = time.perf_counter()
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
            outcome.slowest = max(outcome.slowest, time.perf_counter() - begun)
    outcome.seconds = time.perf_counter() - started
    return outcome


class TooSlowError(Exception):
    """An input that takes longer than `SECONDS`."""


@contextmanager
def _limit(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer, where the system can."""
    if sys.platform == "win32":
        yield
        return

    def stop(signum: int, frame: FrameType | None) -> None:
        raise TooSlowError(f"more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def main(words: Sequence[str] | None = None) -> int:
    """Run every target and print what came of it; gives the exit code."""
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
    options = parser.parse_args(words)
    console = Console(width=120)
    table = Table("target", "inputs", "read", "refused", "broken", "slowest s", "seconds")
    broken: list[tuple[Path, str]] = []
    for name in options.only or targets:
        outcome = run_target(targets[name], options.inputs, options.seed, options.keep)
        refused = ", ".join(f"{count:,} {kind}" for kind, count in outcome.refused.most_common())
        table.add_row(
            name, f"{outcome.inputs:,}", f"{outcome.accepted:,}", refused, str(len(outcome.broken)),
            f"{outcome.slowest:.2f}", f"{outcome.seconds:.0f}",
        )  # fmt: skip
        broken += outcome.broken
    console.print(table)
    for path, reason in broken[:50]:
        console.print(f"{path}: {reason}", markup=False, highlight=False)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
