"""Speed and memory of the models: `python -m benchmarks.model [--only inference,training,...] [--out model.json]`.

Cases of a table are run in turns in one process and the median of each is taken, beside a 2048-cube float32 matrix
product, so that ratios hold on a noisy machine. "Plain" is the formula of every layer as its paper writes it;
`--published NAME=FOLDER:MODULE:CLASS` also runs a checkout of the published code. With `--threads 1`, times are
those of the processor. Peak memory is that of a process of its own. Two processes are two that train side by side with
`torchrun`'s gradient exchange (gloo).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from benchmarks.child import memory_status
from benchmarks.commit import commit
from benchmarks.exactness import exactness
from benchmarks.model_times import (
    FRAMES,
    STGC,
    deploy_in,
    interleaved,
    load_published,
    make_clips,
    make_model,
    plain_form,
    step,
)
from benchmarks.roofline import roofline
from dualhead.formats.ntu.parse import write_skeleton
from dualhead.formats.ntu.sources import ntu60
from dualhead.formats.recording import from_dense
from dualhead.inference.deploy import deploy
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.registry import list_models
from dualhead.runtime.files import write_text
from dualhead.skeleton import KINECT20
from tests.inference.builders import walk

Table = dict[str, Any]


def inference(
    rounds: int, published: Sequence[str] = (), models: Sequence[str] = tuple(FRAMES), batch: int = 4
) -> Table:
    """Deployed forms against the plain form and, where a checkout of it is given, the published code."""
    table: Table = {}
    specs = {spec.partition("=")[0]: spec for spec in published}
    for name in models:
        model = make_model(name)
        forms = {"plain": plain_form(model), "float32": deploy(model), "bfloat16": deploy_in(model, torch.bfloat16)}
        others = {"published": load_published(specs[name])} if name in specs else {}
        for kind, single in {"two bodies": 0.0, "one body": 1.0}.items():
            clips = make_clips(batch, FRAMES[name], single)
            with torch.inference_mode():
                every: Mapping[str, Callable[..., Any]] = {**forms, **others}
                times = interleaved({key: partial(form, clips) for key, form in every.items()}, rounds)
                logits = {key: form(clips) for key, form in forms.items()}
            table[f"{name}, {kind}"] = {
                "frames": FRAMES[name],
                "rate, GFLOP/s": times["rate"],
                **{f"{form}, s a clip": times[form] / batch for form in every},
                **{
                    f"{base} / {form}": times[base] / times[form]
                    for base in ("plain", *others)
                    for form in ("float32", "bfloat16")
                },
                **_equality(logits, "float32"),
                **_equality(logits, "bfloat16"),
            }
    return table


def _equality(logits: dict[str, Tensor], form: str) -> Table:
    ours, plain = logits[form], logits["plain"]
    return {
        f"{form}: difference over largest": float((ours - plain).abs().max() / plain.abs().max()),
        f"{form}: equal arg-max": float((ours.argmax(dim=-1) == plain.argmax(dim=-1)).float().mean()),
    }


def training(rounds: int) -> Table:
    """A training step of 5 clips of 300 frames, 4 of them with one body; memory in processes of their own."""
    table: Table = {}
    clips = make_clips(5, 300, 0.8)
    for name in STGC:
        model = make_model(name)
        plain = plain_form(model)
        differences = exactness(model, clips)
        times = interleaved({"exact": partial(step, model, clips), "plain": partial(step, plain, clips)}, rounds)
        memory = {form: _gigabytes(f"{form}:{name}") / 5 for form in ("exact", "plain")}
        table[name] = {
            "rate, GFLOP/s": times["rate"],
            "s a clip": times["exact"] / 5,
            "plain, s a clip": times["plain"] / 5,
            "plain / exact": times["plain"] / times["exact"],
            "GB a clip": memory["exact"],
            "plain, GB a clip": memory["plain"],
            "exact / plain, memory": memory["exact"] / memory["plain"],
            **differences,
        }
    return table


def short_clips(rounds: int, models: Sequence[str] = tuple(FRAMES), batch: int = 16) -> Table:
    """A training step on clips as Northwestern-UCLA has them: 52 frames, 20 joints, one body."""
    table: Table = {}
    clips = make_clips(batch, 52, bodies=1, joints=KINECT20.num_joints)
    for name in models:
        model = make_model(name, 10, 1, KINECT20)
        plain = plain_form(model)
        forms = {
            "plain": partial(step, plain, clips),
            "float32": partial(step, model, clips),
            "bfloat16": partial(_step_in_bfloat16, model, clips),
        }
        times = interleaved(forms, rounds)
        table[name] = {
            "rate, GFLOP/s": times["rate"],
            **{f"{form}, clips a second": batch / times[form] for form in forms},
            **{f"plain / {form}": times["plain"] / times[form] for form in ("float32", "bfloat16")},
        }
    return table


def _step_in_bfloat16(model: SkeletonModel, clips: Tensor) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return step(model, clips)


GROWTH: Mapping[str, tuple[int, int, int, int]] = {
    **{f"batch {number}": (number, 300, 2, 60) for number in (1, 2, 4, 8, 16)},
    **{f"T {frames}": (4, frames, 2, 60) for frames in (32, 64, 150)},
    **{f"bodies {bodies}": (4, 300, bodies, 60) for bodies in (1, 3)},
    "classes 400": (4, 300, 2, 400),
}
"""Clips, frames, bodies and classes of the cases of `growth`."""


def _deployed(case: tuple[int, int, int, int]) -> tuple[SkeletonModel, Tensor]:
    number, frames, bodies, classes = case
    return deploy(make_model("dualhead", classes, bodies)), make_clips(number, frames, bodies=bodies)


def growth(rounds: int) -> Table:
    """How the cost of the deployed dualhead grows, and of its training step with one and two processes."""
    times = interleaved({what: partial(*_deployed(case)) for what, case in GROWTH.items()}, rounds)
    table: Table = {
        what: {"clips a second": case[0] / times[what], "GB": _gigabytes(f"deployed:{what}")}
        for what, case in GROWTH.items()
    }
    runs = {processes: [_side_by_side(processes) for _ in range(rounds)] for processes in (1, 2)}
    for processes, figures in runs.items():
        rates, sizes = zip(*figures, strict=True)
        table[f"training, processes {processes}"] = {
            "clips a second": statistics.median(rates),
            "GB": statistics.median(sizes),
        }
    return table


def latency(rounds: int) -> Table:
    """One clip of one body, 300 frames, for every model; and the start of the process."""
    clip = make_clips(1, 300, 1.0)
    forms = {name: deploy(make_model(name)) for name in list_models()}
    times = interleaved({name: partial(form, clip) for name, form in forms.items()}, rounds)
    with TemporaryDirectory() as folder:
        model, recording = Path(folder, "a.safetensors"), Path(folder, "S001C001P001R001A001.skeleton")
        facts = {"dataset": "ntu60", "protocol": "xsub", "recipe": "dualhead", "stream": "joint"}
        save_checkpoint(model, make_model("dualhead"), facts | {"classes": list(ntu60().classes)})
        write_skeleton(recording, from_dense(walk(0, 100)))
        words = {
            "dualhead --help": ("-m", "dualhead", "--help"),
            "dualhead predict, one file": ("-m", "dualhead", "predict", str(model), str(recording)),
            "import torch, for comparison": ("-c", "import torch"),
        }
        times |= interleaved({what: partial(_run, *given) for what, given in words.items()}, rounds)
    return {what: {"s": times[what]} for what in (*forms, *words)}


def _run(*words: str) -> None:
    usual = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL, env=usual)


def _gigabytes(form: str) -> float:
    """Measure what a case adds to the memory of a process of its own: what `--memory` prints there."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.model", "--memory", form], check=True, capture_output=True, text=True
    )
    return float(done.stdout)


