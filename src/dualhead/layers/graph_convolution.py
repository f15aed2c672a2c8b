"""Multi-scale graph convolution within a frame (Liu et al., MS-G3D, CVPR 2020, section 3.2)."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate import aggregate
from dualhead.layers.norm import BatchNorm


def start_residual_adjacency(*shape: int) -> nn.Parameter:
    """Make a learned adjacency that starts next to nothing: uniform within 1e-6.

    Args:
        shape: Its shape.

    Returns:
        The parameter.
    """
    return nn.Parameter(torch.empty(*shape).uniform_(-1e-6, 1e-6))


class MultiScaleGraphConvolution(nn.Module):
    """Aggregate the joints at S scales, mix the channels of all scales, normalise, ReLU.

    Convention: out[v] = sum over w of matrix[s, v, w] * in[w]; scales before channels (scale-major).

    Args:
        adjacency: `(S, V, V)`.
        in_channels: C.
        out_channels: O.
    """

    adjacency: Tensor

    def __init__(self, adjacency: NDArray[np.float64], in_channels: int, out_channels: int):
        super().__init__()
        self.scales, joints, _ = adjacency.shape
        self.register_buffer("adjacency", torch.tensor(adjacency, dtype=torch.get_default_dtype()), persistent=False)
        self.residual_adjacency = start_residual_adjacency(self.scales * joints, joints)
        self.mix = nn.Conv2d(self.scales * in_channels, out_channels, 1)
        self.norm = BatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, T, V)`.
        """
        matrix = self.adjacency + rearrange(self.residual_adjacency, "(s v) w -> s v w", s=self.scales)
        frames = rearrange(x, "b c t v -> (b t) v c")
        # Joint-major rows lay the scales of a joint side by side, so that mixing them needs no copy.
        h = aggregate(rearrange(matrix, "s v w -> (v s) w"), frames)
        h = rearrange(h, "(b t) (v s) c -> b (s c) t v", b=len(x), s=self.scales)
        return torch.relu(self.norm(self.mix(h)))
