"""Adaptive graph convolution (Shi et al., 2s-AGCN, CVPR 2019, section 4.1)."""

from __future__ import annotations

import math

import numpy as np
import torch
from einops import rearrange, reduce
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.cpu.adaptive_graph_convolution import adaptive_graph_convolution
from dualhead.layers.elementwise import add, relu
from dualhead.layers.fused import fold_sum, pointwise
from dualhead.layers.initialize import initialize_convolutions
from dualhead.layers.norm import BatchNorm, normalise
from dualhead.layers.prepared import PreparedModule, in_place
from dualhead.layers.residual import make_residual
from dualhead.layers.temporal_convolution import PointwiseNorm


class AdaptiveGraphConvolution(PreparedModule):
    """Sum over subsets of a graph that is partly given, partly learned, and partly inferred from each clip.

    Convention: out[w] = sum over s, v of conv_s(in[v]) * matrix[s, v, w], where the matrix is adjacency + learned +
    softmax over v of the affinity between theta_s(v) and phi_s(w), averaged over time and channels. Then norm, plus the
    input (through a 1x1 convolution and norm where the width changes), ReLU.

    Args:
        adjacency: `(S, V, V)`.
        in_channels: C.
        out_channels: O, divisible by 4; the embeddings theta and phi have O / 4 channels.
    """

    adjacency: Tensor

    def __init__(self, adjacency: NDArray[np.float64], in_channels: int, out_channels: int):
        super().__init__()
        self.embed_channels, rest = divmod(out_channels, 4)
        if rest:
            raise ValueError(f"{out_channels} channels cannot be divided by 4 for the embeddings")
        self.subsets = len(adjacency)
        self.register_buffer("adjacency", torch.tensor(adjacency, dtype=torch.get_default_dtype()), persistent=False)
        self.learned_adjacency = nn.Parameter(torch.full(adjacency.shape, 1e-6))
        self.theta = nn.ModuleList(nn.Conv2d(in_channels, self.embed_channels, 1) for _ in adjacency)
        self.phi = nn.ModuleList(nn.Conv2d(in_channels, self.embed_channels, 1) for _ in adjacency)
        self.mix = nn.ModuleList(nn.Conv2d(in_channels, out_channels, 1) for _ in adjacency)
        self.norm = BatchNorm(out_channels)
        self.residual = make_residual(in_channels, out_channels)
        # Next to nothing beside the residual at the start; the subsets share the variance.
        initialize_convolutions(self)
        for weight in self._mix_weights():
            nn.init.normal_(weight, 0, math.sqrt(2 / (out_channels * self.subsets)))
        nn.init.constant_(self.norm.weight, 1e-6)

    def _mix_weights(self) -> list[Tensor]:
        return [self.mix.get_parameter(f"{index}.weight") for index in range(self.subsets)]

    def prepare(self) -> tuple[Tensor, ...]:
        """Return the fixed matrices `(S, V, V)`, and weight and bias of the joined embeddings and of the mixing.

        Returns:
            Matrices; `(2 * S * E, C)` and `(2 * S * E,)`; `(O, S * C)` and `(O,)`.
        """
        embed: list[nn.Conv2d] = [*self.theta, *self.phi]
        mix: list[nn.Conv2d] = list(self.mix)  # type: ignore[arg-type]
        weights, bias = fold_sum(mix, self.norm)
        return (
            self.adjacency + self.learned_adjacency,
            rearrange([conv.weight for conv in embed], "n e c 1 1 -> (n e) c"),
            torch.cat([conv.bias for conv in embed if conv.bias is not None]),
            rearrange(list(weights), "s o c 1 1 -> o (s c)"),
            bias,
        )

    def _affinity(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Compare every two joints of each clip: `(B, C, T, V)` to `(B, S, V, V)`, columns that sum to 1."""
        embedded = pointwise(x, weight, bias)
        frames = rearrange(embedded, "b c t v -> (b t) v c")
        parts = torch.split(frames, self.embed_channels, dim=-1)
        products = [
            reduce(torch.bmm(theta, phi.transpose(1, 2)), "(b t) v w -> b v w", "mean", b=x.shape[0])
            / self.embed_channels
            for theta, phi in zip(parts[: self.subsets], parts[self.subsets :], strict=True)
        ]
        return torch.softmax(torch.stack(products, dim=1), dim=-2)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, T, V)`.
        """
        residual_norms = [self.residual.norm] if isinstance(self.residual, PointwiseNorm) else []
        if in_place(x, self.norm, *residual_norms):
            return adaptive_graph_convolution(self, x)
        matrix, embed, embed_bias, mix, mix_bias = self.prepared()
        matrix = matrix + self._affinity(x, embed, embed_bias)
        frames = rearrange(x, "b c t v -> b t v c")
        h = rearrange(matrix, "b s v w -> b 1 (w s) v") @ frames
        h = rearrange(h, "b t (w s) c -> b (s c) t w", s=self.subsets)
        return relu(add(normalise(pointwise(h, mix, mix_bias), [self.norm]), self.residual(x)))

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Compute eq. 3 of the paper, a subset at a time: `(B, C, T, V)` to `(B, O, T, V)`."""
        total: Tensor | None = None
        for index in range(self.subsets):
            theta, phi = self.theta[index](x), self.phi[index](x)
            affinity = torch.einsum("bctv,bctw->bvw", theta, phi) / (theta.shape[1] * x.shape[2])
            matrix = self.adjacency[index] + self.learned_adjacency[index] + torch.softmax(affinity, dim=1)
            y = self.mix[index](torch.einsum("bctv,bvw->bctw", x, matrix))
            total = y if total is None else total + y
        assert total is not None
        around = self.residual.formula(x) if isinstance(self.residual, PreparedModule) else x
        return torch.relu(self.norm(total) + around)
