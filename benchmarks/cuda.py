"""The models on a GPU: `python -m benchmarks.cuda [--models dualhead,ctrgcn] [--frames 64] [--out cuda.json]`.

Training steps and forward passes at batch 64, of clips of which 80 % have one body, as in NTU RGB+D. The yardstick is
the published formula, operation by operation, eager. Ours: eager, with the bodies that the host knew before the clips
went to the GPU (as `dualhead train` does it); eager with every body; as replayed CUDA graphs; compiled; deployed.
Precisions: float32 (products and convolutions in full float32), tf32 (both in TF32), bf16 (autocast). Each case gives
clips a second and peak memory; a case that does not fit is tried with half the batch, and one that does not run is
reported with its reason. The rates of a copy and of a matrix product are measured in the same call.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.commit import commit
from benchmarks.model_times import make_clips, make_model, plain_form
from benchmarks.plain_models import PlainModel
from dualhead.inference.deploy import deploy
from dualhead.layers.bodies import DistinctBodies
from dualhead.models.registry import list_models
from dualhead.runtime.files import write_text
from dualhead.training.execution import graph_training

PRECISIONS = ("float32", "tf32", "bf16")
TRAINING = ("plain", "ours", "ours, every body", "ours, graph", "ours, compiled")
INFERENCE = ("plain", "ours", "deployed", "deployed, compiled")
LEFT_OUT = (("ours, graph", "float32"), ("ours, graph", "tf32"), ("ours, every body", "tf32"))
SYNC_FREE = ("ours", "ours, every body", "deployed")
"""Forms whose step must not make the host wait for the GPU."""


def seconds(case: Callable[[], Any], rounds: int) -> float:
    """Return the median time of a case on the GPU, after two that warm up."""
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


def ceilings(rounds: int) -> dict[str, float]:
    """Measure copies and products of matrices that fill the machine."""
    large = torch.randn(2**28, device="cuda")
    target = torch.empty_like(large)
    figures = {"copy, GB/s": 2 * large.nbytes / seconds(lambda: target.copy_(large), rounds) / 1e9}
    for precision in PRECISIONS:
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        square = torch.randn(8192, 8192, device="cuda", dtype=dtype)
        with tensor_cores(precision):
            time_taken = seconds(lambda square=square: square @ square, rounds)
        figures[f"product {precision}, TFLOP/s"] = 2 * 8192**3 / time_taken / 1e12
    return figures


class tensor_cores(AbstractContextManager[None]):  # noqa: N801
    """Allow TF32 in products and convolutions inside for the precision "tf32", and in neither for others."""

    def __init__(self, precision: str):
        self._allowed = precision == "tf32"

    def __enter__(self) -> None:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = self._allowed

    def __exit__(self, *_: object) -> None:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = False, True


def autocast(precision: str) -> AbstractContextManager[Any]:
    """Return the context of a forward pass."""
    return torch.autocast("cuda", torch.bfloat16, cache_enabled=False) if precision == "bf16" else nullcontext()


def step(model: nn.Module, clips: Tensor, bodies: DistinctBodies | None, precision: str) -> None:
    """Do the forward and backward pass, without a look of the host at any result."""
    model.zero_grad(set_to_none=True)
    with autocast(precision):
        logits = model(clips, bodies) if bodies is not None else model(clips)
        loss = logits.float().square().mean()
    loss.backward()


def infer(model: nn.Module, clips: Tensor, bodies: DistinctBodies | None, precision: str) -> None:
    """Do the forward pass."""
    with torch.inference_mode(), autocast(precision):
        model(clips, bodies) if bodies is not None else model(clips)


def build(name: str, form: str) -> nn.Module:
    """Build a model in one of its forms, on the GPU."""
    if form == "plain" and name in ("ctrgcn", "dgstgcn"):
        return PlainModel(name).cuda()
    made = make_model(name)
    return (plain_form(made) if form == "plain" else made).cuda()


def training_case(name: str, form: str, frames: int, precision: str, batch: int) -> Callable[[], None]:
    """Return a training step to be repeated."""
    on_host = make_clips(batch, frames, 0.8)
    clips = on_host.cuda()
    bodies = DistinctBodies.of(on_host).to("cuda") if form == "ours" else None
    model: Any = build(name, form).train()
    if form == "ours, compiled":
        model.compile()
    if form == "ours, graph":
        with autocast(precision):
            graph_training(model, clips.shape)
    return partial(step, model, clips, bodies, precision)


def inference_case(name: str, form: str, frames: int, precision: str, batch: int) -> Callable[[], None]:
    """Return a forward pass to be repeated."""
    on_host = make_clips(batch, frames, 0.8)
    clips, bodies = on_host.cuda(), None if form == "plain" else DistinctBodies.of(on_host).to("cuda")
    if not form.startswith("deployed"):
        return partial(infer, build(name, form).eval(), clips, bodies, precision)
    model: Any = deploy(make_model(name).cuda(), torch.bfloat16 if precision == "bf16" else torch.float32)
    if form == "deployed, compiled":
        model.compile()
    return partial(infer, model, clips, bodies, "float32" if precision == "bf16" else precision)


def measure(
    make: Callable[..., Callable[[], None]], name: str, form: str, frames: int, precision: str, batch: int, rounds: int
) -> dict[str, float | str]:
    """Measure one case in memory that is empty at its start; halve the batch until it fits."""
    while True:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        try:
            with tensor_cores(precision):
                case = make(name, form, frames, precision, batch)
                case()
                taken = seconds_without_sync(case, rounds) if form in SYNC_FREE else seconds(case, rounds)
        except torch.OutOfMemoryError:
            if batch == 1:
                return {"failed": "does not fit with one clip"}
            batch //= 2
            continue
        except Exception as error:  # noqa: BLE001  # one case must not end the call
            return {"failed": f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"}
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return {
            "clips a second": batch / taken,
            "batch": batch,
            "GB": torch.cuda.max_memory_allocated() / 1e9,
        }


def seconds_without_sync(case: Callable[[], Any], rounds: int) -> float:
    """Return the median time of a case that raises where it makes the host wait."""

    def guarded() -> None:
        torch.cuda.set_sync_debug_mode("error")
        case()
        torch.cuda.set_sync_debug_mode("default")

    return seconds(guarded, rounds)


def cases(
    models: list[str], lengths: list[int], compiled: list[str], compiled_lengths: list[int]
) -> Iterator[tuple[str, str, int, str, str]]:
    """Yield kind, model, frames, precision and form of every case, the most telling first."""
    late = []
    for frames in lengths:
        for name in models:
            for precision in PRECISIONS:
                for kind, forms in (("training", TRAINING), ("inference", INFERENCE)):
                    for form in forms:
                        case = kind, name, frames, precision, form
                        if form.endswith("compiled"):
                            if name in compiled and frames in compiled_lengths and precision == "bf16":
                                late.append(case)
                        elif (form, precision) not in LEFT_OUT and (kind, precision) != ("inference", "tf32"):
                            yield case
    yield from late


def ratios(figures: dict[str, Any]) -> dict[str, float]:
    """Compute how many times as fast as the published formula every case is, at equal precision and over float32."""
    table = {}
    for what, row in figures.items():
        if not isinstance(row, dict) or "clips a second" not in row or what.endswith("plain"):
            continue
        kind, name, frames, precision, form = what.split("; ")
        for base in dict.fromkeys((precision, "float32")):
            plain = figures.get("; ".join((kind, name, frames, base, "plain")), {})
            if "clips a second" in plain:
                key = f"{kind}; {name}; {frames}: {form} in {precision} over plain in {base}"
                table[key] = row["clips a second"] / plain["clips a second"]
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The models on a GPU.")
    parser.add_argument("--models", default="dualhead,msg3d,ctrgcn,dgstgcn")
    parser.add_argument("--frames", default="300,64")
    parser.add_argument("--compiled", default="dualhead,ctrgcn", help="models that are also compiled, in bf16")
    parser.add_argument("--compiled-frames", default="64", help="lengths at which models are compiled")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5, help="times that each case is run (default 5)")
    parser.add_argument("--seconds", type=float, default=600, help="start no further case after so many seconds")
    parser.add_argument("--only-compile", action="store_true", help="fill the compiler's cache and measure nothing")
    parser.add_argument("--out", type=Path, help="write the figures to this JSON file")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        parser.exit(1, "no GPU that PyTorch can use: run this where torch.cuda.is_available()\n")
    began = time.monotonic()
    figures: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.cuda", *sys.argv[1:]]),
        "commit": commit(),
        "device": torch.cuda.get_device_name(),
        "torch": torch.__version__,
    }
    if not options.only_compile:
        figures |= ceilings(options.rounds)
        print(json.dumps(figures), flush=True)
    models = [name for name in options.models.split(",") if name in list_models()]
    lengths, compiled = [int(each) for each in options.frames.split(",")], options.compiled.split(",")
    compiled_lengths = [int(each) for each in options.compiled_frames.split(",")]
    makers = {"training": training_case, "inference": inference_case}
    for kind, name, frames, precision, form in cases(models, lengths, compiled, compiled_lengths):
        if options.only_compile and not form.endswith("compiled"):
            continue
        what = f"{kind}; {name}; T {frames}; {precision}; {form}"
        if time.monotonic() - began > options.seconds:
            figures[what] = {"failed": f"not started: {options.seconds:.0f} s were over"}
            continue
        rounds = 1 if options.only_compile else options.rounds
        figures[what] = measure(makers[kind], name, form, frames, precision, options.batch, rounds)
        figures["ratios"] = ratios(figures)
        print(f"{time.monotonic() - began:5.0f} s  {what}  {figures[what]}", flush=True)
        if options.out and not options.only_compile:
            write_text(options.out, json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
