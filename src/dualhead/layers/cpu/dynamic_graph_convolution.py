"""DG-STGCN's graph convolution in inference: a body at a time, whose features lie channels-first in cache alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dualhead.layers.cpu.products import linear
from dualhead.layers.threads import in_threads

if TYPE_CHECKING:
    from dualhead.layers.dynamic_graph_convolution import DynamicGraphConvolution


def dynamic_graph_convolution(layer: DynamicGraphConvolution, x: Tensor) -> Tensor:
    """Compute the layer in evaluation mode and without gradients.

    Args:
        layer: The layer.
        x: `(B, C, T, V)`.

    Returns:
        `(B, O, T, V)`, channels-last in memory.
    """
    related, related_bias, post, post_bias = layer.prepared()
    pre, pre_bias = layer.pre.prepared()
    around = None if isinstance(layer.residual, nn.Identity) else layer.residual.prepared()  # type: ignore[operator]
    rows = x.movedim(1, -1).contiguous()  # (B, T, V, C)
    _, frames, joints, _ = rows.shape
    alpha, beta = layer.alpha[0], layer.beta[0]

    def compute(parts: Sequence[tuple[Tensor, Tensor]]) -> None:
        for body, out in parts:
            nodes, result = body.flatten(0, 1), out.flatten(0, 1)  # (T * V, C) and (T * V, O)
            embedded = torch.addmm(related_bias[:, None], related, body.mean(dim=0).t())  # (2 * O, V)
            sender, receiver = embedded.view(2, layer.groups, -1, joints)
            graph = (sender[..., :, None] - receiver[..., None, :]).tanh_().mul_(alpha)  # (K, O / K, V, V)
            affinity = torch.softmax(sender.transpose(1, 2) @ receiver, dim=-2)
            graph.add_(torch.addcmul(layer.adjacency, affinity, beta)[:, None])
            h = linear(pre, nodes).add_(pre_bias[:, None]).relu_()  # (O, T * V): channels first, no copy
            y = torch.bmm(h.view(-1, frames, joints), graph.flatten(0, 1))
            beside = nodes if around is None else linear(nodes, *around)
            torch.add(linear(y.flatten(1).t(), post, post_bias), beside, out=result).relu_()

    y = rows.new_empty(*rows.shape[:3], len(post))
    in_threads(compute, list(zip(rows, y, strict=True)))
    return y.movedim(-1, 1)
