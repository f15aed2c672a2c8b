"""Channel-wise topology refinement graph convolution (Chen et al., CTR-GCN, ICCV 2021, section 3.2)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate import cast_for_autocast
from dualhead.layers.cpu.topology_graph_convolution import topology_graph_convolution
from dualhead.layers.elementwise import add, relu
from dualhead.layers.fused import scale_and_shift
from dualhead.layers.initialize import initialize_convolutions
from dualhead.layers.norm import BatchNorm, normalise
from dualhead.layers.prepared import PreparedModule, in_place
from dualhead.layers.residual import make_residual
from dualhead.layers.temporal_convolution import PointwiseNorm

RAW_CHANNELS = 16
"""Inputs of fewer channels than this count as coordinates, which get relations of 8 channels."""


class _Subset(nn.Module):
    """Hold the parameters of one subset: what is compared, how a relation becomes a topology, and the features."""

    def __init__(self, in_channels: int, out_channels: int, relation_channels: int):
        super().__init__()
        self.receiver = nn.Conv2d(in_channels, relation_channels, 1)
        self.sender = nn.Conv2d(in_channels, relation_channels, 1)
        self.features = nn.Conv2d(in_channels, out_channels, 1)
        self.topology = nn.Conv2d(relation_channels, out_channels, 1)


class TopologyGraphConvolution(PreparedModule):
    """Sum over subsets of a learned graph that each clip refines for every channel.

    Convention: out[c, u] = sum over s, v of matrix[s, c, u, v] * features_s(in)[c, v], where the matrix is shared[s] +
    alpha * topology_s(tanh(receiver_s[u] - sender_s[v])), receiver and sender averaged over time. Then norm, plus the
    input (through a 1x1 convolution and norm where the width changes), ReLU.

    Args:
        adjacency: `(S, V, V)` where the shared topology starts.
        in_channels: C.
        out_channels: O.
    """

    def __init__(self, adjacency: NDArray[np.float64], in_channels: int, out_channels: int):
        super().__init__()
        relations = 8 if in_channels < RAW_CHANNELS else in_channels // 8
        self.shared = nn.Parameter(torch.tensor(adjacency, dtype=torch.get_default_dtype()))
        self.alpha = nn.Parameter(torch.zeros(1))
        self.subsets = nn.ModuleList(_Subset(in_channels, out_channels, relations) for _ in adjacency)
        self.norm = BatchNorm(out_channels)
        self.residual = make_residual(in_channels, out_channels)
        initialize_convolutions(self)
        nn.init.constant_(self.norm.weight, 1e-6)

    @property
    def _parts(self) -> list[_Subset]:
        return list(self.subsets)  # type: ignore[arg-type]

    def prepare(self) -> tuple[Tensor, ...]:
        """Join the features of all subsets, whose channels lie side by side.

        Returns:
            Weight `(O * S, C, 1, 1)` and bias `(O * S,)` of the features; the shift behind their sum `(O,)`. In
            evaluation mode also weight `(2 * S * R, C)` and bias `(2 * S * R,)` of all receivers, then all senders; and
            alpha times weight `(S, O, R)` and bias `(S, O, 1)` of the topologies.
        """
        features = [subset.features for subset in self._parts]
        weights = torch.stack([conv.weight for conv in features], dim=1)  # (O, S, C, 1, 1)
        biases = torch.stack([conv.bias for conv in features if conv.bias is not None], dim=1)
        if self.norm.training:
            return weights.flatten(0, 1), biases.flatten(), self.norm.bias
        scale, shift = scale_and_shift(self.norm)
        related = [*(subset.receiver for subset in self._parts), *(subset.sender for subset in self._parts)]
        topologies = [subset.topology for subset in self._parts]
        return (
            (weights * scale[:, None, None, None, None]).flatten(0, 1),
            (biases * scale[:, None]).flatten(),
            shift,
            torch.cat([conv.weight.flatten(1) for conv in related]),
            torch.cat([conv.bias for conv in related if conv.bias is not None]),
            self.alpha * torch.stack([conv.weight.flatten(1) for conv in topologies]),
            self.alpha * torch.stack([conv.bias for conv in topologies if conv.bias is not None]).unsqueeze(-1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        A matrix per channel multiplies `(T, V)` planes, so this layer computes on channels-first memory.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, T, V)`.
        """
        residual_norms = [self.residual.norm] if isinstance(self.residual, PointwiseNorm) else []
        if in_place(x, self.norm, *residual_norms):
            return topology_graph_convolution(self, x)
        weight, bias, shift = self.prepared()[:3]
        x = x.contiguous()
        mean = x.mean(dim=2, keepdim=True)  # (B, C, 1, V): averaging commutes with a 1x1 convolution
        features = rearrange(F.conv2d(x, weight, bias), "b (c s) t v -> s (b c) t v", s=len(self.shared)).unbind()
        total: Tensor | None = None
        for shared, subset, part in zip(self.shared, self._parts, features, strict=True):
            receiver = rearrange(subset.receiver(mean), "b r 1 u -> b r u 1")
            relation = torch.tanh(receiver - subset.sender(mean))  # (B, R, U, V)
            matrix = shared + self.alpha * subset.topology(relation)  # (B, O, U, V)
            (matrix,) = cast_for_autocast(rearrange(matrix, "b c u v -> (b c) v u"))
            total = torch.bmm(part, matrix) if total is None else torch.baddbmm(total, part, matrix)
        assert total is not None
        total = rearrange(total, "(b c) t u -> b c t u", b=x.shape[0])
        total = normalise(total, [self.norm]) if self.norm.training else add(total, shift[:, None, None])
        return relu(add(total, self.residual(x)))

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Compute eqs. 5 to 8 of the paper, a subset at a time: `(B, C, T, V)` to `(B, O, T, V)`."""
        total: Tensor | None = None
        for shared, subset in zip(self.shared, self._parts, strict=True):
            receiver, sender = subset.receiver(x).mean(dim=2), subset.sender(x).mean(dim=2)
            relation = torch.tanh(receiver.unsqueeze(-1) - sender.unsqueeze(-2))  # (B, R, U, V)
            matrix = self.alpha * subset.topology(relation) + shared
            y = torch.einsum("bcuv,bctv->bctu", matrix, subset.features(x))
            total = y if total is None else total + y
        assert total is not None
        around = self.residual.formula(x) if isinstance(self.residual, PreparedModule) else x
        return torch.relu(self.norm(total) + around)
