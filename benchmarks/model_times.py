"""Forms of a model and clocks for them, for `benchmarks.model`."""

from __future__ import annotations

import copy
import importlib
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from types import MethodType
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dualhead.inference.deploy import DeployedModel
from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.prepared import PreparedModule
from dualhead.models.base import ModelOutput, SkeletonModel
from dualhead.models.registry import create_model
from dualhead.skeleton import NTU25, Skeleton

STGC = ("dualhead", "msg3d")
"""The models of STGC blocks, of which the roofline and a training step are measured."""

FRAMES = {
    "dualhead": 300,
    "msg3d": 300,
    "ctrgcn": 64,
    "stgcn": 64,
    "agcn": 64,
    "stgcnpp": 64,
    "dgstgcn": 64,
    "protogcn": 64,
}
"""Frames of the clips that inference is measured on."""


def load_published(spec: str) -> nn.Module:
    """Build a network of a checkout of the published code, in evaluation mode.

    Args:
        spec: `NAME=FOLDER:MODULE:CLASS[:JSON]`: the checkout, the module below it, the class, and its arguments. It
            has to take clips `(N, C, T, V, M)`.
    """
    folder, module, name, *arguments = spec.partition("=")[2].split(":", 3)
    sys.path.insert(0, folder)
    network = getattr(importlib.import_module(module), name)(**json.loads(arguments[0] if arguments else "{}"))
    built: nn.Module = network.eval()
    return built


def make_model(name: str, classes: int = 60, bodies: int = 2, skeleton: Skeleton = NTU25) -> SkeletonModel:
    """Make a model whose running statistics have seen something."""
    torch.manual_seed(0)
    model = create_model(name, num_classes=classes, skeleton=skeleton, num_bodies=bodies)
    with torch.no_grad():
        model.train()(make_clips(2, 32, bodies=bodies, joints=skeleton.num_joints))
    return model.eval()


def make_clips(
    number: int, frames: int, single: float = 0.0, bodies: int = 2, seed: int = 1, joints: int = NTU25.num_joints
) -> Tensor:
    """Make clips of which a share has one body alone: `(number, 3, frames, joints, bodies)`."""
    clips = torch.randn(number, 3, frames, joints, bodies, generator=torch.Generator().manual_seed(seed))
    clips[: round(single * number), ..., 1:] = 0
    return clips


def plain_form(model: SkeletonModel) -> SkeletonModel:
    """Copy a model so that every layer computes its paper's formula as it is written, for all bodies alike."""
    plain = copy.deepcopy(model)
    for part in plain.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.forward = MethodType(nn.BatchNorm2d.forward, part)  # type: ignore[method-assign]
        elif isinstance(part, PreparedModule) and type(part).formula is not PreparedModule.formula:
            part.forward = part.formula  # type: ignore[method-assign]
    plain.distinct_bodies = lambda clips, _=None: DistinctBodies.every(clips)  # type: ignore[method-assign, assignment]
    return plain


def deploy_in(model: SkeletonModel, dtype: torch.dtype) -> SkeletonModel:
    """Deploy in a type, also where the processor has no units for it and `dualhead.deploy` takes float32 instead."""
    return DeployedModel(copy.deepcopy(model), dtype)


def step(model: SkeletonModel, clips: Tensor) -> Tensor:
    """Do the forward and backward pass of a training step; gives the loss."""
    output = model.train()(clips)
    logits = output.logits if isinstance(output, ModelOutput) else output
    labels = torch.arange(len(clips)) % logits.shape[-1]
    loss = torch.stack([F.cross_entropy(logits[:, head], labels) for head in range(logits.shape[1])]).sum()
    loss.backward()
    return loss.detach()


def interleaved(cases: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Measure the median seconds of every case, run in turns; the case "rate" is the 2048-cube product in GFLOP/s.

    With one thread, seconds are those of the processor, which other processes hardly change; with more, those of the
    wall.
    """
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    square = torch.randn(2048, 2048)
    every = {"rate": lambda: square @ square, **cases}
    times: dict[str, list[float]] = {name: [] for name in every}
    for turn in range(rounds + 1):
        for name, case in every.items():
            start = clock()
            case()
            if turn:  # the first warms up
                times[name].append(clock() - start)
    medians = {name: statistics.median(values) for name, values in times.items()}
    return medians | {"rate": 2 * 2048**3 / medians["rate"] / 1e9}
