"""The prediction of one recording."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError, unknown


@dataclass(frozen=True)
class ClassProbability:
    """One class and how probable it is.

    Attributes:
        label: Its 0-based number.
        name: Its name.
        probability: 0 to 1.
    """

    label: int
    name: str
    probability: float


@dataclass(frozen=True, eq=False)
class Prediction:
    """The probabilities of one recording's classes.

    Attributes:
        name: The recording's name.
        classes: K class names.
        probabilities: `(K,)`, of the heads' mean and of all streams fused: the prediction.
        heads: `(K,)` by head, all streams fused.
        streams: `(K,)` by stream, of its heads' mean.
        label: The true class where the recording says it, else None.
    """

    name: str
    classes: tuple[str, ...]
    probabilities: NDArray[np.float64]
    heads: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    streams: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    label: int | None = None

    def top(self, k: int = 5, head: str | None = None) -> tuple[ClassProbability, ...]:
        """Return the most probable classes in descending order; of equal ones the lower number first.

        Args:
            k: Number of classes; all, if there are fewer.
            head: A head's name; without, the prediction.

        Returns:
            At most k classes.

        Raises:
            ConfigError: If k is below 1 or there is no such head.
        """
        if k < 1:
            raise ConfigError(f"top_k is {k}: expected 1 or more")
        if head is not None and head not in self.heads:
            raise unknown("head", head, self.heads)
        values = self.probabilities if head is None else self.heads[head]
        order = np.argsort(-values, kind="stable")[:k]
        return tuple(ClassProbability(int(at), self.classes[at], float(values[at])) for at in order)

    def to_dict(self, k: int = 5) -> dict[str, Any]:
        """Convert name, true class and top classes, also per head, to JSON-able values.

        Args:
            k: Number of classes.

        Returns:
            `name`; `label` and `class` where the true class is known; `top`, a list of `label`, `class` and
            `probability`; `heads`, such a list by head.
        """
        truth = {} if self.label is None else {"label": self.label, "class": self.classes[self.label]}
        return {
            "name": self.name,
            **truth,
            "top": [_entry(item) for item in self.top(k)],
            "heads": {head: [_entry(item) for item in self.top(k, head)] for head in self.heads},
        }


def _entry(item: ClassProbability) -> dict[str, Any]:
    return {"label": item.label, "class": item.name, "probability": item.probability}
