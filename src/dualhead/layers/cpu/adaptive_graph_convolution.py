"""2s-AGCN's graph convolution in inference: a body and some frames at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from einops import rearrange
from torch import Tensor, nn

from dualhead.layers.aggregate import expanded
from dualhead.layers.cpu.cache import frames_in_cache
from dualhead.layers.cpu.products import linear
from dualhead.layers.threads import in_threads

if TYPE_CHECKING:
    from dualhead.layers.adaptive_graph_convolution import AdaptiveGraphConvolution


def adaptive_graph_convolution(layer: AdaptiveGraphConvolution, x: Tensor) -> Tensor:
    """Compute the layer in evaluation mode and without gradients.

    Args:
        layer: The layer.
        x: `(B, C, T, V)`.

    Returns:
        `(B, O, T, V)`, channels-last in memory.
    """
    fixed, embed, embed_bias, mix, mix_bias = layer.prepared()
    subsets, joints, _ = fixed.shape
    rows = x.movedim(1, -1).contiguous()  # (B, T, V, C)
    around = None if isinstance(layer.residual, nn.Identity) else layer.residual.prepared()  # type: ignore[operator]
    some = frames_in_cache(joints * max(mix.shape))

    def compute(parts: Sequence[tuple[Tensor, Tensor]]) -> None:
        for body, out in parts:
            # channels before frames and joints, so that a product sums over both without a copy
            embedded = linear(embed, body.flatten(0, 1)).add_(embed_bias[:, None])
            theta, phi = embedded.view(2, subsets, -1, joints)  # (S, E * T, V)
            affinity = torch.bmm(theta.transpose(1, 2), phi) / theta.shape[1]
            matrix = rearrange(fixed + torch.softmax(affinity, dim=1), "s v w -> (w s) v")
            for nodes, result in zip(torch.split(body, some), torch.split(out, some), strict=True):
                h = torch.bmm(expanded(matrix, len(nodes)), nodes).view(-1, mix.shape[1])  # (n * W, S * C)
                y = linear(h, mix, mix_bias)
                y += nodes.flatten(0, 1) if around is None else linear(nodes.flatten(0, 1), *around)
                torch.clamp_min(y, 0, out=result.flatten(0, 1))

    y = rows.new_empty(*rows.shape[:3], len(mix))
    in_threads(compute, list(zip(rows, y, strict=True)))
    return y.movedim(-1, 1)
