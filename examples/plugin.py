"""A model, a stream, an augmentation and an objective of one's own; `--import` makes them known to any command.

dualhead --import examples.plugin train --config examples/plugin.yaml --store STORE --out runs/tiny --stream speed
dualhead --import examples.plugin predict runs/tiny/last.safetensors RECORDING
"""

import numpy as np
import torch
from torch import Tensor, nn

import dualhead
from dualhead.layers.input_norm import InputNorm


@dualhead.register_stream("speed", channels=1, temporal=True)
def speed(clip: np.ndarray, skeleton: dualhead.Skeleton) -> np.ndarray:
    """Return how far each joint moves until the next frame, `(1, T, V, M)`; 0 in the last frame."""
    return np.pad(np.linalg.norm(np.diff(clip, axis=1), axis=0), ((0, 1), (0, 0), (0, 0)))[None].astype(np.float32)


@dualhead.register_augmentation("freeze")
def freeze(clip: np.ndarray, rng: np.random.Generator, skeleton: dualhead.Skeleton, frames: int = 4) -> np.ndarray:
    """Return the clip with one frame held for some frames, as when a sensor hangs."""
    start = int(rng.integers(max(1, clip.shape[1] - frames)))
    index = np.arange(clip.shape[1])
    index[start : start + frames] = start
    return clip[:, index]


@dualhead.register_model("tiny")
class Tiny(dualhead.SkeletonModel):
    """One convolution over time, then the mean."""

    def __init__(self, num_classes, skeleton, num_bodies, in_channels, width: int = 32):
        super().__init__()
        self.input_norm = InputNorm(in_channels, skeleton.num_joints, num_bodies)
        self.convolution = nn.Conv2d(in_channels, width, (9, 1), padding=(4, 0))
        self.classifier = nn.Linear(width, num_classes)

    def features(self, x: Tensor) -> tuple[Tensor]:
        """Map bodies `(B, C, T, V)` to `(B, width, T, V)`, a tensor for each head."""
        return (torch.relu(self.convolution(x)),)

    def classify(self, pooled: list[Tensor]) -> Tensor:
        """Map mean features `(N, width)` to logits `(N, 1, K)`."""
        return self.classifier(pooled[0])[:, None]


@dualhead.register_objective("brier")
class Brier(dualhead.Objective):
    """Mean squared error of the probabilities (Brier, 1950)."""

    def __init__(self, model: dualhead.SkeletonModel):
        super().__init__()

    def forward(self, output: dualhead.ModelOutput, target: Tensor) -> Tensor:
        """Compute the loss from logits `(N, H, K)` and classes `(N,)` or soft labels `(N, K)`."""
        wanted = target if target.is_floating_point() else nn.functional.one_hot(target, output.logits.shape[-1])
        return (output.logits.float().softmax(dim=-1) - wanted[:, None]).square().sum(dim=-1).mean()
