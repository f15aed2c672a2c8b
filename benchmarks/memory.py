"""What freed memory that stays with the process is worth: `python -m benchmarks.memory [--out memory.json]`.

A training step and a deployed model on the CPU, with the C library as it is, with `keep_freed_memory`, and with huge
pages for large tensors besides. Each runs in a process of its own, in turns; figures are medians in processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

_SETTINGS = ("system", "kept", "kept, huge pages")
_CASES = {
    "training, width 24, 32 clips of 40 frames": ("step", 32, 40, 20, 1, 24),
    "training, 8 clips of 52 frames": ("step", 8, 52, 20, 1, 96),
    "training, 4 clips of 300 frames, one body": ("step", 4, 300, 25, 1, 96),
    "training, 4 clips of 300 frames, two bodies": ("step", 4, 300, 25, 2, 96),
    "deployed, 4 clips of 300 frames, two bodies": ("deployed", 4, 300, 25, 2, 96),
}
"""What is computed, clips, frames, joints, bodies and width."""


def _case(name: str) -> Callable[[], object]:
    """Build what is measured, in the process that measures it."""
    from benchmarks.model_times import make_clips, step
    from dualhead.inference.deploy import deploy
    from dualhead.models.registry import create_model
    from dualhead.skeleton import KINECT20, NTU25

    kind, number, frames, joints, bodies, width = _CASES[name]
    skeleton = KINECT20 if joints == KINECT20.num_joints else NTU25
    model = create_model("dualhead", num_classes=60, skeleton=skeleton, num_bodies=bodies, width=width)
    clips = make_clips(number, frames, bodies=bodies, joints=joints)
    if kind == "step":
        return partial(step, model, clips)
    return partial(deploy(model.eval()), clips)


def _answer(setting: str, name: str) -> None:
    """Run a case once for each line of standard input, and print what it took."""
    from resource import RUSAGE_SELF, getrusage

    from benchmarks.child import memory_status
    from dualhead.runtime.memory import keep_freed_memory

    if setting != "system":
        assert keep_freed_memory(), "the C library of this machine is not configurable: nothing to measure"
    case = _case(name)
    case()
    print("ready", flush=True)
    for _ in sys.stdin:
        before = getrusage(RUSAGE_SELF)
        case()
        after = getrusage(RUSAGE_SELF)
        figures = {
            "user_s": after.ru_utime - before.ru_utime,
            "system_s": after.ru_stime - before.ru_stime,
            "page_faults": after.ru_minflt - before.ru_minflt,
            "peak_mb": memory_status("VmHWM") / 1e3,
        }
        print(json.dumps(figures), flush=True)


def compare(name: str, rounds: int) -> dict[str, dict[str, float]]:
    """Measure a case in every setting.

    Args:
        name: One of the cases.
        rounds: Turns of each.

    Returns:
        By setting the medians of seconds, page faults and peak, and the processor time of "system" over its own.
    """
    processes = {}
    for setting in _SETTINGS:
        pages = {"THP_MEM_ALLOC_ENABLE": "1"} if "huge" in setting else {}
        words = [sys.executable, "-m", "benchmarks.memory", "--answer", setting, "--only", name]
        processes[setting] = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **pages}
        )
    for process in processes.values():
        _next_line(process)
    found: dict[str, list[dict[str, float]]] = {setting: [] for setting in processes}
    for turn in range(rounds):
        for setting in _SETTINGS if turn % 2 else _SETTINGS[::-1]:
            process = processes[setting]
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            found[setting].append(json.loads(_next_line(process)))
    for process in processes.values():
        process.communicate()
    table = {}
    for setting, rows in found.items():
        medians = {key: round(statistics.median(row[key] for row in rows), 4) for key in rows[0]}
        ratios = [_processor(its) / _processor(own) for its, own in zip(found["system"], rows, strict=True)]
        table[setting] = {**medians, "system / this": round(statistics.median(ratios), 4)}
    return table


def _next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _processor(row: dict[str, float]) -> float:
    return row["user_s"] + row["system_s"]


def main() -> None:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="part of the names of the cases to measure")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each case (default 5)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--answer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.answer:
        return _answer(options.answer, options.only)
    from benchmarks.commit import commit
    from benchmarks.prepare import machine

    content: dict[str, Any] = {
        "command": shlex.join(["python", "-m", "benchmarks.memory", *sys.argv[1:]]),
        "commit": commit(),
        "machine": machine(),
        "load": round(os.getloadavg()[0], 1),
        "cases": {},
    }
    for name in _CASES:
        if options.only in name:
            content["cases"][name] = compare(name, options.rounds)
            print(name, json.dumps(content["cases"][name], indent=1), flush=True)
            if options.out:  # as it goes
                options.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()
