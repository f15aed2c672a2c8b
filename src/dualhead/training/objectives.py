"""Objectives of training: a registry of losses over the logits of all heads and the extras of a model.

An objective is a module, so that it may own parameters and buffers of its own: they are trained with the model's, go
into the state that a run is resumed from, and stay out of the checkpoints for use.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dualhead.models.base import ModelOutput, SkeletonModel
from dualhead.runtime.errors import ConfigError, unknown
from dualhead.runtime.registry import Registry


class Objective(nn.Module):
    """A loss of a batch."""

    def forward(self, output: ModelOutput, target: Tensor) -> Tensor:
        """Compute the loss.

        Args:
            output: Logits `(N, H, K)` and the extras of the model.
            target: Classes `(N,)` int64, or soft labels `(N, K)` whose rows sum to 1.

        Returns:
            A scalar, in float32 at least. On a GPU it is computed without waiting for it.
        """
        raise NotImplementedError


Builder = Callable[..., Objective]
Registered = TypeVar("Registered", bound=Builder)

_OBJECTIVES: Registry[Builder] = Registry("objective")


def register_objective(name: str) -> Callable[[Registered], Registered]:
    """Register an objective under a name that an experiment can give.

    The decorated object is a class or function called as `builder(model, **arguments)`, where `arguments` are those of
    the experiment; `model.config` has the classes and the skeleton, `model.heads` the heads.

    Args:
        name: The name, of letters, digits, `_` and `-`.

    Returns:
        A decorator that returns what it is given.

    Raises:
        ConfigError: If the name has other characters, or is another objective's.
    """

    def enter(builder: Registered) -> Registered:
        _OBJECTIVES.add(name, builder)
        return builder

    return enter


def list_objectives() -> list[str]:
    """Return the registered names, sorted."""
    return sorted(_OBJECTIVES)


def check_objective(name: str, arguments: Mapping[str, Any]) -> None:
    """Check a name and the names of its arguments, before anything is built.

    Args:
        name: One of `list_objectives()`.
        arguments: Keyword arguments of its builder.

    Raises:
        ConfigError: If the objective or an argument is unknown; names the nearest.
    """
    known = list(inspect.signature(_OBJECTIVES[name]).parameters)[1:]  # the first is the model
    for argument in arguments:
        if argument not in known:
            raise unknown(f"argument of objective {name}", argument, known)


def create_objective(name: str, model: nn.Module, arguments: Mapping[str, Any]) -> Objective:
    """Build an objective for a model.

    Args:
        name: One of `list_objectives()`.
        model: The model that is trained.
        arguments: Keyword arguments of its builder.

    Returns:
        The objective.

    Raises:
        ConfigError: If the objective or an argument is unknown, or a value cannot be used.
    """
    check_objective(name, arguments)
    return _OBJECTIVES[name](model, **arguments)


@register_objective("cross_entropy")
class CrossEntropy(Objective):
    """The mean over heads and samples of the cross-entropy, and auxiliary terms of the model.

    Convention: with class weights w and classes y the mean over samples is the weighted one, sum_i w[y_i] l_i /
    sum_i w[y_i], as in PyTorch; with soft labels each class's term is weighted, and the sum is divided by N. Head
    weights are divided by their sum. Label smoothing (Szegedy et al., CVPR 2016) mixes the target with 1 / K.

    Args:
        model: The model that is trained.
        label_smoothing: Share of the target that is spread over all classes, 0 to below 1.
        class_weights: A weight for each of the K classes, at least 0, not all 0; None: all alike.
        head_weights: A weight for each of the H heads, in order or by name, at least 0, not all 0; None: all alike.
        auxiliary: Factors by which the means of extras of the model are added to the loss, by their names.

    Raises:
        ConfigError: If a value is out of range, or there is another number of classes or heads.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        model: SkeletonModel,
        label_smoothing: float = 0.0,
        class_weights: Sequence[float] | None = None,
        head_weights: Sequence[float] | Mapping[str, float] | None = None,
        auxiliary: Mapping[str, float] | None = None,
    ):
        super().__init__()
        if isinstance(label_smoothing, bool) or not isinstance(label_smoothing, int | float):
            raise ConfigError(f"objective.arguments.label_smoothing is {label_smoothing!r}: expected a number")
        if not 0 <= label_smoothing < 1:
            raise ConfigError(f"objective.arguments.label_smoothing is {label_smoothing!r}: expected 0 to below 1")
        self.label_smoothing = float(label_smoothing)
        weights = None
        if class_weights is not None:
            count = model.config.num_classes
            weights = torch.tensor(_weights("class_weights", class_weights, [str(k) for k in range(count)]))
        # not persistent: the experiment says it, and a state to resume from stays what it was without it
        self.register_buffer("class_weights", weights, persistent=False)
        self.head_weights: list[float] | None = None
        if head_weights is not None:
            shares = _weights("head_weights", head_weights, model.heads)
            self.head_weights = [share / sum(shares) for share in shares]
        self.auxiliary = dict(auxiliary or {})
        for extra, factor in self.auxiliary.items():
            if isinstance(factor, bool) or not isinstance(factor, int | float):
                raise ConfigError(f"objective.arguments.auxiliary.{extra} is {factor!r}: expected a number")

    def forward(self, output: ModelOutput, target: Tensor) -> Tensor:
        """Compute the loss; see `Objective.forward`.

        Raises:
            ConfigError: If the model returns no extra of a name in `auxiliary`.
        """
        logits = at_least_single(output.logits)
        heads = logits.shape[1]
        if self.head_weights is None:
            loss = self._cross_entropy(
                logits.flatten(0, 1),  # (N * H, K)
                target.repeat_interleave(heads, dim=0),  # (N * H,) or (N * H, K)
            )
        else:
            losses = [self._cross_entropy(logits[:, head], target) for head in range(heads)]
            loss = sum((weight * term for weight, term in zip(self.head_weights, losses, strict=True)), losses[0] * 0)
        for name, factor in self.auxiliary.items():
            if name not in output.extras:
                raise unknown("extra of this model (objective.arguments.auxiliary)", name, output.extras)
            loss = loss + factor * at_least_single(output.extras[name]).mean()
        return loss

    def _cross_entropy(self, logits: Tensor, target: Tensor) -> Tensor:
        if target.is_floating_point():
            target = target.to(logits.dtype)
        weights = None if self.class_weights is None else self.class_weights.to(logits.dtype)
        return F.cross_entropy(logits, target, weight=weights, label_smoothing=self.label_smoothing)


