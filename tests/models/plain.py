"""Every published model written out plainly, as its paper has it: for parity, and to count multiplications.

Nothing here knows the package's layers or graphs. A model is a function of the published checkpoint's entries, which
fix its width, depth, scales and windows, and of the skeleton's edges. Convolutions are PyTorch's, sums over joints are
written as einsum, every norm, branch and subset is on its own, and absent bodies are computed like any other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange, reduce
from torch import Tensor

from dualhead.skeleton import Skeleton


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


def pyskl(p: Published, clips: Tensor, skeleton: Skeleton) -> Tensor:
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


def input_norm(p: Published, clips: Tensor) -> Tensor:
    """Normalise bodies, joints and channels: `(N, C, T, V, M)` to `(N * M, C, T, V)`."""
    bodies, joints = clips.shape[4], clips.shape[3]
    x = p.norm("data_bn", rearrange(clips, "n c t v m -> n (m v c) t"))
    return rearrange(x, "n (m v c) t -> (n m) c t v", m=bodies, v=joints)


def directed(skeleton: Skeleton, like: Tensor) -> Tensor:
    """Return identity, inward and outward graph `(3, V, V)`: inward[parent, child], columns divided by their sums."""
    inward = like.new_zeros(skeleton.num_joints, skeleton.num_joints)
    for child, parent in skeleton.edges:
        inward[parent, child] = 1
    graphs = [torch.eye(len(inward)).to(inward), inward, inward.t()]
    return torch.stack([graph / graph.sum(dim=0).clamp(min=1) for graph in graphs])


def agcn(p: Published, clips: Tensor, skeleton: Skeleton) -> Tensor:
    """2s-AGCN: logits `(N, 1, K)`."""
    x, graph, number = input_norm(p, clips), directed(skeleton, p["data_bn.weight"]), 1
    while f"l{number}.gcn1.PA" in p:
        key = f"l{number}.gcn1"
        total = torch.zeros(())
        for subset in range(3):
            one, other = p.conv(f"{key}.conv_a.{subset}", x), p.conv(f"{key}.conv_b.{subset}", x)
            affinity = torch.einsum("nctv,nctw->nvw", one, other) / (one.shape[1] * one.shape[2])
            matrix = graph[subset] + p[f"{key}.PA"][subset] + affinity.softmax(dim=-2)
            total = total + p.conv(f"{key}.conv_d.{subset}", torch.einsum("nctv,nvw->nctw", x, matrix))
        y = torch.relu(p.norm(f"{key}.bn", total) + around(p, f"{key}.down", x, ("0", "1")))
        stride = 2 if number > 1 and y.shape[1] > x.shape[1] else 1
        y = p.conv_norm(f"l{number}.tcn1", y, ("conv", "bn"), stride)
        x = torch.relu(y + around(p, f"l{number}.residual", x, ("conv", "bn"), stride) if number > 1 else y)
        number += 1
    return p.linear("fc", pooled(x, clips.shape[4]))[:, None]


def spatial_partition(skeleton: Skeleton, like: Tensor) -> Tensor:
    """Return ST-GCN's three graphs `(3, V, V)` as its code has them, which sees one hop from the centre alone."""
    count = skeleton.num_joints
    graph = torch.eye(count, dtype=torch.float64)
    for child, parent in skeleton.edges:
        graph[child, parent] = graph[parent, child] = 1
    normal = graph / graph.sum(dim=0)
    near = [0 if joint == skeleton.centre else 1 if graph[joint, skeleton.centre] else 2 for joint in range(count)]
    parts = torch.zeros(3, count, count, dtype=torch.float64)
    for source in range(count):
        for target in range(count):
            part = 0 if source == target else 1 if near[source] >= near[target] else 2
            parts[part, source, target] = normal[source, target]
    return parts.to(like)


def stgcn(p: Published, clips: Tensor, skeleton: Skeleton) -> Tensor:
    """ST-GCN without dropout: logits `(N, 1, K)`."""
    x, graph, number = shared_input_norm(p, "data_bn", clips), spatial_partition(skeleton, p["data_bn.weight"]), 0
    while f"edge_importance.{number}" in p:
        key = f"st_gcn_networks.{number}"
        h = rearrange(p.conv(f"{key}.gcn.conv", x), "n (k c) t v -> n k c t v", k=3)
        y = torch.einsum("nkctv,kvw->nctw", h, graph * p[f"edge_importance.{number}"])
        stride = 2 if number and y.shape[1] > x.shape[1] else 1
        y = p.norm(f"{key}.tcn.3", p.conv(f"{key}.tcn.2", torch.relu(p.norm(f"{key}.tcn.0", y)), stride))
        x = torch.relu(y + around(p, f"{key}.residual", x, ("0", "1"), stride) if number else y)
        number += 1
    features = pooled(x, clips.shape[4])[:, :, None, None]
    return p.conv("fcn", features).flatten(1)[:, None]


