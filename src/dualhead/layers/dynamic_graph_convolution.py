"""Dynamic group graph convolution (Duan et al., DG-STGCN, arXiv 2210.05895, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from dualhead.layers.cpu.dynamic_graph_convolution import dynamic_graph_convolution
from dualhead.layers.elementwise import add, relu
from dualhead.layers.fused import fold
from dualhead.layers.norm import BatchNorm, batch_norm, normalise
from dualhead.layers.prepared import PreparedModule, in_place
from dualhead.layers.residual import make_residual
from dualhead.layers.temporal_convolution import PointwiseNorm


class DynamicGraphConvolution(PreparedModule):
    """Groups of channels, each with a graph of its own that is partly learned and partly inferred from each clip.

    Convention: out[c, w] = sum over v of in[c, v] * (adjacency[k] + refinement[c])[v, w] for every channel c of group
    k, where the refinement is alpha * tanh(sender_c[v] - receiver_c[w]) + beta * softmax over v of the sum over the
    group's channels of sender[v] * receiver[w], sender and receiver being averages over time. A 1x1 convolution, norm
    and ReLU come before; a 1x1 convolution, norm, the input (through a 1x1 convolution and norm where the width
    changes) and a ReLU after.

    Args:
        joints: V.
        in_channels: C.
        out_channels: O, divisible by the number of groups.
        groups: K.
    """

    def __init__(self, joints: int, in_channels: int, out_channels: int, groups: int = 8):
        super().__init__()
        if out_channels % groups:
            raise ValueError(f"{out_channels} channels cannot be split into {groups} equal groups")
        self.groups = groups
        self.adjacency = nn.Parameter(torch.randn(groups, joints, joints) * 0.02 + 0.04)
        self.alpha = nn.Parameter(torch.zeros(groups))  # of which the published code uses the first entry only
        self.beta = nn.Parameter(torch.zeros(groups))  # likewise
        self.pre = PointwiseNorm(in_channels, out_channels)
        self.sender = nn.Conv2d(in_channels, out_channels, 1)
        self.receiver = nn.Conv2d(in_channels, out_channels, 1)
        self.post = nn.Conv2d(out_channels, out_channels, 1)
        self.norm = BatchNorm(out_channels)
        self.residual = make_residual(in_channels, out_channels)

    def prepare(self) -> tuple[Tensor, ...]:
        """Return weight `(2 * O, C)` and bias `(2 * O,)` of sender and receiver, then those of the last convolution."""
        assert self.sender.bias is not None
        assert self.receiver.bias is not None
        weight, bias = fold(self.post, self.norm)
        return (
            torch.cat([self.sender.weight, self.receiver.weight]).flatten(1),
            torch.cat([self.sender.bias, self.receiver.bias]),
            weight.flatten(1),
            bias,
        )

    def refinement(self, x: Tensor) -> Tensor:
        """Infer what each clip adds to the learned graphs.

        Args:
            x: `(B, C, T, V)`, the layer's input.

        Returns:
            `(B, O, V, V)`, senders before receivers.
        """
        weight, bias, _, _ = self.prepared()
        mean = rearrange(x.mean(dim=2), "b c v -> b v c")  # averaging commutes with a 1x1 convolution
        embedded = F.linear(mean, weight, bias)  # (B, V, 2 * O)
        sender, receiver = rearrange(embedded, "b v (s k c) -> s b k c v", s=2, k=self.groups)
        difference = torch.tanh(sender[..., :, None] - receiver[..., None, :])  # (B, K, O / K, V, V)
        affinity = torch.softmax(sender.transpose(2, 3) @ receiver, dim=-2)  # (B, K, V, V)
        return (difference * self.alpha[0] + (affinity * self.beta[0])[:, :, None]).flatten(1, 2)

    def forward(self, x: Tensor, refinement: Tensor | None = None) -> Tensor:
        """Convolve.

        A matrix per channel multiplies `(T, V)` planes, so this layer computes on channels-first memory.

        Args:
            x: `(B, C, T, V)`.
            refinement: The result of `refinement` for `x`; None: computed here.

        Returns:
            `(B, O, T, V)`.
        """
        residual_norms = [self.residual.norm] if isinstance(self.residual, PointwiseNorm) else []
        if refinement is None and in_place(x, self.pre.norm, self.norm, *residual_norms):
            return dynamic_graph_convolution(self, x)
        _, _, post, post_bias = self.prepared()
        if refinement is None:
            refinement = self.refinement(x)
        x = x.contiguous()
        h = relu(_planes(x, self.pre.prepared(), [self.pre.norm]))
        graph = self.adjacency.repeat_interleave(h.shape[1] // self.groups, dim=0) + refinement  # (B, O, V, V)
        y = _planes(h @ graph, (post, post_bias), [self.norm])
        if isinstance(self.residual, PointwiseNorm):
            x = _planes(x, self.residual.prepared(), [self.residual.norm])
        return relu(add(y, x))

    def formula(self, x: Tensor, refinement: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """Compute figure 3 of the paper, one operation after the other: `(B, C, T, V)` to `(B, O, T, V)`."""
        h = rearrange(torch.relu(self.pre.formula(x)), "b (k c) t v -> b k c t v", k=self.groups)
        if refinement is None:
            mean = x.mean(dim=2, keepdim=True)
            sender, receiver = (
                rearrange(part, "b (k c) 1 v -> b k c v", k=self.groups)
                for part in (self.sender(mean), self.receiver(mean))
            )
            difference = torch.tanh(sender.unsqueeze(-1) - receiver.unsqueeze(-2)) * self.alpha[0]
            affinity = torch.einsum("bkcu,bkcv->bkuv", sender, receiver).softmax(dim=-2) * self.beta[0]
            refinement = (difference + affinity[:, :, None]).flatten(1, 2)
        graph = self.adjacency[:, None] + rearrange(refinement, "b (k c) u v -> b k c u v", k=self.groups)
        y = rearrange(torch.einsum("bkctv,bkcvw->bkctw", h, graph), "b k c t w -> b (k c) t w")
        around = self.residual.formula(x) if isinstance(self.residual, PointwiseNorm) else x
        return torch.relu(self.norm(self.post(y)) + around)


def _planes(x: Tensor, mixing: tuple[Tensor, ...], norms: Sequence[nn.BatchNorm2d]) -> Tensor:
    """Apply a 1x1 convolution (weight and bias), and the norms in training mode, to contiguous `(B, C, T, V)`."""
    weight, bias = mixing
    kernel = weight[:, :, None, None]
    if all(norm.training for norm in norms):
        return batch_norm(F.conv2d(x, kernel), norms, bias)
    return normalise(F.conv2d(x, kernel, bias), norms)
