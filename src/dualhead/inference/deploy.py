"""The inference form of a model: the same layers with everything made ready that does not depend on the clips."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from dualhead.errors import ConfigError
from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.prepared import PreparedModule
from dualhead.memory import keep_freed_memory
from dualhead.models.base import SkeletonModel

_DTYPES = (torch.float32, torch.bfloat16)
_LENGTHS_KEPT = 64
_KEPT_BYTES = 2**25 - 2**16


class DeployedModel(SkeletonModel):
    """A model that only predicts; `deploy` makes it.

    Batch norms are folded into the convolutions before them, joined weights and permuted matrices are kept, and the
    features of an absent body, which depend on nothing but the length of the clip, are computed once for each length.

    Args:
        model: What to deploy; it is left as it is.
        dtype: Type of the activations between the input norm and the pooling.
    """

    def __init__(self, model: SkeletonModel, dtype: torch.dtype):
        super().__init__()
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.heads = model.heads  # type: ignore[misc]
        self.config, self.provenance, self.dtype = model.config, model.provenance, dtype
        self._absent: dict[tuple[int, int], list[Tensor]] = {}
        for part in self.model.modules():
            if isinstance(part, PreparedModule):
                part.keep()
        for name, child in self.model.named_children():
            if child is not self.model.input_norm and not name.endswith("classifier"):
                child.to(dtype)
        self.train(False)
        keep_freed_memory(_KEPT_BYTES)

    @property
    def input_norm(self):  # type: ignore[no-untyped-def, override]
        """What every clip goes through first."""
        return self.model.input_norm

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Do as the model, in the type of the activations."""
        with torch.no_grad():
            return tuple(h.float() for h in self.model.features(x.to(self.dtype)))

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Do as the model."""
        return self.model.classify(pooled)

    def distinct_bodies(self, clips: Tensor) -> DistinctBodies:
        """Do as the model."""
        return self.model.distinct_bodies(clips)

    @torch.no_grad()
    def forward(self, clips: Tensor) -> Tensor:
        """Classify `(N, C, T, V, M)` as `(N, H, K)`, without gradients."""
        return super().forward(clips)

    def pooled_features(self, x: Tensor, bodies: DistinctBodies) -> list[Tensor]:
        """Do as the model, but for absent bodies, whose features are kept from clip to clip."""
        if not bodies.absent:
            return super().pooled_features(x, bodies)
        frames = x.shape[2]
        kept = {row: (body, frames) for row, body in bodies.absent}
        new = [row for row in range(len(x)) if row not in kept or kept[row] not in self._absent]
        pooled = super().pooled_features(x[new], bodies) if new else []
        rows: list[list[Tensor]] = [[] for _ in self.heads]
        for row in range(len(x)):
            key = kept.get(row)
            if key is not None and key in self._absent:
                vectors = self._absent[key]
            else:
                vectors = [head[new.index(row)] for head in pooled]
                if key is not None:
                    if len(self._absent) >= _LENGTHS_KEPT:
                        self._absent.pop(next(iter(self._absent)))
                    self._absent[key] = [vector.clone() for vector in vectors]
            for head, vector in zip(rows, vectors, strict=True):
                head.append(vector)
        return [torch.stack(head) for head in rows]


def deploy(model: SkeletonModel, dtype: torch.dtype = torch.float32) -> DeployedModel:
    """Give the inference form of a model, with equal outputs.

    Args:
        model: Any model of the registry, on any device; it is left as it is.
        dtype: `torch.float32`, or `torch.bfloat16` for activations and products of half the width.

    Returns:
        A model that takes the same clips, `(N, C, T, V, M)`, and gives the same logits, `(N, H, K)` in float32. It
        takes no gradients and cannot be trained.

    Raises:
        ConfigError: If the type is none of the two.
    """
    if dtype not in _DTYPES:
        raise ConfigError(f"dtype {dtype} cannot be deployed: give torch.float32 or torch.bfloat16")
    return DeployedModel(model, dtype)