def multi_scale_temporal(
    p: Published, key: str, x: Tensor, stride: int = 1, residual: bool = True, activation: bool = True
) -> Tensor:
    """Multi-scale temporal convolution of MS-G3D and CTR-GCN, with as many dilations as the checkpoint has."""
    outs, number = [], 0
    while f"{key}.branches.{number}.3.conv.weight" in p:
        branch = f"{key}.branches.{number}"
        h = torch.relu(p.conv_norm(branch, x, ("0", "1")))
        outs.append(p.norm(f"{branch}.3.bn", p.conv(f"{branch}.3.conv", h, stride, dilation=number + 1)))
        number += 1
    branch = f"{key}.branches.{number}"
    h = torch.relu(p.conv_norm(branch, x, ("0", "1")))
    outs.append(p.norm(f"{branch}.4", F.max_pool2d(h, (3, 1), (stride, 1), (1, 0))))
    outs.append(p.conv_norm(f"{key}.branches.{number + 1}", x, ("0", "1"), stride))
    y = torch.cat(outs, dim=1)
    if residual:
        y = y + around(p, f"{key}.residual", x, ("conv", "bn"), stride)
    return torch.relu(y) if activation else y


def ctrgcn(p: Published, clips: Tensor, skeleton: Skeleton) -> Tensor:
    """CTR-GCN: logits `(N, 1, K)`."""
    x, number = input_norm(p, clips), 1
    while f"l{number}.gcn1.PA" in p:
        key = f"l{number}.gcn1"
        total = torch.zeros(())
        for subset in range(3):
            conv = f"{key}.convs.{subset}.conv"
            receiver, sender = (p.conv(f"{conv}{index}", x).mean(dim=2) for index in (1, 2))
            relation = p.conv(f"{conv}4", torch.tanh(receiver[:, :, :, None] - sender[:, :, None, :]))
            matrix = relation * p[f"{key}.alpha"] + p[f"{key}.PA"][subset]
            total = total + torch.einsum("ncuv,nctv->nctu", matrix, p.conv(f"{conv}3", x))
        y = torch.relu(p.norm(f"{key}.bn", total) + around(p, f"{key}.down", x, ("0", "1")))
        stride = 2 if number > 1 and y.shape[1] > x.shape[1] else 1
        y = multi_scale_temporal(p, f"l{number}.tcn1", y, stride, residual=False, activation=False)
        x = torch.relu(y + around(p, f"l{number}.residual", x, ("conv", "bn"), stride) if number > 1 else y)
        number += 1
    return p.linear("fc", pooled(x, clips.shape[4]))[:, None]


def hops(edges: Tensor) -> Tensor:
    """Count the edges between every two nodes of a graph `(V, V)` of zeros and ones; -1 where there is no way."""
    linked = edges > 0
    distances, frontier, distance = torch.full(edges.shape, -1), torch.eye(len(edges)) > 0, 0
    while bool(frontier.any()):
        distances[frontier] = distance
        reached = (frontier[:, :, None] & linked[None]).any(dim=1)  # no product, which would count as one of the model
        frontier, distance = reached & (distances < 0), distance + 1
    return distances


def scales(p: Published, key: str, edges: Tensor) -> Tensor:
    """Return the normalised k-hop graphs and what is learned beside them, `(S, V, V)`."""
    learned = rearrange(p[f"{key}.A_res"], "(s u) v -> s u v", u=len(edges))
    distances, one = hops(edges), torch.eye(len(edges))
    graphs = [one, *(((distances == hop) | (one > 0)).double() for hop in range(1, len(learned)))]
    normal = [graph / (graph.sum(1)[:, None] * graph.sum(0)[None]).sqrt() for graph in graphs]
    return torch.stack(normal).to(learned) + learned


def aggregated(p: Published, key: str, x: Tensor, edges: Tensor) -> Tensor:
    """Aggregate nodes at every scale and mix: `(N, C, T, V)` to `(N, O, T, V)`."""
    y = rearrange(torch.einsum("suv,nctv->nsctu", scales(p, key, edges), x), "n s c t u -> n (s c) t u")
    return torch.relu(p.conv_norm(f"{key}.mlp", y, ("layers.0", "layers.1")))


