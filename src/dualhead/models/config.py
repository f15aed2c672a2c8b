"""The configuration that rebuilds a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from dualhead.skeleton import Skeleton


@dataclass(frozen=True)
class ModelConfig:
    """The arguments of `create_model`: enough to build the same model again.

    Attributes:
        name: Name in the registry.
        num_classes: K.
        skeleton: The layout of the V joints.
        num_bodies: M.
        in_channels: C.
        variant: Further arguments of the architecture.
    """

    name: str
    num_classes: int
    skeleton: Skeleton
    num_bodies: int = 2
    in_channels: int = 3
    variant: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Build from what `to_dict` returned, also after a trip through JSON."""
        return cls(**{**values, "skeleton": Skeleton.from_dict(values["skeleton"])})
