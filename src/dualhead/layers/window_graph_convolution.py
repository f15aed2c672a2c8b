"""G3D: graph convolution over windows of frames (Liu et al., MS-G3D, CVPR 2020, section 3.3)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate_windows import aggregate_windows
from dualhead.layers.counted_norm import counted
from dualhead.layers.cpu.collapse import collapse_windows
from dualhead.layers.cpu.window_graph_convolution import add_window_graph_convolution
from dualhead.layers.elementwise import add, relu
from dualhead.layers.fused import fold
from dualhead.layers.graph_convolution import start_residual_adjacency
from dualhead.layers.norm import BatchNorm, batch_norm, update_running_statistics, with_zero_gradient
from dualhead.layers.prepared import PreparedModule, in_place, is_eager
from dualhead.layers.recomputed import recomputed


class WindowGraphConvolution(PreparedModule):
    """Aggregate the joints of a window at S scales, mix channels, ReLU, and collapse the window to one frame.

    Mixing channels commutes with the aggregation and with the windows. Where it does not widen the features it is done
    first, once per frame instead of once per frame and window.

    Convention: nodes of a window are frame-major; scales before channels (scale-major). No activation at the end.

    Args:
        adjacency: `(S, W * V, W * V)`.
        window: W, odd.
        stride: Frames between the centres of two windows.
        in_channels: C.
        embed_channels: E, the channels of a node between the two convolutions.
        out_channels: O.
    """

    adjacency: Tensor

    def __init__(
        self,
        adjacency: NDArray[np.float64],
        window: int,
        stride: int,
        in_channels: int,
        embed_channels: int,
        out_channels: int,
    ):
        super().__init__()
        self.window, self.stride = window, stride
        self.scales, nodes, _ = adjacency.shape
        self.widens = in_channels < embed_channels
        self.register_buffer("adjacency", torch.tensor(adjacency, dtype=torch.get_default_dtype()), persistent=False)
        self.residual_adjacency = start_residual_adjacency(self.scales * nodes, nodes)
        self.mix = nn.Conv2d(self.scales * in_channels, embed_channels, 1)
        self.norm = BatchNorm(embed_channels)
        self.collapse = nn.Conv3d(embed_channels, out_channels, (1, window, 1))
        self.collapse_norm = BatchNorm(out_channels)

    def prepare(self) -> tuple[Tensor, ...]:
        """Order everything joint-major, which lays the frames of a window's joint side by side for the collapse.

        Returns:
            Rows of the matrices, `(V * W * S, W * V)` if channels are mixed behind the windows, else
            `(V * W, W * V * S)`; weight of the mixing, `(E, S * C)` or `(S, E, C)`, and bias `(E,)`; weight of the
            collapse `(O, W * E)` and bias `(O,)`.
        """
        matrix = self.adjacency + rearrange(self.residual_adjacency, "(s u) w -> s u w", s=self.scales)
        weight, bias = fold(self.mix, self.norm)
        collapse, collapse_bias = fold(self.collapse, self.collapse_norm)
        if self.widens:
            rows = rearrange(matrix, "s (i v) w -> (v i s) w", i=self.window)
            weight = rearrange(weight, "e n 1 1 -> e n")
        else:
            rows = rearrange(matrix, "s (i v) w -> (v i) (w s)", i=self.window)
            weight = rearrange(weight, "e (s c) 1 1 -> s e c", s=self.scales)
        return rows, weight, bias, rearrange(collapse, "o e 1 i 1 -> o (i e)"), collapse_bias

    def forward(self, x: Tensor, total: Tensor) -> Tensor:
        """Convolve, and add.

        Args:
            x: `(B, C, T, V)`, channels-last in memory.
            total: The tensor that the result is added to, `(B, O, ceil(T / stride), V)`; in inference it is changed in
                place.

        Returns:
            `(B, O, ceil(T / stride), V)`.
        """
        x = rearrange(x, "b c t v -> b t v c")
        if in_place(x, self.norm, self.collapse_norm):
            return add_window_graph_convolution(self, x, total)
        rows, weight, bias, collapse, collapse_bias = self.prepared()
        nodes = aggregate_windows(rows, x, self.window, self.stride, None if self.widens else weight)
        if self.widens:
            nodes = rearrange(nodes, "b t (n s) c -> b t n (s c)", s=self.scales).contiguous()
        learns, in_float = self.norm.training, nodes.dtype in (torch.float32, torch.float64)
        last = None if self.collapse_norm.training else collapse_bias  # a norm in training takes a bias away again
        if learns and last is None and in_float and is_eager(x):
            y = self._collapse_in_cache(nodes, weight if self.widens else None, bias, collapse)
        else:
            if self.widens:
                nodes = F.linear(nodes, weight, None if learns else bias)
            elif not learns:
                nodes = nodes + bias
            y = recomputed(self._collapse, nodes, bias, collapse, last)
        y = rearrange(y, "b t v o -> b o t v")
        if last is None:
            y = batch_norm(y, [self.collapse_norm], collapse_bias)
        return add(y, total)

    def formula(self, x: Tensor, total: Tensor) -> Tensor:  # type: ignore[override]
        """Compute eqs. 5 to 7 of the paper, added to `total`: unfold windows, aggregate, mix, collapse."""
        margin = (self.window - 1) // 2
        nodes = F.unfold(x, (self.window, 1), padding=(margin, 0), stride=(self.stride, 1))
        nodes = rearrange(nodes, "b (c w) (t v) -> b c t (w v)", w=self.window, v=x.shape[3])
        matrix = rearrange(self.adjacency, "s u w -> (s u) w") + self.residual_adjacency
        h = torch.einsum("uw,bctw->bctu", matrix, nodes)
        h = rearrange(h, "b c t (s u) -> b (s c) t u", s=self.scales)
        h = torch.relu(self.norm(self.mix(h)))
        h = self.collapse(rearrange(h, "b e t (w v) -> b e t w v", w=self.window))
        y: Tensor = self.collapse_norm(rearrange(h, "b o t 1 v -> b o t v"))
        return y + total

    def _collapse_in_cache(self, nodes: Tensor, mix: Tensor | None, shift: Tensor, collapse: Tensor) -> Tensor:
        """Mix, normalise, ReLU and collapse `(B, T', V * W, I)` to `(B, T', V, O)`, in training."""
        bias = with_zero_gradient(self.norm.bias, shift)
        y, mean, variance, count = collapse_windows(
            nodes.contiguous(), mix, self.norm.weight, bias, collapse, counted(), self.norm.eps
        )
        update_running_statistics([self.norm], mean, variance, count, shift)
        return y

    def _collapse(self, h: Tensor, shift: Tensor, collapse: Tensor, bias: Tensor | None) -> Tensor:
        """Normalise, ReLU and collapse `(B, T', V * W, E)` to `(B, T', V, O)`."""
        if self.norm.training:
            # what is given is needed again: only what the norm made new may be overwritten
            h = relu(batch_norm(h.movedim(-1, 1), [self.norm], shift)).movedim(1, -1)
        else:
            h = torch.relu(h)
        return F.linear(rearrange(h, "b t (v i) e -> b t v (i e)", i=self.window), collapse, bias)
