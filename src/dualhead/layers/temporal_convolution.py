"""Multi-scale temporal convolution (Liu et al., MS-G3D, CVPR 2020, section 3.4; Chen et al., CTR-GCN, ICCV 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dualhead.layers.fused import pointwise
from dualhead.layers.norm import BatchNorm, batch_norm


class StridedPointwise(nn.Conv2d):
    """1x1 convolution with a stride over frames that leaves frames out first.

    A strided convolution gives the same, but oneDNN's gradient of it writes beyond its memory for some shapes on
    several threads (torch 2.13: 12 to 24 channels, an odd number of rows).
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`."""
        return F.conv2d(x[:, :, :: self.stride[0]], self.weight, self.bias)


class PointwiseNorm(nn.Module):
    """1x1 convolution and batch norm: the usual residual where shapes change.

    Args:
        in_channels: C.
        out_channels: O.
        stride: Frames between two outputs.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv = StridedPointwise(in_channels, out_channels, 1, (stride, 1))
        self.norm = BatchNorm(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`."""
        return self.norm(self.conv(x))  # type: ignore[no-any-return]


class _DilatedBranch(nn.Module):
    """Hold the parameters of: 1x1 convolution, norm, ReLU, kernel x 1 convolution with dilation and stride, norm."""

    def __init__(self, in_channels: int, channels: int, kernel: int, dilation: int, stride: int):
        super().__init__()
        self.entry = nn.Conv2d(in_channels, channels, 1)
        self.entry_norm = BatchNorm(channels)
        margin = (kernel - 1) * dilation // 2
        self.conv = nn.Conv2d(channels, channels, (kernel, 1), (stride, 1), (margin, 0), (dilation, 1))
        self.norm = BatchNorm(channels)


class _PoolBranch(nn.Module):
    """Hold the parameters of: 1x1 convolution, norm, ReLU, 3 x 1 max pool with stride, norm."""

    def __init__(self, in_channels: int, channels: int):
        super().__init__()
        self.entry = nn.Conv2d(in_channels, channels, 1)
        self.entry_norm = BatchNorm(channels)
        self.norm = BatchNorm(channels)


class MultiScaleTemporalConvolution(nn.Module):
    """Dilated branches, a pooling branch and a plain branch of equal width, concatenated; residual; ReLU.

    Args:
        in_channels: C.
        out_channels: O, divisible by the number of branches (one per dilation and two more).
        stride: Frames between two outputs.
        dilations: One branch for each.
        kernel: Frames of the dilated convolutions.
        residual: Whether to add the input (through a 1x1 convolution and norm where shapes change).
        activation: Whether to end with a ReLU.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int = 1,
        dilations: Sequence[int] = (1, 2, 3, 4),
        kernel: int = 3,
        residual: bool = True,
        activation: bool = True,
    ):
        super().__init__()
        self.width, rest = divmod(out_channels, len(dilations) + 2)
        if rest:
            raise ValueError(f"{out_channels} channels cannot be split into {len(dilations) + 2} equal branches")
        self.stride, self.activation = stride, activation
        self.dilated = nn.ModuleList(
            _DilatedBranch(in_channels, self.width, kernel, dilation, stride) for dilation in dilations
        )
        self.pool = _PoolBranch(in_channels, self.width)
        self.plain = PointwiseNorm(in_channels, self.width, stride)
        self.residual: nn.Module | None = None
        if residual:
            same = in_channels == out_channels and stride == 1
            self.residual = nn.Identity() if same else PointwiseNorm(in_channels, out_channels, stride)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, ceil(T / stride), V)`.
        """
        dilated: list[_DilatedBranch] = list(self.dilated)  # type: ignore[arg-type]
        entered: list[_DilatedBranch | _PoolBranch] = [*dilated, self.pool]
        h = pointwise(x, [branch.entry for branch in entered])
        h = torch.relu(batch_norm(h, [branch.entry_norm for branch in entered]))
        *parts, pooled = torch.split(h, self.width, dim=1)
        outs = [branch.conv(part) for branch, part in zip(dilated, parts, strict=True)]
        outs.append(F.max_pool2d(pooled, (3, 1), (self.stride, 1), (1, 0)))
        outs.append(self.plain.conv(x))
        norms = [*(branch.norm for branch in dilated), self.pool.norm, self.plain.norm]
        y = batch_norm(torch.cat(outs, dim=1), norms)
        if self.residual is not None:
            y = y + self.residual(x)
        return torch.relu(y) if self.activation else y