def windowed(p: Published, key: str, x: Tensor, edges: Tensor, stride: int) -> Tensor:
    """G3D: a graph convolution over windows of frames, collapsed by a convolution over the window."""
    weight = p[f"{key}.out_conv.weight"]  # (O, C, 1, W, 1)
    window = weight.shape[3]
    padded = F.pad(x, (0, 0, window // 2, window // 2))
    frames = padded.unfold(2, window, stride)  # (N, C, T', V, W)
    h = aggregated(p, f"{key}.gcn3d.1", rearrange(frames, "n c t v w -> n c t (w v)"), edges.repeat(window, window))
    h = rearrange(h, "n c t (w v) -> n c t w v", w=window)
    return p.norm(f"{key}.out_bn", F.conv3d(h, weight, p[f"{key}.out_conv.bias"]).squeeze(3))


def block(p: Published, suffix: str, x: Tensor, edges: Tensor, stride: int) -> Tensor:
    """STGC block of MS-G3D, with as many windows as the checkpoint has."""
    h = aggregated(p, f"sgcn{suffix}.0", x, edges)
    h = multi_scale_temporal(p, f"sgcn{suffix}.1", h, stride)
    y, number = multi_scale_temporal(p, f"sgcn{suffix}.2", h, activation=False), 0
    while f"gcn3d{suffix}.gcn3d.{number}.out_conv.weight" in p:
        loops = edges + torch.eye(len(edges))
        y = y + windowed(p, f"gcn3d{suffix}.gcn3d.{number}", x, loops, stride)
        number += 1
    return multi_scale_temporal(p, f"tcn{suffix}", torch.relu(y))


def both_ways(skeleton: Skeleton) -> Tensor:
    """Return the graph `(V, V)` of the edges in both directions, without loops."""
    edges = torch.zeros(skeleton.num_joints, skeleton.num_joints)
    for child, parent in skeleton.edges:
        edges[child, parent] = edges[parent, child] = 1
    return edges


def msg3d(p: Published, clips: Tensor, skeleton: Skeleton) -> Tensor:
    """MS-G3D: logits `(N, 1, K)`."""
    x, edges, number = input_norm(p, clips), both_ways(skeleton), 1
    while f"sgcn{number}.0.A_res" in p:
        x = block(p, str(number), x, edges, stride=1 if number == 1 else 2)
        number += 1
    return p.linear("fc", pooled(x, clips.shape[4]))[:, None]


def gated(p: Published, key: str, receiver: Tensor, sender: Tensor, over: str) -> Tensor:
    """Let a sender say where a receiver is strengthened: over time, or over joints."""
    mean = sender.mean(dim=3 if over == "time" else 2)
    weight = p[f"{key}.weight"]
    gate = torch.sigmoid(F.conv1d(mean, weight, p[f"{key}.bias"], padding=weight.shape[2] // 2))  # (N, 1, T or V)
    return receiver * (gate[:, :, :, None] if over == "time" else gate[:, :, None, :]) + receiver


def dualhead(p: Published, clips: Tensor, skeleton: Skeleton) -> Tensor:
    """DualHead-Net: logits `(N, 2, K)`, fine before coarse."""
    edges = both_ways(skeleton)
    stem = block(p, "1", input_norm(p, clips), edges, stride=1)
    fine, coarse, level = p.conv("embed_fine", stem), stem[:, :, ::2], 2
    while f"sgcn{level}_fine.0.A_res" in p:
        fine = block(p, f"{level}_fine", fine, edges, stride=2)
        coarse = gated(p, f"conv_ta_fine_to_coarse_block_{level}_to_{level - 1}", coarse, fine, "time")
        coarse = block(p, f"{level}_coarse", coarse, edges, stride=2)
        fine = gated(p, f"conv_sa_coarse_to_fine_block_{level}_to_{level}", fine, coarse, "joints")
        level += 1
    bodies = clips.shape[4]
    return torch.stack(
        [p.linear("fc_fine", pooled(fine, bodies)), p.linear("fc_coarse", pooled(coarse, bodies))], dim=1
    )


PLAIN: dict[str, Callable[[Published, Tensor, Skeleton], Tensor]] = {
    "agcn": agcn,
    "ctrgcn": ctrgcn,
    "dgstgcn": pyskl,
    "dualhead": dualhead,
    "msg3d": msg3d,
    "protogcn": pyskl,
    "stgcn": stgcn,
    "stgcnpp": pyskl,
}
"""Every architecture by its name in the registry."""
