"""ProtoGCN: Liu et al., "Revealing Key Details to See Differences: A Novel Prototypical Perspective for Skeleton-based
Action Recognition", CVPR 2025, arXiv 2411.18941.
"""  # noqa: D205

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from einops import rearrange, reduce
from torch import Tensor

from dualhead.layers.prototypes import PrototypeReconstruction
from dualhead.models.base import ModelOutput
from dualhead.models.dgstgcn import DGSTGCN
from dualhead.models.published_keys import leaf_keys, pyskl_keys, pyskl_layout
from dualhead.models.published_layout import Pairs, Shapes
from dualhead.models.registry import register_model
from dualhead.skeleton import Skeleton


class ProtoGCN(DGSTGCN):
    """DG-STGCN whose last graph is also reconstructed from prototypes, in training alone.

    In training mode `forward` returns a `ModelOutput` with the extra "prototypes", `(N, V * V)`, for a contrastive
    objective. In evaluation mode, and once deployed, the model is DG-STGCN.

    Args:
        num_classes: K.
        skeleton: The layout of the V joints, of which the model uses the number alone.
        num_bodies: M; all bodies share the input norm, so that it changes no parameter.
        in_channels: C.
        width: Channels of the first stage, divisible by 8.
        depth: Units in each of the three stages.
        num_prototypes: Prototypes that the last graph is reconstructed from.
        dropout: Share of the pooled features that is dropped in training.
    """

    training_parts: ClassVar[tuple[str, ...]] = ("prototypes",)

    def __init__(
        self,
        num_classes: int,
        skeleton: Skeleton,
        num_bodies: int = 2,
        in_channels: int = 3,
        width: int = 96,
        depth: int = 3,
        num_prototypes: int = 400,
        dropout: float = 0.0,
    ):
        super().__init__(num_classes, skeleton, num_bodies, in_channels, width, depth, dropout)
        self.prototypes = PrototypeReconstruction(width * 4, num_prototypes)

    def pooled(self, x: Tensor) -> list[Tensor]:
        """Return the mean features of bodies, `(B, 4 * width)`, and in training the last graph, `(B, 4 * width * V^2)`.

        Args:
            x: `(B, C, T, V)`, normalised.
        """
        if not self.training:
            return super().pooled(x)
        *units, last = self.units
        for unit in units:
            x = unit(x)
        graph = last.spatial.refinement(x)  # type: ignore[union-attr, operator]
        return [reduce(last(x, graph), "b o t v -> b o", "mean"), graph.flatten(1)]

    def output(self, pooled: Sequence[Tensor]) -> Tensor | ModelOutput:
        """Return logits, and in training what the prototypes make of the last graph."""
        if len(pooled) == 1:
            return super().output(pooled)
        features, graph = pooled
        joints = self.input_norm.joints
        graphs = rearrange(graph, "n (c u v) -> n c u v", u=joints, v=joints)
        return ModelOutput(self.classify([features]), {"prototypes": self.prototypes(graphs)})


def _published_keys(model: ProtoGCN) -> Pairs:
    """Pair the entries, those of the trunk as in DG-STGCN."""
    yield from pyskl_keys(model)
    names = {"mix": "post", "norm": "bn", "query": "prn.query_matrix", "memory": "prn.memory_matrix"}
    for name, published in names.items():
        yield from leaf_keys(model.prototypes.get_submodule(name), f"prototypes.{name}", f"backbone.{published}")


def _published_arguments(shapes: Shapes) -> dict[str, int]:
    """Find the arguments from the shapes."""
    prototypes, _ = shapes.shape("backbone.prn.query_matrix.weight", 2)
    return {**_TRUNK.arguments(shapes), "num_prototypes": prototypes}


_TRUNK = pyskl_layout("pre.0.weight")

_LAYOUT = replace(_TRUNK, keys=_published_keys, arguments=_published_arguments)

register_model(
    "protogcn",
    paper="Liu et al., Revealing Key Details to See Differences: A Novel Prototypical Perspective for Skeleton-based "
    "Action Recognition, CVPR 2025, arXiv 2411.18941",
    frames=100,
    gmacs=5.53,
    published={
        "NTU RGB+D 60 xsub, 6 streams": 93.81,
        "NTU RGB+D 60 xview, 6 streams": 97.76,
        "NTU RGB+D 120 xsub, 6 streams": 90.92,
        "NTU RGB+D 120 xset, 6 streams": 92.16,
        "NTU RGB+D 60 xsub, joint stream": 91.54,
        "NTU RGB+D 60 xview, joint stream": 96.33,
        "NTU RGB+D 120 xsub, joint stream": 85.52,
        "NTU RGB+D 120 xset, joint stream": 88.35,
    },
    published_weights="pyskl",
    layout=_LAYOUT,
)(ProtoGCN)
