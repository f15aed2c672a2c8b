"""A model without batch norm, whose results must not depend on how a batch is divided."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from dualhead.layers.bodies import DistinctBodies
from dualhead.models import registry
from dualhead.models.base import SkeletonModel
from dualhead.skeleton import Skeleton


class Plain(SkeletonModel):
    heads: ClassVar[tuple[str, ...]] = ("first", "second")

    def __init__(self, num_classes: int, skeleton: Skeleton, num_bodies: int, in_channels: int, width: int = 8):
        super().__init__()
        self.body = nn.Linear(in_channels * skeleton.num_joints, width)
        self.classifiers = nn.ModuleList([nn.Linear(width, num_classes) for _ in self.heads])

    def forward(self, clips: Tensor, bodies: DistinctBodies | None = None) -> Tensor:
        pooled = clips.std(dim=2).mean(dim=-1).flatten(1)  # (N, C * V)
        hidden = torch.tanh(self.body(pooled))
        return torch.stack([classify(hidden) for classify in self.classifiers], dim=1)


def register_plain() -> None:
    registry.register_model("plain")(Plain)


def forget_plain() -> None:
    registry._MODELS._values.pop("plain", None)
