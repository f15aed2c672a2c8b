"""A model, a stream, an augmentation and an objective of one's own, in one file.

    dualhead --import examples.plugin train --config examples/plugin.yaml --store STORE --out runs/tiny --stream speed
    dualhead --import examples.plugin predict runs/tiny/last.safetensors RECORDING

The file only registers names; `--import` makes them known to any command.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import dualhead
from dualhead.layers.input_norm import InputNorm

Clip = NDArray[np.float32]


@dualhead.register_stream("speed", channels=1, temporal=True)
def speed(clip: Clip, skeleton: dualhead.Skeleton) -> Clip:
    """Return how far every joint moves until the next frame, `(1, T, V, M)`; 0 in the last frame."""
    return np.pad(np.linalg.norm(np.diff(clip, axis=1), axis=0), ((0, 1), (0, 0), (0, 0)))[None]


@dualhead.register_augmentation("freeze")
def freeze(clip: Clip, rng: np.random.Generator, skeleton: dualhead.Skeleton, frames: int = 4) -> Clip:
    """Return the clip with some frames repeated, as where a sensor hangs."""
    start = int(rng.integers(clip.shape[1] - frames))
    index = np.arange(clip.shape[1])
    index[start : start + frames] = start
    return clip[:, index]


@dualhead.register_model("tiny")
class Tiny(dualhead.SkeletonModel):
    """Mean and spread over time, joint by joint, through one hidden layer."""

    def __init__(
        self, num_classes: int, skeleton: dualhead.Skeleton, num_bodies: int, in_channels: int, width: int = 32
    ):
        super().__init__()
        self.input_norm = InputNorm(in_channels, skeleton.num_joints, num_bodies)
        self.mix = nn.Conv2d(in_channels, width, (9, 1), padding=(4, 0))
        self.classifier = nn.Linear(width, num_classes)

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Map bodies `(B, C, T, V)` to `(B, width, T, V)`."""
        return (torch.relu(self.mix(x)),)

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Map mean features to logits `(N, 1, K)`."""
        logits: Tensor = self.classifier(pooled[0])
        return logits[:, None]


@dualhead.register_objective("brier")
class Brier(nn.Module):
    """Mean squared error of the probabilities (Brier, 1950)."""
