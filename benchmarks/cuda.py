"""The models on a GPU: `python -m benchmarks.cuda [--out cuda.json]`.

Training steps at batch 64, T = 300 and T = 64, of clips of which 80 % have one body, in float32 and under autocast to
bfloat16: ours, for the bodies that are there, as the host knew them before the clips went to the GPU (as `dualhead
train` does it); for every body; compiled; and the plain form. And the deployed form. Of each its time, its peak memory,
and which share it reaches of the rates of a copy and of a matrix product that are measured in the same call. A case
that does not run is reported with its reason.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.commit import commit
from benchmarks.model_times import make_clips, make_model, plain_form
from benchmarks.work import count_work
from dualhead.inference.deploy import deploy
from dualhead.layers.bodies import DistinctBodies
from dualhead.models.base import SkeletonModel
from dualhead.runtime.files import write_text


def seconds(case: Callable[[], Any], rounds: int) -> float:
    """Give the median time of a case on the GPU, after two that warm up."""
    times = []
    for turn in range(rounds + 2):
        start, stop = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        case()
        stop.record()
        torch.cuda.synchronize()
        if turn > 1:
            times.append(start.elapsed_time(stop) / 1000)
    return statistics.median(times)


COPY = "copy, GB/s"
PRODUCT = {False: "product float32, TFLOP/s", True: "product bfloat16, TFLOP/s"}


def ceilings(rounds: int) -> dict[str, float]:
    """Measure copies and products of matrices that fill the machine."""
    large = torch.randn(2**28, device="cuda")
    target = torch.empty_like(large)
    figures = {COPY: 2 * large.nbytes / seconds(lambda: target.copy_(large), rounds) / 1e9}
    for half, name in PRODUCT.items():
        square = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16 if half else torch.float32)
        figures[name] = 2 * 8192**3 / seconds(lambda square=square: square @ square, rounds) / 1e12
    return figures


def step(model: SkeletonModel, clips: Tensor, bodies: DistinctBodies | None, half: bool) -> None:
    """Do the forward and backward pass, without a look of the host at any result."""
    with torch.autocast("cuda", torch.bfloat16) if half else nullcontext():
        loss = model(clips, bodies).float().square().mean()
    loss.backward()


def make_case(form: str, frames: int, half: bool, batch: int) -> Callable[[], Any]:
    """Make a training step, or the forward pass of the deployed form."""
    made, on_host = make_model("dualhead").cuda(), make_clips(batch, frames, 0.8)
    clips, bodies = on_host.cuda(), DistinctBodies.of(on_host).to("cuda") if form == "ours" else None
    if form == "deployed":
        return partial(deploy(made, torch.bfloat16 if half else torch.float32), clips)
    model = (plain_form(made) if form == "plain" else made).train()
    if form == "compiled":
        model.compile()
    return partial(step, model, clips, bodies, half)


def measure(
    form: str, frames: int, half: bool, batch: int, rounds: int, ceilings: Mapping[str, float]
) -> dict[str, float | str]:
    """Measure one case in memory that is empty at its start."""
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    try:
        case = make_case(form, frames, half, batch)
        torch.cuda.set_sync_debug_mode("error" if form in ("ours", "every body", "deployed") else "default")
        time = seconds(case, rounds)
    except RuntimeError as error:
        return {"failed": str(error).splitlines()[0]}
    finally:
        torch.cuda.set_sync_debug_mode("default")
    figures: dict[str, float | str] = {
        "clips a second": batch / time,
        "GB": torch.cuda.max_memory_allocated() / 1e9,
    }
    if form != "compiled":  # whose operations cannot be counted
        work = count_work(case)
        figures["share of the product's rate"] = work.flop / time / 1e12 / ceilings[PRODUCT[half]]
        figures["traffic over what the copy moves in that time"] = work.traffic / time / 1e9 / ceilings[COPY]
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The models on a GPU.")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=10, help="times that each case is run (default 10)")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        parser.exit(1, "no GPU that PyTorch can use: run this where torch.cuda.is_available()\n")
    rates = ceilings(options.rounds)
    figures: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.cuda", *sys.argv[1:]]),
        "commit": commit(),
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
        **rates,
    }
    for frames in (300, 64):
        for half in (False, True):
            for form in ("ours", "every body", "plain", "compiled", "deployed"):
                what = f"{form}, T {frames}, {'bfloat16' if half else 'float32'}"
                figures[what] = measure(form, frames, half, options.batch, options.rounds, rates)
                print(what, figures[what], flush=True)
                if options.out:
                    write_text(options.out, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
