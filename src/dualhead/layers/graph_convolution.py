"""Multi-scale graph convolution within a frame (Liu et al., MS-G3D, CVPR 2020, section 3.2)."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate import aggregate, some_windows
from dualhead.layers.fused import fold, pointwise
from dualhead.layers.norm import BatchNorm, normalise
from dualhead.layers.prepared import PreparedModule, in_place
from dualhead.layers.recomputed import recomputed


def start_residual_adjacency(*shape: int) -> nn.Parameter:
    """Make a learned adjacency that starts next to nothing: uniform within 1e-6.

    Args:
        shape: Its shape.

    Returns:
        The parameter.
    """
    return nn.Parameter(torch.empty(*shape).uniform_(-1e-6, 1e-6))


class MultiScaleGraphConvolution(PreparedModule):
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

    def prepare(self) -> tuple[Tensor, ...]:
        """Join the matrices of all scales, `(V * S, V)`; the weight `(O, S * C)` and bias `(O,)` of the mixing."""
        matrix = self.adjacency + rearrange(self.residual_adjacency, "(s v) w -> s v w", s=self.scales)
        weight, bias = fold(self.mix, self.norm)
        # Joint-major rows lay the scales of a joint side by side, so that mixing them needs no copy.
        return rearrange(matrix, "s v w -> (v s) w"), rearrange(weight, "o c 1 1 -> o c"), bias

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, T, V)`.
        """
        matrix, weight, bias = self.prepared()
        if in_place(x, self.norm):
            return self._in_cache(x, matrix, weight, bias)
        h = recomputed(self._mixed, x, matrix, weight, bias)
        return normalise(h, [self.norm]).relu_()

    def _mixed(self, x: Tensor, matrix: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Aggregate and mix `(B, C, T, V)` to `(B, O, T, V)`."""
        h = aggregate(matrix, rearrange(x, "b c t v -> (b t) v c"))
        return pointwise(rearrange(h, "(b t) (v s) c -> b (s c) t v", b=x.shape[0], s=self.scales), weight, bias)

    def _in_cache(self, x: Tensor, *prepared: Tensor) -> Tensor:
        """Do as `forward`, some frames at a time, so that what lies between the products never leaves the cache."""
        matrix, weight, bias = prepared
        y = x.new_empty(len(x), *x.shape[2:], len(bias))  # (B, T, V, O)
        for body, out in zip(x.movedim(1, -1), y, strict=True):
            for frames, h in some_windows(matrix, body, 1, 1):
                h = h.reshape(-1, weight.shape[1])  # (n * V, S * C)
                torch.addmm(bias, h, weight.t(), out=out[frames].flatten(0, 1)).relu_()
        return y.movedim(-1, 1)
