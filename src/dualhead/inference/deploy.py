"""The inference form of a model: the same layers with everything made ready that does not depend on the clips."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.prepared import PreparedModule, is_autocast, without_waiting
from dualhead.layers.threads import alone
from dualhead.models.base import ModelOutput, SkeletonModel
from dualhead.runtime.errors import ConfigError

if TYPE_CHECKING:
    from typing_extensions import Self

_DTYPES = (torch.float32, torch.bfloat16)
_LENGTHS_KEPT = 64

_Key = tuple[int, int, torch.device, torch.dtype | None]
"""An absent body: its number, its frames, where it is computed, and to what autocast lowers it."""


class DeployedModel(SkeletonModel):
    """A model that only predicts; `deploy` makes it.

    Batch norms are folded into the convolutions before them, joined weights and permuted matrices are kept, and the
    features of an absent body, which depend on nothing but the length of the clip, are computed once for each length.

    Args:
        model: The model to deploy; it becomes a part of this one, and is changed.
        dtype: Type of the activations between the input norm and the pooling.
    """

    def __init__(self, model: SkeletonModel, dtype: torch.dtype):
        super().__init__()
        self.model = model.float().eval().requires_grad_(False)
        self.heads, self.shares_frames = model.heads, model.shares_frames  # type: ignore[misc]
        self.config, self.provenance, self.dtype = model.config, model.provenance, dtype
        self._absent: dict[_Key, Sequence[Tensor]] = {}
        self.model.drop_training_parts()
        for part in self.model.modules():
            if isinstance(part, PreparedModule):
                part.keep()
        for name, child in self.model.named_children():
            if child is not self.model.input_norm and not name.endswith("classifier"):
                child.to(dtype)
        self.train(False)

    @property
    def input_norm(self):  # type: ignore[no-untyped-def, override]
        """The input norm, which every clip passes first."""
        return self.model.input_norm

    def train(self, mode: bool = True) -> Self:
        """Raise on training mode, since folded layers cannot be trained; `eval()` changes nothing.

        Raises:
            ConfigError: If `mode` is true.
        """
        if mode:
            raise ConfigError("a deployed model cannot be trained: train the model that it was made from")
        return super().train(False)

    def load_state_dict(self, *_: Any, **__: Any) -> Any:
        """Raise, since the weights exist only in derived tensors.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("a deployed model cannot load other weights: load them into the model and deploy it again")

    def save_pretrained(self, *_: Any, **__: Any) -> Any:
        """Raise, since a model folder holds trainable weights.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError("a deployed model cannot be saved as a checkpoint: save the model that it was made from")

    push_to_hub = save_pretrained
    reset_classifier = load_state_dict

    def features(self, x: Tensor) -> tuple[Tensor, ...]:
        """Compute the features of the model, in the type of the activations."""
        with torch.no_grad():
            return tuple(h.float() for h in self.model.features(x.to(self.dtype)))

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        """Classify features as the model does."""
        return self.model.classify(pooled)

    def distinct_bodies(self, clips: Tensor, known: DistinctBodies | None = None) -> DistinctBodies:
        """Find distinct bodies as the model does."""
        return self.model.distinct_bodies(clips, known)

    @torch.no_grad()
    def forward(self, clips: Tensor, bodies: DistinctBodies | None = None) -> Tensor:
        """Classify `(N, C, T, V, M)` as `(N, H, K)`, without gradients."""
        return ModelOutput.of(super().forward(clips, bodies)).logits

    def pooled_features(self, x: Tensor, bodies: DistinctBodies) -> list[Tensor]:
        """Compute the model's output; the features of absent bodies are cached between clips."""
        if not bodies.absent:
            return super().pooled_features(x, bodies)
        absent, kept = dict(bodies.absent), self._absent
        lowered = torch.get_autocast_dtype(x.device.type) if is_autocast(x) else None
        keys = {row: (body, x.shape[2], x.device, lowered) for row, body in absent.items()}
        rows = {row: kept[key] for row, key in keys.items() if key in kept}
        new = [row for row in range(len(x)) if row not in rows]
        chosen = without_waiting(torch.tensor(new, dtype=torch.int64), x.device)
        pooled = super().pooled_features(x[chosen], bodies) if new else []
        for row, vectors in zip(new, zip(*pooled, strict=True), strict=True):
            rows[row] = vectors
            if row in absent:
                self._keep(keys[row], vectors)
        return [torch.stack([rows[row][head] for row in range(len(x))]) for head in range(len(self.heads))]

    def _keep(self, key: _Key, vectors: Sequence[Tensor]) -> None:
        if len(self._absent) >= _LENGTHS_KEPT:
            self._absent = {}  # a new one: other threads may be reading
        self._absent[key] = [vector.clone() for vector in vectors]


def _multiplies_bfloat16() -> bool:
    if not hasattr(torch.cpu, "get_capabilities"):  # an older PyTorch, without this function
        return True
    return any(torch.cpu.get_capabilities().get(name) for name in ("amx_bf16", "avx512_bf16", "bf16"))


@alone()  # hundreds of small tensors
def deploy(model: SkeletonModel, dtype: torch.dtype = torch.float32, *, inplace: bool = False) -> DeployedModel:
    """Return the inference form of a model, with equal outputs.

    Args:
        model: Any model of the registry, on any device and of any floating type.
        dtype: `torch.float32`, or `torch.bfloat16` for activations and products of half the width where the processor
            or GPU has units for it.
        inplace: Make it of the model itself, which is of no other use then, instead of a copy.

    Returns:
        A model that takes the same clips, `(N, C, T, V, M)`, and gives the same logits, `(N, H, K)` in float32. It
        takes no gradients and cannot be trained.

    Raises:
        ConfigError: If the type is neither of the two, or the model is deployed already.

    Warns:
        UserWarning: If bfloat16 is for a processor without units for it, where it takes ten times as long as float32:
            the form is then in float32.
    """
    if isinstance(model, DeployedModel):
        raise ConfigError("the model is deployed already: deploy the model that it was made from")
    if dtype not in _DTYPES:
        raise ConfigError(f"dtype {dtype} cannot be deployed: expected torch.float32 or torch.bfloat16")
    if dtype == torch.bfloat16 and next(model.parameters()).device.type == "cpu" and not _multiplies_bfloat16():
        warnings.warn("this processor does not support bfloat16: deployed in float32, which is faster", stacklevel=3)
        dtype = torch.float32
    return DeployedModel(model if inplace else copy.deepcopy(model), dtype)
