"""Multi-scale temporal convolution whose branches are mixed (Duan et al., PYSKL / ST-GCN++, ACM Multimedia 2022, arXiv
2205.09443; with the mean joint: DG-STGCN, arXiv 2210.05895, section 3.3).
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dualhead.layers.elementwise import relu
from dualhead.layers.fused import fold, fold_all, pointwise, pointwise_norm, scale_and_shift
from dualhead.layers.norm import BatchNorm, normalise
from dualhead.layers.prepared import PreparedModule


class _Branch(nn.Module):
    """Hold the parameters of: 1x1 convolution, norm, ReLU, and a 3x1 convolution where there is a dilation."""

    def __init__(self, in_channels: int, channels: int, dilation: int | None, stride: int):
        super().__init__()
        self.entry = nn.Conv2d(in_channels, channels, 1)
        self.entry_norm = BatchNorm(channels)
        if dilation is not None:
            self.conv = nn.Conv2d(channels, channels, (3, 1), (stride, 1), (dilation, 0), (dilation, 1))


class MixedTemporalConvolution(PreparedModule):
    """Dilated branches, a pooling branch and a plain branch, concatenated; norm, ReLU, 1x1 convolution, norm.

    With the mean joint, the average over joints goes through the branches as one more joint, and every joint takes a
    learned share of what comes out for it: out[v] = local[v] + coefficient[v] * global.

    Args:
        channels: C, shared out among the branches (one per dilation and two more); the first takes what is left over.
        stride: Frames between two outputs.
        dilations: One branch for each.
        mean_joint_of: V, to have the mean joint; None: without it.
    """

    def __init__(
        self,
        channels: int,
        stride: int = 1,
        dilations: Sequence[int] = (1, 2, 3, 4),
        mean_joint_of: int | None = None,
    ):
        super().__init__()
        width = channels // (len(dilations) + 2)
        if not width:
            raise ValueError(f"{channels} channels cannot be shared out among {len(dilations) + 2} branches")
        self.stride = stride
        widths = [channels - width * (len(dilations) + 1)] + [width] * (len(dilations) - 1)
        self.dilated = nn.ModuleList(
            _Branch(channels, wide, dilation, stride) for wide, dilation in zip(widths, dilations, strict=True)
        )
        self.pool = _Branch(channels, width, None, stride)
        self.plain = nn.Conv2d(channels, width, 1, (stride, 1))
        self.coefficient = None if mean_joint_of is None else nn.Parameter(torch.zeros(mean_joint_of))
        self.mix_norm = BatchNorm(channels)
        self.mix = nn.Conv2d(channels, channels, 1)
        self.norm = BatchNorm(channels)

    @property
    def _dilated(self) -> list[_Branch]:
        return list(self.dilated)  # type: ignore[arg-type]

    def prepare(self) -> tuple[Tensor, ...]:
        """Join what the branches have side by side.

        Returns:
            Weight and bias of the joined entries; of the plain branch; of the mixing; the norm's shift `(C, 1, 1)`; its
            scale for the pooling branch `(c, 1, 1)`; then weight and bias of each dilated convolution.
        """
        branches = [*self._dilated, self.pool]
        entries, entry_bias = fold_all([part.entry for part in branches], [part.entry_norm for part in branches])
        mix, mix_bias = fold(self.mix, self.norm)
        # The norm over the concatenation, in evaluation mode, is folded into the branches.
        scale, shift = scale_and_shift(self.mix_norm)
        convolutions = [*(part.conv for part in self._dilated), self.plain]
        widths = [len(convolution.weight) for convolution in convolutions]
        *scales, pool_scale, plain_scale = torch.split(scale, [*widths[:-1], self.pool.entry.out_channels, widths[-1]])
        scaled = [
            tensor
            for convolution, factor in zip(convolutions, [*scales, plain_scale], strict=True)
            if convolution.bias is not None
            for tensor in (convolution.weight * factor[:, None, None, None], convolution.bias * factor)
        ]
        *taps, plain, plain_bias = scaled
        return (
            torch.cat([weight.flatten(1) for weight in entries]),
            entry_bias,
            plain.flatten(1),
            plain_bias,
            mix.flatten(1),
            mix_bias,
            shift[:, None, None],
            pool_scale[:, None, None],
            *taps,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve.

        Args:
            x: `(B, C, T, V)`.

        Returns:
            `(B, C, ceil(T / stride), V)`.
        """
        entry, entry_bias, plain, plain_bias, mix, mix_bias, shift, pool_scale, *taps = self.prepared()
        branches = [*self._dilated, self.pool]
        rows = x.movedim(1, -1)  # (B, T, V, C)
        if self.coefficient is not None:
            rows = torch.cat([rows, rows.mean(dim=2, keepdim=True)], dim=2)
        x = rows.contiguous().movedim(-1, 1)
        h = relu(pointwise_norm(x, entry, entry_bias, [branch.entry_norm for branch in branches]))
        *parts, pooled = torch.split(h, [branch.entry.out_channels for branch in branches], dim=1)
        outs = [
            F.conv2d(part, weight, bias, branch.conv.stride, branch.conv.padding, branch.conv.dilation)
            for part, weight, bias, branch in zip(parts, taps[::2], taps[1::2], self._dilated, strict=True)
        ]
        pooled = F.max_pool2d(pooled, (3, 1), (self.stride, 1), (1, 0))
        outs.append(pooled if self.mix_norm.training else pooled * pool_scale)
        outs.append(pointwise(x[:, :, :: self.stride], plain, plain_bias))
        y = torch.cat(outs, dim=1)
        if self.coefficient is not None:
            y = torch.addcmul(y[..., :-1], self.coefficient, y[..., -1:])
        y = normalise(y, [self.mix_norm]) if self.mix_norm.training else y + shift
        return pointwise_norm(relu(y), mix, mix_bias, [self.norm])

    def formula(self, x: Tensor) -> Tensor:  # type: ignore[override]
        """Compute the branches one after the other: `(B, C, T, V)` to `(B, C, ceil(T / stride), V)`."""
        joints = x.shape[3]
        if self.coefficient is not None:
            x = torch.cat([x, x.mean(dim=3, keepdim=True)], dim=3)
        outs = [branch.conv(torch.relu(branch.entry_norm(branch.entry(x)))) for branch in self._dilated]
        pooled = torch.relu(self.pool.entry_norm(self.pool.entry(x)))
        outs.append(F.max_pool2d(pooled, (3, 1), (self.stride, 1), (1, 0)))
        outs.append(self.plain(x))
        y = torch.cat(outs, dim=1)
        if self.coefficient is not None:
            y = y[..., :joints] + torch.einsum("bct,v->bctv", y[..., joints], self.coefficient)
        result: Tensor = self.norm(self.mix(torch.relu(self.mix_norm(y))))
        return result
