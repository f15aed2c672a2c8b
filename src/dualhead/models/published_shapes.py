"""What the shapes of a published checkpoint say of the model that it belongs to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dualhead.models.registry import model_entries, variant_arguments
from dualhead.runtime.errors import CheckpointError
from dualhead.skeleton import Skeleton

_CLASSIFIERS = {
    "DualHeadNet": "fc_fine",
    "MSG3D": "fc",
    "AGCN": "fc",
    "STGCN": "fcn",
    "CTRGCN": "fc",
    "STGCNPlusPlus": "cls_head.fc_cls",
    "DGSTGCN": "cls_head.fc_cls",
    "ProtoGCN": "cls_head.fc_cls",
}
_FIRST_MIXING = {
    "DualHeadNet": "sgcn1.0.mlp.layers.0",
    "MSG3D": "sgcn1.0.mlp.layers.0",
    "AGCN": "l1.gcn1.conv_d.0",
    "STGCN": "st_gcn_networks.0.gcn.conv",
    "CTRGCN": "l1.gcn1.convs.0.conv3",
    "STGCNPlusPlus": "backbone.gcn.0.gcn.conv",
    "DGSTGCN": "backbone.gcn.0.gcn.pre.0",
    "ProtoGCN": "backbone.gcn.0.gcn.pre.0",
}
_UNITS = {
    "AGCN": "l{}.gcn1.PA",
    "STGCN": "edge_importance.{}",
    "CTRGCN": "l{}.gcn1.PA",
    "STGCNPlusPlus": "backbone.gcn.{}.gcn.A",
    "DGSTGCN": "backbone.gcn.{}.gcn.A",
    "ProtoGCN": "backbone.gcn.{}.gcn.A",
}
_SHARED_INPUT_NORM = ("STGCN", "STGCNPlusPlus", "DGSTGCN", "ProtoGCN")
_SUBSETS = 3
_MOST_DEPTH = 100
"""The deepest model that is made of a checkpoint: ten times the published ones."""


def infer_arguments(name: str, state: Mapping[str, Tensor], skeleton: Skeleton) -> dict[str, Any]:
    """Find the arguments of `create_model` from the shapes of published tensors.

    Args:
        name: The model's name in the registry.
        state: Published keys to tensors, without prefix.
        skeleton: The layout of its joints, which shapes cannot tell.

    Returns:
        `num_classes`, `in_channels`, `num_bodies` (but for models whose weights are the same for any), and those
        variant arguments that differ from the model's defaults.

    Raises:
        CheckpointError: If a tensor that says so is missing or does not fit the skeleton, or no such model can be.
    """
    entry = model_entries()[name]
    kind = entry.architecture.__name__
    joints = skeleton.num_joints

    def shape(key: str, dimensions: int) -> tuple[int, ...]:
        if key not in state:
            raise CheckpointError(
                f"the checkpoint has no {key!r}, so it is no published checkpoint of {name}: {_advice(kind, state)}"
            )
        found = tuple(state[key].shape)
        if len(found) != dimensions or 0 in found:
            raise CheckpointError(
                f"the checkpoint's {key!r} has shape {found}, and should have {dimensions} dimensions of at least 1: "
                "it is damaged, take a whole copy"
            )
        return found

    width, mixed, *_ = shape(f"{_FIRST_MIXING[kind]}.weight", 4)
    found: dict[str, Any] = {"width": width}
    channels = mixed
    if kind in ("STGCN", "STGCNPlusPlus"):
        found["width"] = width // _SUBSETS
    if kind in ("DualHeadNet", "MSG3D"):
        rows, columns = shape("sgcn1.0.A_res", 2)
        if columns != joints:
            raise CheckpointError(f"the checkpoint is for {columns} joints, skeleton {skeleton.name!r} has {joints}")
        scaled, nodes = shape("gcn3d1.gcn3d.0.gcn3d.1.A_res", 2)
        found |= {"num_gcn_scales": max(1, rows // joints), "num_g3d_scales": max(1, scaled // nodes)}
        channels = mixed // found["num_gcn_scales"]
    if kind == "DualHeadNet":
        found["depth"] = 1 + sum(f"sgcn{block}_fine.0.A_res" in state for block in range(2, len(state)))
    if kind == "MSG3D":
        found["depth"] = sum(f"sgcn{block}.0.A_res" in state for block in range(1, len(state)))
    if kind == "ProtoGCN":
        found["num_prototypes"], _ = shape("backbone.prn.query_matrix.weight", 2)
    if kind in _UNITS:
        unit = _UNITS[kind]
        found["depth"] = (sum(unit.format(index) in state for index in range(len(state))) - 1) // 3
    defaults = variant_arguments(entry)
    for key, value in found.items():
        # scales are distances in the skeleton: those beyond its longest path are empty
        most = _MOST_DEPTH if key == "depth" else max(joints, defaults[key])
        if value > most and key != "width":  # of which the size of the file says enough
            raise CheckpointError(
                f"the checkpoint's shapes say that {key} is {value}, and {name} on the {joints} joints of "
                f"{skeleton.name!r} has at most {most}: it is damaged, take a whole copy"
            )
    arguments = {key: value for key, value in found.items() if value != defaults[key]}
    classes, *_ = shape(f"{_CLASSIFIERS[kind]}.weight", 4 if kind == "STGCN" else 2)
    arguments |= {"num_classes": classes, "in_channels": channels}
    (normed,) = shape("backbone.data_bn.weight" if "backbone.data_bn.weight" in state else "data_bn.weight", 1)
    bodies, rest = divmod(normed, channels * joints) if channels else (0, 0)
    if rest or not bodies:
        raise CheckpointError(
            f"the checkpoint's data_bn has {normed} channels, no multiple of {joints} joints with "
            f"{channels} coordinates: it is not for skeleton {skeleton.name!r}"
        )
    if kind not in _SHARED_INPUT_NORM:
        arguments["num_bodies"] = bodies
    return arguments


def _advice(wanted: str, state: Mapping[str, Tensor]) -> str:
    """Say of which other architecture the keys are, where they are of one, or that they are ours."""
    if "input_norm.weight" in state:
        return "it is a checkpoint of this package already, which converts to .pt or .pth"
    for name, entry in model_entries().items():
        kind = entry.architecture.__name__
        whole = f"{_FIRST_MIXING[kind]}.weight" in state and f"{_CLASSIFIERS[kind]}.weight" in state
        if kind != wanted and whole:
            return f"its keys are those of {name}"
    return "give the model that it is of, or a whole copy"
