"""CTR-GCN and DG-STGCN as their papers and their public code state them: the yardstick of `benchmarks.cuda`.

One module for each operation of the formula, channels-first, every body of every clip computed, nothing joined and
nothing reordered. Weights are random: these modules are timed, and their parameter counts are checked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from dualhead.graph import directed_partition
from dualhead.skeleton import NTU25


def convolution(inside: int, outside: int, kernel: int = 1, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """Return a `kernel` x 1 convolution with "same" padding."""
    padding = dilation * (kernel - 1) // 2
    return nn.Conv2d(inside, outside, (kernel, 1), (stride, 1), (padding, 0), (dilation, 1))


def shortcut(inside: int, outside: int, stride: int) -> nn.Module:
    """Return the residual connection of a unit: identity, or a 1x1 convolution with norm where shapes change."""
    if (inside, stride) == (outside, 1):
        return nn.Identity()
    return nn.Sequential(convolution(inside, outside, 1, stride), nn.BatchNorm2d(outside))


class _Topology(nn.Module):
    def __init__(self, inside: int, outside: int):
        super().__init__()
        relations = 8 if inside == 3 else inside // 8
        self.one, self.two = nn.Conv2d(inside, relations, 1), nn.Conv2d(inside, relations, 1)
        self.three, self.four = nn.Conv2d(inside, outside, 1), nn.Conv2d(relations, outside, 1)

    def forward(self, x: Tensor, shared: Tensor, alpha: Tensor) -> Tensor:
        one, two, three = self.one(x).mean(-2), self.two(x).mean(-2), self.three(x)
        topology = self.four(torch.tanh(one.unsqueeze(-1) - two.unsqueeze(-2))) * alpha + shared
        return torch.einsum("ncuv,nctv->nctu", topology, three)


class _CTRGraph(nn.Module):
    def __init__(self, inside: int, outside: int):
        super().__init__()
        self.shared = nn.Parameter(torch.tensor(directed_partition(NTU25), dtype=torch.float32))
        self.alpha = nn.Parameter(torch.zeros(1))
        self.subsets = nn.ModuleList(_Topology(inside, outside) for _ in range(3))
        self.norm, self.down = nn.BatchNorm2d(outside), shortcut(inside, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor | int = 0
        for subset, shared in zip(self.subsets, self.shared, strict=True):
            total = total + subset(x, shared, self.alpha)
        return torch.relu(self.norm(total) + self.down(x))


class _CTRTemporal(nn.Module):
    def __init__(self, channels: int, stride: int):
        super().__init__()
        part = channels // 4

        def start() -> list[nn.Module]:
            return [convolution(channels, part), nn.BatchNorm2d(part), nn.ReLU()]

        branches: list[nn.Module] = [
            nn.Sequential(*start(), convolution(part, part, 5, stride, dilation), nn.BatchNorm2d(part))
            for dilation in (1, 2)
        ]
        branches.append(nn.Sequential(*start(), nn.MaxPool2d((3, 1), (stride, 1), (1, 0)), nn.BatchNorm2d(part)))
        branches.append(nn.Sequential(convolution(channels, part, 1, stride), nn.BatchNorm2d(part)))
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches], dim=1)


class _CTRUnit(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int, first: bool):
        super().__init__()
        self.graph, self.temporal = _CTRGraph(inside, outside), _CTRTemporal(outside, stride)
        self.residual = None if first else shortcut(inside, outside, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.temporal(self.graph(x))
        return torch.relu(y if self.residual is None else y + self.residual(x))


class _DynamicGraph(nn.Module):
    """DG-GCN: a free matrix for each of 8 groups, plus a channel-wise and a group-wise part that the clip decides."""

    groups = 8

    def __init__(self, inside: int, outside: int, joints: int):
        super().__init__()
        self.shared = nn.Parameter(torch.randn(self.groups, joints, joints) * 0.02 + 0.04)
        self.alpha, self.beta = nn.Parameter(torch.zeros(self.groups)), nn.Parameter(torch.zeros(self.groups))
        self.before = nn.Sequential(nn.Conv2d(inside, outside, 1), nn.BatchNorm2d(outside), nn.ReLU())
        self.one, self.two = nn.Conv2d(inside, outside, 1), nn.Conv2d(inside, outside, 1)
        self.after, self.norm = nn.Conv2d(outside, outside, 1), nn.BatchNorm2d(outside)
        self.down = shortcut(inside, outside, 1)

    def forward(self, x: Tensor) -> Tensor:
        batch, _, frames, joints = x.shape
        before = self.before(x).view(batch, self.groups, -1, frames, joints)
        mean = x.mean(dim=2, keepdim=True)
        one = self.one(mean).view(batch, self.groups, -1, joints)
        two = self.two(mean).view(batch, self.groups, -1, joints)
        channelwise = torch.tanh(one.unsqueeze(-1) - two.unsqueeze(-2)) * self.alpha[0]
        groupwise = torch.einsum("nkcv,nkcw->nkvw", one, two).softmax(dim=-2).unsqueeze(2) * self.beta[0]
        matrix = self.shared[None, :, None] + channelwise + groupwise
        y = torch.einsum("nkctv,nkcvw->nkctw", before, matrix).reshape(batch, -1, frames, joints)
        return torch.relu(self.norm(self.after(y)) + self.down(x))


class _DynamicTemporal(nn.Module):
    """DG-TCN: six branches over the joints and their mean, which is added to each joint as far as is learned."""

    def __init__(self, channels: int, stride: int, joints: int):
        super().__init__()
        part = channels // 6
        widths = [channels - 5 * part] + [part] * 5

        def start(width: int) -> list[nn.Module]:
            return [nn.Conv2d(channels, width, 1), nn.BatchNorm2d(width), nn.ReLU()]

        branches: list[nn.Module] = [
            nn.Sequential(*start(width), convolution(width, width, 3, stride, dilation))
            for width, dilation in zip(widths, (1, 2, 3, 4), strict=False)
        ]
        branches.append(nn.Sequential(*start(part), nn.MaxPool2d((3, 1), (stride, 1), (1, 0))))
        branches.append(convolution(channels, part, 1, stride))
        self.branches = nn.ModuleList(branches)
        self.coefficient = nn.Parameter(torch.zeros(joints))
        self.after = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), nn.Conv2d(channels, channels, 1))
        self.norm = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, x.mean(dim=-1, keepdim=True)], dim=-1)
        y = torch.cat([branch(x) for branch in self.branches], dim=1)
        local, common = y[..., :-1], y[..., -1:]
        return self.norm(self.after(local + common * self.coefficient))


class _DynamicUnit(nn.Module):
    def __init__(self, inside: int, outside: int, stride: int, first: bool, joints: int):
        super().__init__()
        self.graph = _DynamicGraph(inside, outside, joints)
        self.temporal = _DynamicTemporal(outside, stride, joints)
        self.residual = None if first else shortcut(inside, outside, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = self.temporal(self.graph(x))
        return torch.relu(y if self.residual is None else y + self.residual(x))


class PlainModel(nn.Module):
    """Ten units between an input norm and a linear classifier.

    Args:
        name: "ctrgcn" or "dgstgcn".
        joints: V.
        bodies: M.
        classes: K.
    """

    def __init__(self, name: str, joints: int = 25, bodies: int = 2, classes: int = 60):
        super().__init__()
        self.per_body = name == "ctrgcn"
        self.norm = nn.BatchNorm1d(3 * joints * (bodies if self.per_body else 1))
        widths, strides = [3, *[64] * 4, *[128] * 3, *[256] * 3], [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]
        units: list[nn.Module] = []
        for number, stride in enumerate(strides):
            shape = widths[number], widths[number + 1], stride, number == 0
            units.append(_CTRUnit(*shape) if name == "ctrgcn" else _DynamicUnit(*shape, joints))
        self.units, self.classifier = nn.Sequential(*units), nn.Linear(256, classes)

    def forward(self, clips: Tensor) -> Tensor:
        """Return the logits `(N, 1, K)` of clips `(N, C, T, V, M)`."""
        batch, channels, frames, joints, bodies = clips.shape
        if self.per_body:
            x = self.norm(clips.permute(0, 4, 3, 1, 2).reshape(batch, bodies * joints * channels, frames))
        else:
            x = self.norm(clips.permute(0, 4, 3, 1, 2).reshape(batch * bodies, joints * channels, frames))
        x = x.view(batch * bodies, joints, channels, frames).permute(0, 2, 3, 1).contiguous()
        pooled = self.units(x).mean(dim=(2, 3)).view(batch, bodies, -1).mean(dim=1)
        logits: Tensor = self.classifier(pooled)
        return logits[:, None]
