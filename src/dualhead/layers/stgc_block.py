"""The spatial-temporal graph convolution block of MS-G3D and DualHead-Net."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from dualhead.graph import Matrix, disentangled_scales, window_adjacency
from dualhead.layers.elementwise import relu
from dualhead.layers.graph_convolution import MultiScaleGraphConvolution
from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution
from dualhead.layers.window_graph_convolution import WindowGraphConvolution


class STGCBlock(nn.Module):
    """ReLU(spatial path + sum of windowed paths), then a temporal convolution (MS-G3D, figure 3).

    The spatial path is a graph convolution within the frame and two temporal convolutions, the first with the stride,
    the second without its ReLU.

    Args:
        binary: `(V, V)` graph without loops.
        in_channels: C.
        out_channels: O.
        stride: Frames between two outputs.
        num_gcn_scales: Scales of the graph convolution within a frame.
        num_g3d_scales: Scales of the windowed graph convolutions.
        windows: Window of each windowed path, odd.
        dilations: Dilations of the temporal convolutions.
        first: Whether the input is raw coordinates, which are widened at once; later blocks keep the width until the
            first temporal convolution.
    """

    def __init__(
        self,
        binary: Matrix,
        in_channels: int,
        out_channels: int,
        stride: int,
        num_gcn_scales: int,
        num_g3d_scales: int,
        windows: Sequence[int] = (3, 5),
        dilations: Sequence[int] = (1, 2, 3, 4),
        first: bool = False,
    ):
        super().__init__()
        width = out_channels if first else in_channels
        self.windowed = nn.ModuleList(
            WindowGraphConvolution(
                disentangled_scales(window_adjacency(binary, window), num_g3d_scales),
                window,
                stride,
                in_channels,
                width,
                out_channels,
            )
            for window in windows
        )
        self.spatial = nn.Sequential(
            MultiScaleGraphConvolution(disentangled_scales(binary, num_gcn_scales), in_channels, width),
            MultiScaleTemporalConvolution(width, out_channels, stride, dilations),
            MultiScaleTemporalConvolution(out_channels, out_channels, 1, dilations, activation=False),
        )
        self.temporal = MultiScaleTemporalConvolution(out_channels, out_channels, 1, dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, ceil(T / stride), V)`.
        """
        y: Tensor = self.spatial(x)
        for path in self.windowed:
            y = path(x, y)
        return self.temporal(relu(y))  # type: ignore[no-any-return]
