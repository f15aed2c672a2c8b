"""CTR-GCN's graph convolution in inference: a body at a time, whose features lie channels-first in cache alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dualhead.layers.cpu.products import linear
from dualhead.layers.threads import in_threads

if TYPE_CHECKING:
    from dualhead.layers.topology_graph_convolution import TopologyGraphConvolution


def topology_graph_convolution(layer: TopologyGraphConvolution, x: Tensor) -> Tensor:
    """Compute the layer in evaluation mode and without gradients.

    Args:
        layer: The layer.
        x: `(B, C, T, V)`.

    Returns:
        `(B, O, T, V)`, channels-last in memory.
    """
    weight, bias, shift, relation_weight, relation_bias, topology, topology_bias = layer.prepared()
    subsets, channels, _ = topology.shape
    rows = x.movedim(1, -1).contiguous()  # (B, T, V, C)
    _, frames, joints, _ = rows.shape
    around = None if isinstance(layer.residual, nn.Identity) else layer.residual.prepared()  # type: ignore[operator]

    def compute(parts: Sequence[tuple[Tensor, Tensor]]) -> None:
        for body, out in parts:
            nodes = body.flatten(0, 1)  # (T * V, C)
            related = torch.addmm(relation_bias[:, None], relation_weight, body.mean(dim=0).t())  # (2 * S * R, V)
            receiver, sender = related.view(2, -1, joints)
            relation = (receiver[:, :, None] - sender[:, None]).tanh_()  # (S * R, U, V)
            matrix = torch.baddbmm(topology_bias, topology, relation.view(subsets, -1, joints * joints))
            matrix = matrix.view(subsets, channels, joints, joints).add_(layer.shared[:, None]).transpose(2, 3)
            features = linear(weight.flatten(1), nodes).add_(bias[:, None])  # (O * S, T * V): channels first, no copy
            features = features.view(channels, subsets, frames, joints)
            y = torch.bmm(features[:, 0], matrix[0])  # (O, T, U)
            for subset in range(1, subsets):
                y.baddbmm_(features[:, subset], matrix[subset])
            if around is None:
                torch.add(body, shift, out=out)
            else:
                out.flatten(0, 1).copy_(linear(nodes, around[0], around[1] + shift))
            out.add_(y.permute(1, 2, 0)).relu_()

    y = rows.new_empty(*rows.shape[:3], channels)
    in_threads(compute, list(zip(rows, y, strict=True)))
    return y.movedim(-1, 1)
