"""Multi-scale temporal convolution (Liu et al., MS-G3D, CVPR 2020, section 3.4; Chen et al., CTR-GCN, ICCV 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from dualhead.layers.cpu import temporal_convolution as cpu
from dualhead.layers.dilated import convolve_dilated
from dualhead.layers.elementwise import add, relu
from dualhead.layers.fused import fold, fold_all, pointwise, pointwise_norm, scale_and_shift
from dualhead.layers.norm import BatchNorm, batch_norm, normalise
from dualhead.layers.prepared import PreparedModule, in_place


class PointwiseNorm(PreparedModule):
    """1x1 convolution and batch norm: the usual residual where shapes change.

    Args:
        in_channels: C.
        out_channels: O.
        stride: Frames between two outputs.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 1, (stride, 1))
        self.norm = BatchNorm(out_channels)

    def prepare(self) -> tuple[Tensor, ...]:
        """Return weight `(O, C)` and bias `(O,)`."""
        weight, bias = fold(self.conv, self.norm)
        return rearrange(weight, "o c 1 1 -> o c"), bias

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`."""
        # Frames are left out first: a product knows no stride, and oneDNN's gradient of a strided 1x1 convolution
        # writes beyond its memory for some shapes on several threads (torch 2.13).
        weight, bias = self.prepared()
        return pointwise_norm(x[:, :, :: self.conv.stride[0]], weight, bias, [self.norm])

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Convolve and normalise: `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`."""
        y: Tensor = self.norm(self.conv(x))
        return y


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


class MultiScaleTemporalConvolution(PreparedModule):
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
        self.stride, self.dilations, self.activation = stride, tuple(dilations), activation
        self.dilated = nn.ModuleList(
            _DilatedBranch(in_channels, self.width, kernel, dilation, stride) for dilation in dilations
        )
        self.pool = _PoolBranch(in_channels, self.width)
        self.plain = PointwiseNorm(in_channels, self.width, stride)
        self.residual: nn.Module | None = None
        if residual:
            same = in_channels == out_channels and stride == 1
            self.residual = nn.Identity() if same else PointwiseNorm(in_channels, out_channels, stride)

    def prepare(self) -> tuple[Tensor, ...]:
        """Join what the branches have side by side.

        Returns:
            Weight of the entries and the plain branch `(O, C)`; bias of the entries `(O - c,)`; the taps
            `(D, kernel, c, c)`; bias of all branches `(O,)`; what the pooling branch is multiplied with `(c,)`.
        """
        entries: list[_DilatedBranch | _PoolBranch] = [*self._dilated, self.pool]
        weights, entry_bias = fold_all([part.entry for part in entries], [part.entry_norm for part in entries])
        taps, taps_bias = fold_all([part.conv for part in self._dilated], [part.norm for part in self._dilated])
        plain, plain_bias = self.plain.prepared()
        scale, shift = scale_and_shift(self.pool.norm)
        return (
            torch.cat([*(weight.flatten(1) for weight in weights), plain]),
            entry_bias,
            rearrange(list(taps), "d o c k 1 -> d k c o"),
            torch.cat([taps_bias, shift, plain_bias]),
            scale,
        )

    @property
    def _dilated(self) -> list[_DilatedBranch]:
        return list(self.dilated)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, O, ceil(T / stride), V)`.
        """
        dilated = self._dilated
        entry_norms = [*(branch.entry_norm for branch in dilated), self.pool.entry_norm]
        norms = [*(branch.norm for branch in dilated), self.pool.norm, self.plain.norm]
        residual_norms = [self.residual.norm] if isinstance(self.residual, PointwiseNorm) else []
        if in_place(x, *entry_norms, *norms, *residual_norms):
            return cpu.temporal_convolution(self, x)
        weight, entry_bias, taps, bias, scale = self.prepared()
        entry, plain = torch.split(weight, [len(entry_bias), self.width])
        h = relu(pointwise_norm(x, entry, entry_bias, entry_norms))
        h, pooled = torch.split(h, [self.width * len(dilated), self.width], dim=1)
        pooled = F.max_pool2d(pooled, (3, 1), (self.stride, 1), (1, 0))
        learns = all(norm.training for norm in norms)  # then the norms take the bias away again
        taps_bias, shift, plain_bias = torch.split(bias, [self.width * len(dilated), self.width, self.width])
        if not self.pool.norm.training:
            pooled = pooled * scale[:, None, None] + shift[:, None, None]
        others = [pooled, pointwise(x[:, :, :: self.stride], plain, None if learns else plain_bias)]
        y = convolve_dilated(h, taps, None if learns else taps_bias, self.dilations, self.stride, others)
        y = batch_norm(y, norms, bias) if learns else normalise(y, norms)
        if self.residual is not None:
            y = add(y, self.residual(x))
        return relu(y) if self.activation else y

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Compute figure 3 of the MS-G3D paper, a branch at a time: `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`."""
        outs = [branch.norm(branch.conv(torch.relu(branch.entry_norm(branch.entry(x))))) for branch in self._dilated]
        pooled = torch.relu(self.pool.entry_norm(self.pool.entry(x)))
        outs.append(self.pool.norm(F.max_pool2d(pooled, (3, 1), (self.stride, 1), (1, 0))))
        outs.append(self.plain.formula(x))
        y = torch.cat(outs, dim=1)
        if self.residual is not None:
            y = y + (self.residual.formula(x) if isinstance(self.residual, PointwiseNorm) else x)
        return torch.relu(y) if self.activation else y
