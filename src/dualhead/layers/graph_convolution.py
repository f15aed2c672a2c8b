"""Multi-scale graph convolution within a frame (Liu et al., MS-G3D, CVPR 2020, section 3.2)."""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate_mix import aggregate_mix
from dualhead.layers.cpu.aggregate_mix import aggregate_mix_relu
from dualhead.layers.elementwise import relu
from dualhead.layers.fused import fold
from dualhead.layers.norm import BatchNorm, batch_norm
from dualhead.layers.prepared import PreparedModule, in_place


def start_residual_adjacency(*shape: int) -> nn.Parameter:
    """Create a learned adjacency with initial values close to zero: uniform within 1e-6.

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
        nodes = rearrange(x, "b c t v -> (b t) v c")
        if in_place(x, self.norm):
            return self._by_body(aggregate_mix_relu(matrix, nodes, weight, bias), x)
        if self.norm.training:
            h = batch_norm(self._by_body(aggregate_mix(matrix, nodes, weight), x), [self.norm], bias)
        else:
            h = self._by_body(aggregate_mix(matrix, nodes, weight, bias), x)
        return relu(h)

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Compute eq. 4 of the paper: `(B, C, T, V)` to `(B, O, T, V)`."""
        matrix = rearrange(self.adjacency, "s v w -> (s v) w") + self.residual_adjacency
        h = torch.einsum("uw,bctw->bctu", matrix, x)
        h = rearrange(h, "b c t (s v) -> b (s c) t v", s=self.scales)
        return torch.relu(self.norm(self.mix(h)))

    @staticmethod
    def _by_body(rows: Tensor, x: Tensor) -> Tensor:
        return rearrange(rows, "(b t) v o -> b o t v", b=x.shape[0])
