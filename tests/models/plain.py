"""Every published model written out plainly, as its paper has it: for parity, and to count multiplications.

Nothing here knows the package's layers. A model is a function of the published checkpoint's entries, which fix its
width, depth and number of subsets; joints, graphs and scales come from the case. Convolutions are PyTorch's, sums over
joints are written as einsum, every norm, branch and subset is on its own, and absent bodies are computed like others.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor


@dataclass
class Published:
    """Entries of a published checkpoint and what its layers do with them.

    Attributes:
        state: Keys to tensors; norms in training mode update their running statistics in place.
        training: Whether batch norms use the statistics of the batch.
    """

    state: dict[str, Tensor]
    training: bool = False

    def __contains__(self, key: str) -> bool:
        return key in self.state

    def __getitem__(self, key: str) -> Tensor:
        return self.state[key]

    def conv(self, key: str, x: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
        """Convolve over time with same padding; a kernel of one frame is a 1x1 convolution."""
        weight = self[f"{key}.weight"]
        margin = (weight.shape[2] - 1) * dilation // 2
        return F.conv2d(x, weight, self[f"{key}.bias"], (stride, 1), (margin, 0), (dilation, 1))

    def norm(self, key: str, x: Tensor) -> Tensor:
        """Normalise the second dimension."""
        entries = [self[f"{key}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")]
        return F.batch_norm(x, *entries, training=self.training, momentum=0.1, eps=1e-5)

    def linear(self, key: str, x: Tensor) -> Tensor:
        """Map the last dimension."""
        return F.linear(x, self[f"{key}.weight"], self.state.get(f"{key}.bias"))

    def conv_norm(self, key: str, x: Tensor, names: tuple[str, str], stride: int = 1) -> Tensor:
        """Convolve and normalise."""
        return self.norm(f"{key}.{names[1]}", self.conv(f"{key}.{names[0]}", x, stride))


def shared_input_norm(p: Published, key: str, clips: Tensor) -> Tensor:
    """Normalise joints and channels, the same for all bodies: `(N, C, T, V, M)` to `(N * M, C, T, V)`."""
    x = p.norm(key, rearrange(clips, "n c t v m -> (n m) (v c) t"))
    return rearrange(x, "b (v c) t -> b c t v", v=clips.shape[3])


def pooled(x: Tensor, bodies: int) -> Tensor:
    """Average over frames, joints and then bodies: `(N * M, C, T, V)` to `(N, C)`."""
    return reduce(reduce(x, "b c t v -> b c", "mean"), "(n m) c -> n c", "mean", m=bodies)


def mixed_temporal(p: Published, key: str, x: Tensor, stride: int) -> Tensor:
    """Multi-scale temporal convolution of ST-GCN++; with the mean joint where there is a coefficient for it."""
    joints, coefficient = x.shape[3], f"{key}.add_coeff"
    if coefficient in p:
        x = torch.cat([x, x.mean(dim=3, keepdim=True)], dim=3)
    outs = []
    for index in range(5):
        h = torch.relu(p.conv_norm(f"{key}.branches.{index}", x, ("0", "1")))
        if index < 4:
            outs.append(p.conv(f"{key}.branches.{index}.3.conv", h, stride, dilation=index + 1))
        else:
            outs.append(F.max_pool2d(h, (3, 1), (stride, 1), (1, 0)))
    outs.append(p.conv(f"{key}.branches.5", x, stride))
    y = torch.cat(outs, dim=1)
    if coefficient in p:
        y = y[..., :joints] + torch.einsum("nct,v->nctv", y[..., joints], p[coefficient])
    return p.norm(f"{key}.bn", p.conv(f"{key}.transform.2", torch.relu(p.norm(f"{key}.transform.0", y))))


def around(p: Published, key: str, x: Tensor, names: tuple[str, str], stride: int = 1) -> Tensor:
    """Return the residual: a convolution and norm where the checkpoint has them, the input elsewhere."""
    return p.conv_norm(key, x, names, stride) if f"{key}.{names[0]}.weight" in p else x


def learned_graph(p: Published, key: str, x: Tensor) -> Tensor:
    """Graph convolution of ST-GCN++."""
    graph = p[f"{key}.A"]
    h = rearrange(p.conv(f"{key}.conv", x), "n (k c) t v -> n k c t v", k=len(graph))
    y = p.norm(f"{key}.bn", torch.einsum("nkctv,kvw->nctw", h, graph))
    return torch.relu(y + around(p, f"{key}.down", x, ("0", "1")))


def dynamic_graph(p: Published, key: str, x: Tensor) -> tuple[Tensor, Tensor]:
    """Graph convolution of DG-STGCN; also return what the clip adds to the learned graph, `(N, O, V, V)`."""
    graph = p[f"{key}.A"]
    h = torch.relu(p.conv_norm(f"{key}.pre", x, ("0", "1")))
    mean = x.mean(dim=2, keepdim=True)
    one, other, h = (
        rearrange(part, "n (k c) t v -> n k c t v", k=len(graph))
        for part in (p.conv(f"{key}.conv1", mean), p.conv(f"{key}.conv2", mean), h)
    )
    one, other = one.squeeze(3), other.squeeze(3)
    difference = torch.tanh(one[..., :, None] - other[..., None, :]) * p[f"{key}.alpha"][0]
    affinity = torch.einsum("nkcu,nkcv->nkuv", one, other).softmax(dim=-2) * p[f"{key}.beta"][0]
    clip = difference + affinity[:, :, None]
    y = rearrange(torch.einsum("nkctv,nkcvw->nkctw", h, graph[:, None] + clip), "n k c t w -> n (k c) t w")
    y = p.norm(f"{key}.bn", p.conv(f"{key}.post", y))
    return torch.relu(y + around(p, f"{key}.down", x, ("0", "1"))), clip.flatten(1, 2)


def pyskl(p: Published, clips: Tensor) -> Tensor:
    """ST-GCN++, DG-STGCN and ProtoGCN: logits `(N, 1, K)`."""
    x, index, clip = shared_input_norm(p, "backbone.data_bn", clips), 0, clips
    while f"backbone.gcn.{index}.gcn.A" in p:
        key = f"backbone.gcn.{index}"
        if f"{key}.gcn.pre.0.weight" in p:
            y, clip = dynamic_graph(p, f"{key}.gcn", x)
        else:
            y = learned_graph(p, f"{key}.gcn", x)
        stride = 2 if index and y.shape[1] > x.shape[1] else 1
        y = mixed_temporal(p, f"{key}.tcn", y, stride)
        x = torch.relu(y + around(p, f"{key}.residual", x, ("conv", "bn"), stride) if index else y)
        index += 1
    if "backbone.post.weight" in p and p.training:
        prototypes(p, reduce(clip, "(n m) c u v -> n c u v", "mean", m=clips.shape[4]))
    return p.linear("cls_head.fc_cls", pooled(x, clips.shape[4]))[:, None]


def prototypes(p: Published, clip: Tensor) -> Tensor:
    """Reconstruct a graph `(N, C, V, V)` from prototypes, as ProtoGCN does in training: `(N, V * V)`; no dropout."""
    rows = rearrange(clip, "n c u v -> n (u v) c")
    z = p.linear("backbone.prn.memory_matrix", p.linear("backbone.prn.query_matrix", rows).softmax(dim=-1))
    z = rearrange(z, "n (u v) c -> n c u v", u=clip.shape[2])
    return torch.relu(p.conv_norm("backbone", z, ("post", "bn"))).mean(dim=1).flatten(1)
