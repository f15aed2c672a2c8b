"""The keys of published checkpoints for what several models share, as pairs (ours, theirs) made by walking our modules.

The shapes agree one to one, so a published checkpoint is ours under other names. The names are facts of the published
files; the walk needs no list of a thousand keys.
"""

from __future__ import annotations

from torch import nn

from dualhead.layers.dynamic_graph_convolution import DynamicGraphConvolution
from dualhead.layers.graph_convolution import MultiScaleGraphConvolution
from dualhead.layers.learned_graph_convolution import LearnedGraphConvolution
from dualhead.layers.mixed_temporal_convolution import MixedTemporalConvolution
from dualhead.layers.stgc_block import STGCBlock
from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution, PointwiseNorm
from dualhead.layers.window_graph_convolution import WindowGraphConvolution
from dualhead.models.published_layout import Pairs, PublishedLayout, Shapes, trunk_arguments
from dualhead.models.unit_trunk import GraphUnit, UnitTrunk
from dualhead.runtime.errors import CheckpointError


def leaf_keys(module: nn.Module, ours: str, theirs: str) -> Pairs:
    """Pair the entries of a module whose own names agree (a convolution, a norm, a linear layer)."""
    for name in module.state_dict():
        yield f"{ours}.{name}", f"{theirs}.{name}"


def pointwise_norm_keys(module: PointwiseNorm, ours: str, theirs: str, conv: str = "conv", norm: str = "bn") -> Pairs:
    """Pair a 1x1 convolution and its norm."""
    yield from leaf_keys(module.conv, f"{ours}.conv", f"{theirs}.{conv}")
    yield from leaf_keys(module.norm, f"{ours}.norm", f"{theirs}.{norm}")


def temporal_keys(module: nn.Module, ours: str, theirs: str) -> Pairs:
    """Pair the branches and the residual of a multi-scale temporal convolution."""
    assert isinstance(module, MultiScaleTemporalConvolution)
    for index, branch in enumerate(module.dilated):
        names = {"entry": "0", "entry_norm": "1", "conv": "3.conv", "norm": "3.bn"}
        for name, child in branch.named_children():
            yield from leaf_keys(child, f"{ours}.dilated.{index}.{name}", f"{theirs}.branches.{index}.{names[name]}")
    count = len(module.dilated)
    for name, child in module.pool.named_children():
        names = {"entry": "0", "entry_norm": "1", "norm": "4"}
        yield from leaf_keys(child, f"{ours}.pool.{name}", f"{theirs}.branches.{count}.{names[name]}")
    yield from pointwise_norm_keys(module.plain, f"{ours}.plain", f"{theirs}.branches.{count + 1}", "0", "1")
    if isinstance(module.residual, PointwiseNorm):
        yield from pointwise_norm_keys(module.residual, f"{ours}.residual", f"{theirs}.residual")


def graph_keys(module: MultiScaleGraphConvolution | WindowGraphConvolution, ours: str, theirs: str) -> Pairs:
    """Pair the learned adjacency, the channel mixing and its norm."""
    yield f"{ours}.residual_adjacency", f"{theirs}.A_res"
    yield from leaf_keys(module.mix, f"{ours}.mix", f"{theirs}.mlp.layers.0")
    yield from leaf_keys(module.norm, f"{ours}.norm", f"{theirs}.mlp.layers.1")


def block_keys(module: STGCBlock, ours: str, theirs: str) -> Pairs:
    """Pair an STGC block; `theirs` is the suffix that the published names of its parts share."""
    for index, path in enumerate(module.windowed):
        mine, his = f"{ours}.windowed.{index}", f"gcn3d{theirs}.gcn3d.{index}"
        assert isinstance(path, WindowGraphConvolution)
        yield from graph_keys(path, mine, f"{his}.gcn3d.1")
        yield from leaf_keys(path.collapse, f"{mine}.collapse", f"{his}.out_conv")
        yield from leaf_keys(path.collapse_norm, f"{mine}.collapse_norm", f"{his}.out_bn")
    graph, *temporal = module.spatial
    assert isinstance(graph, MultiScaleGraphConvolution)
    yield from graph_keys(graph, f"{ours}.spatial.0", f"sgcn{theirs}.0")
    for index, convolution in enumerate(temporal, 1):
        assert isinstance(convolution, MultiScaleTemporalConvolution)
        yield from temporal_keys(convolution, f"{ours}.spatial.{index}", f"sgcn{theirs}.{index}")
    yield from temporal_keys(module.temporal, f"{ours}.temporal", f"tcn{theirs}")


