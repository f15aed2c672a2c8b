"""Checkpoints of models that are small enough to be exported in seconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

from dualhead.exporting.tracing import Traced, trace
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.registry import create_model

SMALL: dict[str, dict[str, Any]] = {
    "dualhead": {"width": 6, "depth": 2, "num_gcn_scales": 2, "num_g3d_scales": 2},
    "msg3d": {"width": 6, "depth": 2, "num_gcn_scales": 2, "num_g3d_scales": 2},
    "agcn": {"width": 4, "depth": 1},
    "stgcn": {"width": 4, "depth": 1},
    "ctrgcn": {"width": 16, "depth": 1},
    "stgcnpp": {"width": 6, "depth": 1},
    "dgstgcn": {"width": 8, "depth": 1},
    "protogcn": {"width": 8, "depth": 1, "num_prototypes": 5},
}
"""Variants of each architecture."""

CLASSES = ["sit down", "stand up", "wäve"]


def make_model(name: str) -> SkeletonModel:
    """A model whose running statistics have seen a batch, so that its logits are of the usual size."""
    torch.manual_seed(0)
    model = create_model(name, num_classes=len(CLASSES), skeleton="ntu25", **SMALL[name])
    with torch.no_grad():
        for _ in range(20):
            model.train()(torch.randn(4, 3, 16, 25, 2))
    return model.eval()


def make_checkpoint(path: Path, name: str, recipe: str = "resample16") -> Path:
    facts = {"recipe": recipe, "stream": "bone", "classes": CLASSES, "dataset": "ntu60"}
    save_checkpoint(path, make_model(name), facts)
    return path


@cache
def traced_stgcn() -> Traced:
    """The smallest model as a graph; nothing changes it."""
    return trace(make_model("stgcn"), 16)
