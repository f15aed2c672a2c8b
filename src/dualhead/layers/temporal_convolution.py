"""Multi-scale temporal convolution (Liu et al., MS-G3D, CVPR 2020, section 3.4; Chen et al., CTR-GCN, ICCV 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from dualhead.layers.dilated import add_dilated, dilated_and, dilated_constant
from dualhead.layers.elementwise import add, relu
from dualhead.layers.fused import fold, fold_all, pointwise, pointwise_norm, scale_and_shift
from dualhead.layers.norm import BatchNorm, batch_norm, normalise
from dualhead.layers.prepared import PreparedModule, in_place
from dualhead.layers.threads import in_threads, split_frames


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
        """Give weight `(O, C)` and bias `(O,)`."""
        weight, bias = fold(self.conv, self.norm)
        return rearrange(weight, "o c 1 1 -> o c"), bias

    def forward(self, x: Tensor) -> Tensor:
        """Map `(B, C, T, V)` to `(B, O, ceil(T / stride), V)`."""
        # Frames are left out first: a product knows no stride, and oneDNN's gradient of a strided 1x1 convolution
        # writes beyond its memory for some shapes on several threads (torch 2.13).
        weight, bias = self.prepared()
        return pointwise_norm(x[:, :, :: self.conv.stride[0]], weight, bias, [self.norm])


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
        weight, entry_bias, taps, bias, scale = self.prepared()
        entry_norms = [*(branch.entry_norm for branch in dilated), self.pool.entry_norm]
        norms = [*(branch.norm for branch in dilated), self.pool.norm, self.plain.norm]
        residual_norms = [self.residual.norm] if isinstance(self.residual, PointwiseNorm) else []
        if in_place(x, *entry_norms, *norms, *residual_norms):
            return self._in_shares(x, weight, entry_bias, taps, bias, scale)
        entry, plain = torch.split(weight, [len(entry_bias), self.width])
        h = relu(pointwise_norm(x, entry, entry_bias, entry_norms))
        h, pooled = torch.split(h, [self.width * len(dilated), self.width], dim=1)
        pooled = F.max_pool2d(pooled, (3, 1), (self.stride, 1), (1, 0))
        learns = all(norm.training for norm in norms)  # then the norms take the bias away again
        taps_bias, shift, plain_bias = torch.split(bias, [self.width * len(dilated), self.width, self.width])
        if not self.pool.norm.training:
            pooled = pooled * scale[:, None, None] + shift[:, None, None]
        others = [pooled, pointwise(x[:, :, :: self.stride], plain, None if learns else plain_bias)]
        y = dilated_and(h, taps, None if learns else taps_bias, self.dilations, self.stride, others)
        y = batch_norm(y, norms, bias) if learns else normalise(y, norms)
        if self.residual is not None:
            y = add(y, self.residual(x))
        return relu(y) if self.activation else y

    def _in_shares(self, x: Tensor, *prepared: Tensor) -> Tensor:
        """Do as `forward`, frames of few bodies side by side."""

        def compute(parts: Sequence[tuple[Tensor, slice]]) -> list[Tensor]:
            return [self._some_frames(body, span, *prepared) for body, span in parts]

        spans = split_frames(len(x), -(-x.shape[2] // self.stride))
        if len(spans) == 1:
            return self._some_frames(x, spans[0], *prepared)
        bodies = torch.split(x, 1)
        some = chain.from_iterable(in_threads(compute, [(body, span) for body in bodies for span in spans]))
        rows = torch.cat([rearrange(part, "1 o t v -> t v o") for part in some])
        return rearrange(rows, "(b t) v o -> b o t v", b=len(bodies))

    def _some_frames(self, x: Tensor, span: slice, *prepared: Tensor) -> Tensor:
        """Do as `forward` for some of the outputs, from the frames that they reach."""
        taps = prepared[2]
        reach = max(1, taps.shape[1] // 2 * max(self.dilations))  # of the pooling branch 1
        first = max(0, span.start - -(-reach // self.stride))  # the first output to compute
        last = (span.stop - 1) * self.stride + reach
        y = self._added_up(x[:, :, first * self.stride : last + 1], *prepared)
        y = y[:, :, span.start - first : span.stop - first]
        return y.relu_() if self.activation else y

    def _added_up(self, x: Tensor, *prepared: Tensor) -> Tensor:
        """Do as `forward` up to the last ReLU, with every branch added to the residual where it lies.

        ReLU(h + bias) = max(h, -bias) + bias, and what the last sum becomes is a constant of every frame: no pass over
        the activations adds a bias alone.
        """
        weight, entry_bias, taps, bias, scale = prepared
        x = x.movedim(1, -1).contiguous()  # (B, T, V, C)
        x_strided = x[:, :: self.stride].contiguous()
        split = len(entry_bias) - self.width
        dilated, pooled, plain = slice(split), slice(split, split + self.width), slice(split + self.width, None)
        constant = bias.repeat(x_strided.shape[1], 1)  # (T', O)
        constant[:, dilated] += dilated_constant(
            entry_bias[dilated], taps, x.shape[1], x_strided.shape[1], self.dilations, self.stride
        )
        constant[:, pooled] += entry_bias[pooled] * scale
        if isinstance(self.residual, PointwiseNorm):
            residual, shift = self.residual.prepared()
            y = (constant + shift)[:, None].expand(*x_strided.shape[:-1], -1).contiguous()
            y.flatten(0, 2).addmm_(x_strided.flatten(0, 2), residual.t())
        elif self.residual is None:
            y = constant[:, None].expand(*x_strided.shape[:-1], -1).contiguous()
        else:
            y = x_strided + constant[:, None]
        if self.stride == 1:
            h = F.linear(x, weight)
            y[..., plain].add_(h[..., plain])
        else:
            h = F.linear(x, weight[: len(entry_bias)])
            y.flatten(0, 2)[:, plain].addmm_(x_strided.flatten(0, 2), weight[len(entry_bias) :].t())
        entries = h[..., : len(entry_bias)]
        torch.maximum(entries, -entry_bias, out=entries)
        y[..., pooled].addcmul_(max_of_three(h[..., pooled], self.stride), scale)
        add_dilated(y, h[..., dilated], taps, self.dilations, self.stride)
        return y.movedim(-1, 1)


def max_of_three(x: Tensor, stride: int) -> Tensor:
    """Take the maximum of every `stride`-th frame and its neighbours, of `(B, T, V, C)`."""
    frames = x.shape[1]
    y = x[:, ::stride].clone()
    before, behind = x[:, stride - 1 : frames - 1 : stride], x[:, 1::stride]
    later, earlier = y[:, 1:], y[:, : behind.shape[1]]
    torch.maximum(later, before[:, : later.shape[1]], out=later)
    torch.maximum(earlier, behind, out=earlier)
    return y