@register_objective("prototype_contrast")
class PrototypeContrast(Objective):
    """Cross-entropy, and a contrast of classes by a model's extra vector: ProtoGCN (Liu et al., CVPR 2025).

    Convention: an extra e `(N, D)` becomes f = W e + b `(N, channels)`. Each class has a running mean m of the f of its
    samples that the mean of the heads gets right: m = momentum * m + (1 - momentum) * mean, where the batch has any.
    The contrast is the cross-entropy of the logits cos(f, m_k) / temperature over all classes; the running means take
    no gradient. A mixed sample is of its own class.

    Args:
        model: The model that is trained.
        factor: The weight of the contrast beside the cross-entropy, at least 0.
        extra: Name of the model's extra.
        features: D; None: the square of the number of joints.
        channels: Length of the vectors that are compared.
        temperature: The divisor of cosines, above 0.
        momentum: Share of a running mean that stays at each step, 0 to below 1.
        label_smoothing: Of the cross-entropy.

    Raises:
        ConfigError: If a value is out of range.
    """

    means: Tensor

    def __init__(
        self,
        model: SkeletonModel,
        factor: float = 0.2,
        extra: str = "prototypes",
        features: int | None = None,
        channels: int = 256,
        temperature: float = 0.125,
        momentum: float = 0.9,
        label_smoothing: float = 0.0,
    ):
        super().__init__()
        for name, fine, valid in (
            ("factor", factor >= 0, "0 or more"),
            ("temperature", temperature > 0, "a number above 0"),
            ("momentum", 0 <= momentum < 1, "0 to below 1"),
        ):
            if not fine:
                raise ConfigError(f"objective.arguments.{name} is out of range: expected {valid}")
        self.cross_entropy = CrossEntropy(model, label_smoothing=label_smoothing)
        self.factor, self.extra, self.temperature, self.momentum = factor, extra, temperature, momentum
        self.project = nn.Linear(features or model.config.skeleton.num_joints**2, channels)
        self.register_buffer("means", torch.zeros(model.config.num_classes, channels))

    def forward(self, output: ModelOutput, target: Tensor) -> Tensor:
        """Compute the loss; see `Objective.forward`.

        Raises:
            ConfigError: If the model returns no such extra.
        """
        if self.extra not in output.extras:
            raise unknown("extra of this model (objective.arguments.extra)", self.extra, output.extras)
        loss: Tensor = self.cross_entropy(output, target)
        labels = target.argmax(dim=1) if target.is_floating_point() else target
        with torch.autocast(output.logits.device.type, enabled=False):
            features = self.project(output.extras[self.extra].to(self.project.weight.dtype))  # (N, channels)
            self._update(features.detach(), labels, output.logits.detach().mean(dim=1).argmax(dim=1))
            cosines = F.normalize(features, dim=1) @ F.normalize(self.means, dim=1).t()  # (N, K)
            return loss + self.factor * F.cross_entropy(cosines / self.temperature, labels)

    @torch.no_grad()
    def _update(self, features: Tensor, labels: Tensor, predicted: Tensor) -> None:
        """Move the means of the classes that the batch shows."""
        right = F.one_hot(labels, len(self.means)).to(features.dtype) * (labels == predicted)[:, None]  # (N, K)
        counts = right.sum(dim=0)[:, None]  # (K, 1)
        batch = right.t() @ features / counts.clamp(min=1)
        self.means.copy_(torch.where(counts > 0, torch.lerp(batch, self.means, self.momentum), self.means))


def at_least_single(values: Tensor) -> Tensor:
    """Return values in float32 at least: half precision would round a loss."""
    return values if values.dtype == torch.float64 else values.float()


def _weights(what: str, given: Sequence[float] | Mapping[str, float], names: Sequence[str]) -> list[float]:
    """Check weights and bring them into the order of `names`."""
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                raise unknown(f"key of objective.arguments.{what}", name, names)
        if missing := [name for name in names if name not in given]:
            raise ConfigError(f"objective.arguments.{what} has no {missing[0]!r}: pass one for each of {names}")
        given = [given[name] for name in names]
    fine = not isinstance(given, str) and len(given) == len(names)
    fine = fine and all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)
    if not fine or not all(0 <= value < float("inf") for value in given) or not any(given):
        raise ConfigError(
            f"objective.arguments.{what} is {given!r}: expected {len(names)} numbers of 0 or more, not all 0"
        )
    return [float(value) for value in given]
