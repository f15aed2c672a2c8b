"""G3D: graph convolution over windows of frames (Liu et al., MS-G3D, CVPR 2020, section 3.3)."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.layers.aggregate import aggregate_windows
from dualhead.layers.graph_convolution import start_residual_adjacency
from dualhead.layers.norm import BatchNorm


class WindowGraphConvolution(nn.Module):
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
        self.register_buffer("adjacency", torch.tensor(adjacency, dtype=torch.get_default_dtype()), persistent=False)
        self.residual_adjacency = start_residual_adjacency(self.scales * nodes, nodes)
        self.mix = nn.Conv2d(self.scales * in_channels, embed_channels, 1)
        self.norm = BatchNorm(embed_channels)
        self.collapse = nn.Conv3d(embed_channels, out_channels, (1, window, 1))
        self.collapse_norm = BatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, ceil(T / stride), V)`.
        """
        x = rearrange(x, "b c t v -> b t v c")
        matrix = self.adjacency + rearrange(self.residual_adjacency, "(s u) w -> s u w", s=self.scales)
        # Rows are joint-major from here on, which lays the frames of a window's joint side by side for the collapse.
        if x.shape[-1] < self.mix.out_channels:
            rows = rearrange(matrix, "s (i v) w -> (v i s) w", i=self.window)
            h = aggregate_windows(rows, x, self.window, self.stride)
            h = self.mix(rearrange(h, "b t (n s) c -> b (s c) t n", s=self.scales))  # (B, E, T', V * W)
        else:
            weight = rearrange(self.mix.weight, "e (s c) 1 1 -> (s e) c", s=self.scales)
            mixed = rearrange(F.linear(x, weight), "b t v (s e) -> b t (v s) e", s=self.scales)
            rows = rearrange(matrix, "s (i v) w -> (v i) (w s)", i=self.window)
            h = rearrange(aggregate_windows(rows, mixed, self.window, self.stride), "b t n e -> b e t n")
            if self.mix.bias is not None:
                h = h + rearrange(self.mix.bias, "e -> e 1 1")
        h = torch.relu(self.norm(h))
        h = rearrange(h, "b e t (v i) -> b (i e) t v", i=self.window)
        h = F.conv2d(h, rearrange(self.collapse.weight, "o e 1 i 1 -> o (i e) 1 1"), self.collapse.bias)
        return self.collapse_norm(h)  # type: ignore[no-any-return]