def _print_memory(form: str) -> None:
    kind, name = form.split(":")
    case: Callable[[], Any]
    if kind == "deployed":
        case = partial(*_deployed(GROWTH[name]))
    else:
        model = make_model(name)
        case = partial(step, plain_form(model) if kind == "plain" else model, make_clips(5, 300, 0.8))
    before = memory_status("VmRSS")
    case()
    print((memory_status("VmHWM") - before) / 1e6)


def _side_by_side(processes: int) -> tuple[float, float]:
    """Train with one thread a process; gives clips a second and gigabytes, each of all of them."""
    launch = ["-m", "torch.distributed.run", f"--nproc-per-node={processes}", "--master-port=29611"]
    done = subprocess.run(
        [sys.executable, *launch, "-m", "benchmarks.model", "--worker"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    rate, gigabytes = map(float, done.stdout.split())
    return rate, gigabytes


def _work() -> None:
    torch.distributed.init_process_group("gloo")
    model = torch.nn.parallel.DistributedDataParallel(make_model("dualhead").train())
    clips = make_clips(5, 300, 0.8)
    before = memory_status("VmRSS")
    for turn in range(3):
        if turn == 1:
            start = time.perf_counter()
        model(clips).square().mean().backward()
    rate = 2 * 5 * torch.distributed.get_world_size() / (time.perf_counter() - start)
    gigabytes = torch.tensor((memory_status("VmHWM") - before) / 1e6)
    torch.distributed.all_reduce(gigabytes)
    if torch.distributed.get_rank() == 0:
        print(rate, float(gigabytes))
    torch.distributed.destroy_process_group()


TABLES: Mapping[str, Callable[..., Table]] = {
    "inference": inference,
    "training": training,
    "short": short_clips,
    "growth": growth,
    "latency": latency,
    "roofline": roofline,
}


def main() -> None:
    """Measure and print; `--out` keeps the figures."""
    parser = argparse.ArgumentParser(description="Speed and memory of the models.")
    parser.add_argument("--only", default=",".join(TABLES), help=f"tables, of {', '.join(TABLES)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="times that each case is run (default 5)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    parser.add_argument("--threads", type=int, help="threads of PyTorch (default: its own number)")
    parser.add_argument("--models", default=",".join(FRAMES), help="models of inference and short (default: all)")
    parser.add_argument(
        "--batch", type=int, default=4, help="clips of a batch of inference; short: 4 times (default 4)"
    )
    parser.add_argument(
        "--published",
        action="append",
        default=[],
        metavar="NAME=FOLDER:MODULE:CLASS[:JSON]",
        help="a network of a checkout of the published code, timed beside the table inference",
    )
    parser.add_argument("--memory", help=argparse.SUPPRESS)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        return _print_memory(options.memory)
    if options.worker:
        return _work()
    if options.threads:
        torch.set_num_threads(options.threads)
    models, batch = options.models.split(","), options.batch
    given: Mapping[str, Mapping[str, Any]] = {
        "inference": {"published": options.published, "models": models, "batch": batch},
        "short": {"models": models, "batch": 4 * batch},
    }
    figures: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.model", *sys.argv[1:]]),
        "commit": commit(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads",
        "torch": torch.__version__,
        "load before": os.getloadavg(),
    }
    console = Console(width=100)
    for name in options.only.split(","):
        figures[name] = TABLES[name](options.rounds, **given.get(name, {}))
        for what, row in figures[name].items():
            console.print(f"[bold]{name}: {what}[/bold]")
            for key, value in row.items():
                console.print(f"  {key}: {value:.4g}")
        if options.out:
            write_text(options.out, json.dumps(figures, indent=2) + "\n")
    return None


if __name__ == "__main__":
    main()
