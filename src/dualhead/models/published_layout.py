"""The layout of published checkpoints; each model states its own at the bottom of its file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from dualhead.runtime.errors import CheckpointError
from dualhead.skeleton import Skeleton

Pairs = Iterator[tuple[str, str]]
"""Keys of our state dict, each with the published one."""


@dataclass(frozen=True)
class Shapes:
    """The shapes of a published checkpoint's tensors.

    Attributes:
        name: Name of the model that it is interpreted as.
        state: Published keys to tensors, without a prefix.
        skeleton: The layout of the joints, which shapes do not determine.
        advice: The advice for a missing key.
    """

    name: str
    state: Mapping[str, Tensor] = field(repr=False)
    skeleton: Skeleton
    advice: str = "pass its model, or a complete copy of the file"

    def shape(self, key: str, dimensions: int) -> tuple[int, ...]:
        """Return the shape of a tensor.

        Args:
            key: Its published key.
            dimensions: Number of dimensions that it has.

        Raises:
            CheckpointError: If it is missing, or has other or empty dimensions.
        """
        if key not in self.state:
            raise CheckpointError(
                f"the checkpoint has no {key!r}, so it is not a published checkpoint of {self.name}: {self.advice}"
            )
        found = tuple(self.state[key].shape)
        if len(found) != dimensions or 0 in found:
            raise CheckpointError(
                f"the checkpoint's {key!r} has shape {found}, and should have {dimensions} dimensions of at least 1: "
                "it is damaged, use a complete copy"
            )
        return found

    def count(self, pattern: str) -> int:
        """Count the keys that a pattern gives for the numbers from 0.

        Args:
            pattern: A key with `{}` for the number.
        """
        return sum(pattern.format(number) in self.state for number in range(len(self.state) + 1))


@dataclass(frozen=True)
class PublishedLayout:
    """The names that the published code gives to the parts of a model.

    Attributes:
        keys: Pairs every key of our state dict with the published one, by walking a model's modules.
        arguments: Finds `in_channels` and the variant arguments from the shapes.
        telling: A key that distinguishes the architecture from others, together with the classifier's.
        classifier: The published name of the classifier, the first if there are several.
        classifier_dimensions: Of its weight: 2, or 4 for a 1x1 convolution.
        input_norm: The published name of the input norm.
        tells_bodies: Whether the input norm has channels of its own for every body.
        constants: Matrices of the graph that the published code saves with the weights, by published key.
        counted: Arguments that the size of the file bounds: how many channels or prototypes there are.
    """

    keys: Callable[[Any], Pairs]
    arguments: Callable[[Shapes], dict[str, int]]
    telling: str
    classifier: str = "fc"
    classifier_dimensions: int = 2
    input_norm: str = "data_bn"
    tells_bodies: bool = True
    constants: Callable[[Any], Mapping[str, Tensor]] = lambda model: {}
    counted: tuple[str, ...] = ("width", "num_prototypes")


def trunk_arguments(mixing: str, unit: str, subsets: int = 1) -> Callable[[Shapes], dict[str, int]]:
    """Build the `arguments` of a layout whose model is a trunk of units.

    Args:
        mixing: Key of the first unit's mixing weight, `(subsets * width, in_channels, 1, 1)`.
        unit: Pattern of a key that every unit has.
        subsets: Number of subsets of the neighbourhood in the mixing weight.
    """

    def arguments(shapes: Shapes) -> dict[str, int]:
        rows, channels, _, _ = shapes.shape(mixing, 4)
        return {"width": rows // subsets, "in_channels": channels, "depth": (shapes.count(unit) - 1) // 3}

    return arguments