def scale_arguments(shapes: Shapes) -> dict[str, int]:
    """Find `in_channels`, the width and the numbers of scales of a model whose first part is an STGC block.

    Raises:
        CheckpointError: If the checkpoint is for another number of joints.
    """
    joints = shapes.skeleton.num_joints
    width, mixed, _, _ = shapes.shape("sgcn1.0.mlp.layers.0.weight", 4)
    rows, columns = shapes.shape("sgcn1.0.A_res", 2)
    if columns != joints:
        raise CheckpointError(f"the checkpoint is for {columns} joints, skeleton {shapes.skeleton.name!r} has {joints}")
    scaled, nodes = shapes.shape("gcn3d1.gcn3d.0.gcn3d.1.A_res", 2)
    hops = max(1, rows // joints)
    return {
        "width": width,
        "in_channels": mixed // hops,
        "num_gcn_scales": hops,
        "num_g3d_scales": max(1, scaled // nodes),
    }


def around_keys(
    module: nn.Module | None, ours: str, theirs: str, conv: str, norm: str, name: str = "residual"
) -> Pairs:
    """Pair the way around a unit, which has entries only where shapes change."""
    if isinstance(module, PointwiseNorm):
        yield from pointwise_norm_keys(module, f"{ours}.residual", f"{theirs}.{name}", conv, norm)


def mixed_temporal_keys(module: MixedTemporalConvolution, ours: str, theirs: str) -> Pairs:
    """Pair a multi-scale temporal convolution whose branches are mixed."""
    if module.coefficient is not None:
        yield f"{ours}.coefficient", f"{theirs}.add_coeff"
    names = {"entry": "0", "entry_norm": "1", "conv": "3.conv"}
    for index, branch in enumerate([*module.dilated, module.pool]):
        mine = f"{ours}.pool" if branch is module.pool else f"{ours}.dilated.{index}"
        for name, child in branch.named_children():
            yield from leaf_keys(child, f"{mine}.{name}", f"{theirs}.branches.{index}.{names[name]}")
    yield from leaf_keys(module.plain, f"{ours}.plain", f"{theirs}.branches.{len(module.dilated) + 1}")
    yield from leaf_keys(module.mix_norm, f"{ours}.mix_norm", f"{theirs}.transform.0")
    yield from leaf_keys(module.mix, f"{ours}.mix", f"{theirs}.transform.2")
    yield from leaf_keys(module.norm, f"{ours}.norm", f"{theirs}.bn")


def dynamic_keys(module: DynamicGraphConvolution, ours: str, theirs: str) -> Pairs:
    """Pair a dynamic group graph convolution."""
    for name, published in {"adjacency": "A", "alpha": "alpha", "beta": "beta"}.items():
        yield f"{ours}.{name}", f"{theirs}.{published}"
    yield from pointwise_norm_keys(module.pre, f"{ours}.pre", f"{theirs}.pre", "0", "1")
    for name, published in {"sender": "conv1", "receiver": "conv2", "post": "post", "norm": "bn"}.items():
        yield from leaf_keys(module.get_submodule(name), f"{ours}.{name}", f"{theirs}.{published}")
    yield from around_keys(module.residual, ours, theirs, "0", "1", "down")


def learned_keys(module: LearnedGraphConvolution, ours: str, theirs: str) -> Pairs:
    """Pair a graph convolution with a freely learned graph."""
    yield f"{ours}.adjacency", f"{theirs}.A"
    yield from leaf_keys(module.mix, f"{ours}.mix", f"{theirs}.conv")
    yield from leaf_keys(module.norm, f"{ours}.norm", f"{theirs}.bn")
    yield from around_keys(module.residual, ours, theirs, "0", "1", "down")


def pyskl_keys(model: UnitTrunk) -> Pairs:
    """Pair the entries of a model of PYSKL."""
    yield from leaf_keys(model.input_norm, "input_norm", "backbone.data_bn")
    for index, unit in enumerate(model.units):
        assert isinstance(unit, GraphUnit)
        ours, theirs = f"units.{index}", f"backbone.gcn.{index}"
        if isinstance(unit.spatial, DynamicGraphConvolution):
            yield from dynamic_keys(unit.spatial, f"{ours}.spatial", f"{theirs}.gcn")
        if isinstance(unit.spatial, LearnedGraphConvolution):
            yield from learned_keys(unit.spatial, f"{ours}.spatial", f"{theirs}.gcn")
        assert isinstance(unit.temporal, MixedTemporalConvolution)
        yield from mixed_temporal_keys(unit.temporal, f"{ours}.temporal", f"{theirs}.tcn")
        yield from around_keys(unit.residual, ours, theirs, "conv", "bn")
    yield from leaf_keys(model.classifier, "classifier", "cls_head.fc_cls")


def pyskl_layout(mixing: str, subsets: int = 1) -> PublishedLayout:
    """Build the layout of a model of PYSKL.

    Args:
        mixing: Key of the first unit's mixing weight, after the unit's own.
        subsets: Number of subsets of the neighbourhood.
    """
    telling = f"backbone.gcn.0.gcn.{mixing}"
    return PublishedLayout(
        pyskl_keys,
        trunk_arguments(telling, "backbone.gcn.{}.gcn.A", subsets),
        telling,
        classifier="cls_head.fc_cls",
        input_norm="backbone.data_bn",
        tells_bodies=False,
    )
