"""How many multiplications a model takes, as its paper writes it.

Counted are convolutions, matrix products and linear layers: sums over joints first, then channels, every scale and
subset on its own. Norms, activations, biases and pooling are not. What this package runs is less, because sums that
commute change places and absent bodies need not be computed.
"""

from __future__ import annotations

import math
from functools import singledispatch

from torch import nn

from dualhead.layers.adaptive_graph_convolution import AdaptiveGraphConvolution
from dualhead.layers.gates import SpatialGate, TemporalGate
from dualhead.layers.graph_convolution import MultiScaleGraphConvolution
from dualhead.layers.partition_graph_convolution import PartitionGraphConvolution
from dualhead.layers.stgc_block import STGCBlock
from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution, PointwiseNorm
from dualhead.layers.topology_graph_convolution import TopologyGraphConvolution
from dualhead.layers.window_graph_convolution import WindowGraphConvolution
from dualhead.models.agcn import AGCNUnit
from dualhead.models.base import SkeletonModel
from dualhead.models.ctrgcn import CTRGCNUnit
from dualhead.models.dualhead import DualHeadNet
from dualhead.models.stgcn import STGCNUnit


def count_macs(model: SkeletonModel, frames: int) -> int:
    """Count the multiply-accumulate operations of one clip, from shapes alone.

    Args:
        model: A model made by `create_model`.
        frames: T of the clip; all bodies of the model's configuration are in it.

    Returns:
        The count.
    """
    config = model.config
    joints = config.skeleton.num_joints
    classifiers = [child for name, child in model.named_children() if name.endswith("classifier")]
    trunk = _dualhead(model, frames, joints) if isinstance(model, DualHeadNet) else _chain(model, frames, joints)
    return config.num_bodies * trunk + sum(map(_weights, classifiers))


def _weights(module: nn.Module) -> int:
    """Give the multiplications of a convolution or linear layer for one output position."""
    assert isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear)
    return math.prod(module.weight.shape)


def _after(frames: int, stride: int) -> int:
    return -(-frames // stride)


def _chain(model: SkeletonModel, frames: int, joints: int) -> int:
    """Count the blocks or units that a model runs one after another."""
    (sequence,) = (child for child in model.children() if isinstance(child, nn.Sequential))
    total = 0
    for part in sequence:
        total += _macs(part, frames, joints)
        frames = _after(frames, _stride(part))
    return total


def _dualhead(model: DualHeadNet, frames: int, joints: int) -> int:
    total = _macs(model.stem, frames, joints) + _macs(model.fine_embed, frames, joints)
    for level in model.levels:
        total += _macs(model.get_submodule(f"fine{level}"), frames, joints)
        frames = _after(frames, 2)
        total += _macs(model.get_submodule(f"fine{level}_to_coarse{level - 1}"), frames, joints)
        total += _macs(model.get_submodule(f"coarse{level}"), frames, joints)
        total += _macs(model.get_submodule(f"coarse{level}_to_fine{level}"), 1, joints)
    return total


def _stride(part: nn.Module) -> int:
    """Give the frames between two outputs of a block or unit."""
    if isinstance(part, STGCBlock):
        first = part.spatial[1]
        assert isinstance(first, MultiScaleTemporalConvolution)
        return first.stride
    if isinstance(part, CTRGCNUnit):
        return part.temporal.stride
    assert isinstance(part, AGCNUnit | STGCNUnit)
    return int(part.temporal.stride[0])


@singledispatch
def _macs(module: nn.Module, frames: int, joints: int) -> int:
    """Count for one body with `frames` frames at the input."""
    raise TypeError(f"no rule for {type(module).__name__}: add one here")


@_macs.register
def _(module: nn.Identity, frames: int, joints: int) -> int:
    return 0


@_macs.register
def _(module: nn.Conv2d, frames: int, joints: int) -> int:
    return _weights(module) * _after(frames, int(module.stride[0])) * joints


@_macs.register
def _(module: PointwiseNorm, frames: int, joints: int) -> int:
    return _macs(module.conv, frames, joints)


@_macs.register
def _(module: TemporalGate, frames: int, joints: int) -> int:
    return _weights(module.conv) * frames


@_macs.register
def _(module: SpatialGate, frames: int, joints: int) -> int:
    return _weights(module.conv) * joints


@_macs.register
def _(module: MultiScaleGraphConvolution, frames: int, joints: int) -> int:
    channels = module.mix.in_channels // len(module.adjacency)
    return module.adjacency.numel() * channels * frames + _macs(module.mix, frames, joints)


@_macs.register
def _(module: WindowGraphConvolution, frames: int, joints: int) -> int:
    out = _after(frames, module.stride)
    aggregation = module.adjacency.numel() * (module.mix.in_channels // len(module.adjacency)) * out
    mixing = _weights(module.mix) * out * module.window * joints
    return aggregation + mixing + _weights(module.collapse) * out * joints


@_macs.register
def _(module: MultiScaleTemporalConvolution, frames: int, joints: int) -> int:
    total = _macs(module.plain, frames, joints)
    total += 0 if module.residual is None else _macs(module.residual, frames, joints)
    for branch in [*module.dilated, module.pool]:
        total += _macs(branch.get_submodule("entry"), frames, joints)
    for branch in module.dilated:
        total += _macs(branch.get_submodule("conv"), frames, joints)
    return total


@_macs.register
def _(module: PartitionGraphConvolution, frames: int, joints: int) -> int:
    channels = module.mix.out_channels // len(module.adjacency)
    return _macs(module.mix, frames, joints) + module.adjacency.numel() * channels * frames


@_macs.register
def _(module: AdaptiveGraphConvolution, frames: int, joints: int) -> int:
    convolutions = [*module.theta, *module.phi, *module.mix]
    channels = _first_channels(module.mix)
    products = module.adjacency.numel() * (module.embed_channels + channels) * frames
    around = _macs(module.residual, frames, joints)
    return sum(_macs(convolution, frames, joints) for convolution in convolutions) + products + around


@_macs.register
def _(module: TopologyGraphConvolution, frames: int, joints: int) -> int:
    total = _macs(module.residual, frames, joints)
    for subset in module.subsets:
        for name in ("receiver", "sender", "features"):
            total += _macs(subset.get_submodule(name), frames, joints)
        total += _weights(subset.get_submodule("topology")) * joints**2
        total += module.norm.num_features * frames * joints**2
    return total


@_macs.register
def _(module: STGCBlock, frames: int, joints: int) -> int:
    total = sum(_macs(path, frames, joints) for path in module.windowed)
    graph, strided, second = module.spatial
    total += _macs(graph, frames, joints) + _macs(strided, frames, joints)
    out = _after(frames, _stride(module))
    return total + _macs(second, out, joints) + _macs(module.temporal, out, joints)


@_macs.register(AGCNUnit)
@_macs.register(STGCNUnit)
@_macs.register(CTRGCNUnit)
def _(module: AGCNUnit | STGCNUnit | CTRGCNUnit, frames: int, joints: int) -> int:
    total = _macs(module.spatial, frames, joints) + _macs(module.temporal, frames, joints)
    return total if module.residual is None else total + _macs(module.residual, frames, joints)


def _first_channels(convolutions: nn.ModuleList) -> int:
    first = convolutions[0]
    assert isinstance(first, nn.Conv2d)
    return first.in_channels
