"""The keys of published checkpoints, as pairs (ours, theirs) made by walking our modules.

The shapes agree one to one, so a published checkpoint is ours under other names. The names are facts of the published
files; the walk needs no list of a thousand keys.
"""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn

from dualhead.layers.adaptive_graph_convolution import AdaptiveGraphConvolution
from dualhead.layers.dynamic_graph_convolution import DynamicGraphConvolution
from dualhead.layers.graph_convolution import MultiScaleGraphConvolution
from dualhead.layers.learned_graph_convolution import LearnedGraphConvolution
from dualhead.layers.mixed_temporal_convolution import MixedTemporalConvolution
from dualhead.layers.stgc_block import STGCBlock
from dualhead.layers.temporal_convolution import MultiScaleTemporalConvolution, PointwiseNorm
from dualhead.layers.topology_graph_convolution import TopologyGraphConvolution
from dualhead.layers.window_graph_convolution import WindowGraphConvolution
from dualhead.models.agcn import AGCN, AGCNUnit
from dualhead.models.ctrgcn import CTRGCN, CTRGCNUnit
from dualhead.models.dualhead import DualHeadNet
from dualhead.models.msg3d import MSG3D
from dualhead.models.protogcn import ProtoGCN
from dualhead.models.stgcn import STGCN, STGCNUnit
from dualhead.models.unit_trunk import GraphUnit, UnitTrunk

Pairs = Iterator[tuple[str, str]]


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


def dualhead_keys(model: DualHeadNet) -> Pairs:
    """Pair the entries of DualHead-Net."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    blocks = {"stem": "1"} | {f"{head}{level}": f"{level}_{head}" for head in model.heads for level in model.levels}
    for name, suffix in blocks.items():
        yield from block_keys(model.get_submodule(name), name, suffix)  # type: ignore[arg-type]
    leaves = {
        "fine_embed": "embed_fine",
        "fine_classifier": "fc_fine",
        "coarse_classifier": "fc_coarse",
    }
    for level in model.levels:
        leaves |= {
            f"fine{level}_to_coarse{level - 1}.conv": f"conv_ta_fine_to_coarse_block_{level}_to_{level - 1}",
            f"coarse{level}_to_fine{level}.conv": f"conv_sa_coarse_to_fine_block_{level}_to_{level}",
        }
    for ours, theirs in leaves.items():
        yield from leaf_keys(model.get_submodule(ours), ours, theirs)


def msg3d_keys(model: MSG3D) -> Pairs:
    """Pair the entries of MS-G3D."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    for index, block in enumerate(model.blocks):
        assert isinstance(block, STGCBlock)
        yield from block_keys(block, f"blocks.{index}", str(index + 1))
    yield from leaf_keys(model.classifier, "classifier", "fc")


def around_keys(
    module: nn.Module | None, ours: str, theirs: str, conv: str, norm: str, name: str = "residual"
) -> Pairs:
    """Pair the way around a unit, which has entries only where shapes change."""
    if isinstance(module, PointwiseNorm):
        yield from pointwise_norm_keys(module, f"{ours}.residual", f"{theirs}.{name}", conv, norm)


def adaptive_keys(module: AdaptiveGraphConvolution, ours: str, theirs: str) -> Pairs:
    """Pair an adaptive graph convolution."""
    yield f"{ours}.learned_adjacency", f"{theirs}.PA"
    for name, published in {"theta": "conv_a", "phi": "conv_b", "mix": "conv_d"}.items():
        yield from leaf_keys(module.get_submodule(name), f"{ours}.{name}", f"{theirs}.{published}")
    yield from leaf_keys(module.norm, f"{ours}.norm", f"{theirs}.bn")
    yield from around_keys(module.residual, ours, theirs, "0", "1", "down")


def agcn_keys(model: AGCN) -> Pairs:
    """Pair the entries of 2s-AGCN."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    for index, unit in enumerate(model.units):
        assert isinstance(unit, AGCNUnit)
        ours, theirs = f"units.{index}", f"l{index + 1}"
        yield from adaptive_keys(unit.spatial, f"{ours}.spatial", f"{theirs}.gcn1")
        yield from leaf_keys(unit.temporal, f"{ours}.temporal", f"{theirs}.tcn1.conv")
        yield from leaf_keys(unit.norm, f"{ours}.norm", f"{theirs}.tcn1.bn")
        yield from around_keys(unit.residual, ours, theirs, "conv", "bn")
    yield from leaf_keys(model.classifier, "classifier", "fc")


def stgcn_keys(model: STGCN) -> Pairs:
    """Pair the entries of ST-GCN; its masks stand beside the units, not in them."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    for index, unit in enumerate(model.units):
        assert isinstance(unit, STGCNUnit)
        ours, theirs = f"units.{index}", f"st_gcn_networks.{index}"
        yield f"{ours}.spatial.importance", f"edge_importance.{index}"
        yield from leaf_keys(unit.spatial.mix, f"{ours}.spatial.mix", f"{theirs}.gcn.conv")
        yield from leaf_keys(unit.spatial_norm, f"{ours}.spatial_norm", f"{theirs}.tcn.0")
        yield from leaf_keys(unit.temporal, f"{ours}.temporal", f"{theirs}.tcn.2")
        yield from leaf_keys(unit.norm, f"{ours}.norm", f"{theirs}.tcn.3")
        yield from around_keys(unit.residual, ours, theirs, "0", "1")
    yield from leaf_keys(model.classifier, "classifier", "fcn")


def topology_keys(module: nn.Module, ours: str, theirs: str) -> Pairs:
    """Pair a channel-wise topology refinement graph convolution."""
    assert isinstance(module, TopologyGraphConvolution)
    yield f"{ours}.shared", f"{theirs}.PA"
    yield f"{ours}.alpha", f"{theirs}.alpha"
    names = {"receiver": "conv1", "sender": "conv2", "features": "conv3", "topology": "conv4"}
    for index, subset in enumerate(module.subsets):
        for name, child in subset.named_children():
            yield from leaf_keys(child, f"{ours}.subsets.{index}.{name}", f"{theirs}.convs.{index}.{names[name]}")
    yield from leaf_keys(module.norm, f"{ours}.norm", f"{theirs}.bn")
    yield from around_keys(module.residual, ours, theirs, "0", "1", "down")


def ctrgcn_keys(model: CTRGCN) -> Pairs:
    """Pair the entries of CTR-GCN."""
    yield from leaf_keys(model.input_norm, "input_norm", "data_bn")
    for index, unit in enumerate(model.units):
        assert isinstance(unit, CTRGCNUnit)
        ours, theirs = f"units.{index}", f"l{index + 1}"
        yield from topology_keys(unit.spatial, f"{ours}.spatial", f"{theirs}.gcn1")
        yield from temporal_keys(unit.temporal, f"{ours}.temporal", f"{theirs}.tcn1")
        yield from around_keys(unit.residual, ours, theirs, "conv", "bn")
    yield from leaf_keys(model.classifier, "classifier", "fc")


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
    if isinstance(model, ProtoGCN):
        names = {"mix": "post", "norm": "bn", "query": "prn.query_matrix", "memory": "prn.memory_matrix"}
        for name, published in names.items():
            yield from leaf_keys(model.prototypes.get_submodule(name), f"prototypes.{name}", f"backbone.{published}")
    yield from leaf_keys(model.classifier, "classifier", "cls_head.fc_cls")
