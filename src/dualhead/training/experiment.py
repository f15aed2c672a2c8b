"""An experiment as nested typed dataclasses: all that decides the result of a run but the data and the stream."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from dualhead.data.recipes.recipes import get_recipe
from dualhead.runtime.errors import ConfigError, shorten
from dualhead.runtime.machine import check_workers

MACHINE_FIELDS = ("num_workers",)
"""Fields that may differ between two calls of the same run, because they do not change its result."""

RENAMED_KEYS = MappingProxyType(
    {
        "accumulate": "accumulate_grad_batches",
        "clip_norm": "gradient_clip_norm",
        "workers": "num_workers",
        "label_smoothing": "objective.arguments.label_smoothing",
    }
)
"""Keys of version 0.1 by their present names: read where an experiment was saved, refused where one is given."""


_MOST = 10**9
"""The largest number of epochs or samples; more is a slip of the hand, and would overflow."""


def _check(fine: bool, name: str, value: object, valid: str) -> None:
    if not fine:
        raise ConfigError(f"{name} is {shorten(value)}: expected {valid}")


@dataclass(frozen=True)
class ModelChoice:
    """An architecture and the numbers of its variant.

    Attributes:
        name: A name from `dualhead models`; another one than the file's leaves the file's model.arguments out.
        arguments: Variant arguments of the model by name, such as `width` or `dropout`.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Optimizer:
    """The optimizer and its settings.

    Attributes:
        name: "sgd" or "adamw".
        lr: Peak learning rate, above 0.
        weight_decay: Decay of every weight, at least 0 (L2 for sgd, decoupled for adamw).
        momentum: Momentum of sgd, 0 to below 1.
        nesterov: Whether sgd looks ahead.
        beta1: Decay of adamw's first moment, 0 to below 1.
        beta2: Decay of adamw's second moment, 0 to below 1.
        no_decay: Kinds of weights without decay: "norms" (weights and biases of norms), "biases" (every other vector or
            single number), "adjacency" (learned matrices over the joints).
    """

    name: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.05
    weight_decay: float = 0.0005
    momentum: float = 0.9
    nesterov: bool = True
    beta1: float = 0.9
    beta2: float = 0.999
    no_decay: tuple[Literal["norms", "biases", "adjacency"], ...] = ()

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: If a value is outside its range.
        """
        _check(self.lr > 0, "optimizer.lr", self.lr, "a number above 0")
        _check(self.weight_decay >= 0, "optimizer.weight_decay", self.weight_decay, "0 or more")
        for name in ("momentum", "beta1", "beta2"):
            _check(0 <= getattr(self, name) < 1, f"optimizer.{name}", getattr(self, name), "0 to below 1")
        fine = not (self.name == "sgd" and self.nesterov and self.momentum == 0)
        _check(fine, "optimizer.nesterov", self.nesterov, "false, or a momentum above 0")


@dataclass(frozen=True)
class Schedule:
    """The schedule of the learning rate; see `schedule.learning_rate` for the formulas.

    Attributes:
        name: "multistep", "cosine" or "onecycle".
        milestones: Epochs before which the rate is multiplied by `gamma` (multistep), counted from 0.
        gamma: Factor at each milestone.
        warmup_epochs: Epochs of warm-up at the start (multistep and cosine), at least 0; fractions are fine.
        warmup: "linear" rises with every step; "staircase" is constant within an epoch, for epoch e (from 0) the share
            (e + 1) / warmup_epochs, as CTR-GCN was published with.
        final_fraction: Share of the peak rate that cosine ends at, 0 to 1.
    """

    name: Literal["multistep", "cosine", "onecycle"] = "multistep"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    warmup_epochs: float = 0.0
    warmup: Literal["linear", "staircase"] = "linear"
    final_fraction: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: If a value is outside its range.
        """
        rising = list(self.milestones) == sorted(set(self.milestones)) and all(epoch > 0 for epoch in self.milestones)
        _check(rising, "schedule.milestones", list(self.milestones), "epochs above 0 in rising order")
        _check(0 < self.gamma <= 1, "schedule.gamma", self.gamma, "a number above 0, at most 1")
        _check(self.warmup_epochs >= 0, "schedule.warmup_epochs", self.warmup_epochs, "0 or more")
        _check(0 <= self.final_fraction <= 1, "schedule.final_fraction", self.final_fraction, "0 to 1")
        for name, owner in (("milestones", "multistep"), ("final_fraction", "cosine")):
            fine = self.name == owner or not getattr(self, name)
            _check(fine, f"schedule.{name}", getattr(self, name), f"it only with schedule.name {owner!r}")
        fine = self.warmup == "linear" or self.warmup_epochs > 0
        _check(fine, "schedule.warmup", self.warmup, "warmup_epochs above 0 with it")
        fine = self.name != "onecycle" or self.warmup_epochs == 0
        _check(fine, "schedule.warmup_epochs", self.warmup_epochs, "0 with onecycle, which warms up by itself")


@dataclass(frozen=True)
class ObjectiveChoice:
    """The choice of an objective.

    Attributes:
        name: A registered objective.
        arguments: Its arguments by name, such as `label_smoothing`, `class_weights` or `head_weights`.
    """

    name: str = "cross_entropy"
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class MixingRule:
    """A way to mix samples of a batch, with soft labels to match.

    Attributes:
        name: A registered mixing rule: "mixup", "concatenate" or "part_swap".
        arguments: Its arguments by name, such as `alpha`.
        probability: Share of the samples that it is used on, above 0, at most 1; those of several rules add up to at
            most 1, and a sample is mixed by one of them.
        within: Field of the store in which the two samples agree ("camera"); None: any two.
        off_at: Share of the epochs after which nothing is mixed any more, above 0, at most 1; 0.9: the last tenth.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    probability: float = 0.5
    within: str | None = None
    off_at: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: If a value is outside its range.
        """
        for name in ("probability", "off_at"):
            _check(0 < getattr(self, name) <= 1, f"mixing.{name}", getattr(self, name), "a number above 0, at most 1")


@dataclass(frozen=True)
class Validation:
    """The part of the training split that is kept back to choose the best epoch; the test split is never used for that.

    Attributes:
        by: "subject" keeps back whole performers (likewise any other field of the store, such as "setup"), "sample"
            single samples of every class, "none" nothing.
        fraction: Share of performers or samples that is kept back, above 0 and below 1.
        value: Keep back exactly the samples that have this value in the field `by` ("by: camera, value: 2" trains on
            the other cameras of the training split), in place of a share; None: the share.
    """

    by: str = "subject"
    fraction: float = 0.1
    value: int | None = None

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: If the fraction is outside its range.
        """
        _check(0 < self.fraction < 1, "validation.fraction", self.fraction, "a number above 0 and below 1")
        fine = self.value is None or self.by not in ("sample", "none")
        _check(fine, "validation.value", self.value, "it only with a field of the store as validation.by")


@dataclass(frozen=True)
class Experiment:
    """A complete description of a training run, apart from the data and the stream.

    Attributes:
        model: The architecture and its variant.
        recipe: The recipe from recordings to clips: the name of a recipe, or an inline recipe, a mapping such as
            `{base: ucla52, frames: 64, augment: [time_crop]}` (see `dualhead.data.recipes.recipes`).
        protocol: The protocol of the store that splits samples into training and test.
        epochs: Epochs, at least 1; each ends with validation and a state to resume from.
        batch_size: Samples of one optimiser step, over all processes and accumulated parts together.
        repeat: Passes over the training samples in an epoch, at least 1, shuffled as one.
        dataset: The data set this is meant for; a store of another one is refused. None: any.
        bodies: The body selection this is meant for; a store of another one is refused. None: any.
        optimizer: The optimizer.
        schedule: The schedule of the learning rate.
        objective: The objective to minimise.
        mixing: Rules by which samples of a batch are mixed; none: samples stay as they are.
        accumulate_grad_batches: Parts that a step's samples go through the model in, one after another, to save memory.
        eval_batch_size: Samples that are scored at once by a process; None: as many as are trained on at once.
        gradient_clip_norm: Largest L2 norm of a step's gradient, above 0; None: no limit.
        precision: Arithmetic of the model: "32", "tf32" (products in TF32 where a GPU has it), "bf16" or "fp16" (mixed;
            fp16 on a GPU only).
        execution: "eager", "compile", or "cuda_graph" (the step replayed on one CUDA GPU, much faster for short clips;
            eager elsewhere).
        ema_decay: Decay a step of a moving average of the weights, which is then what is evaluated and saved, above 0
            and below 1; None: no average.
        swa_epochs: Last epochs over whose steps the weights are averaged evenly (SWA), which is then what is evaluated
            and saved, at least 1 and less than `epochs`; None: no such average. Not together with `ema_decay`.
        validation: The part of the training split that is held out.
        score_test: Whether the test split is scored at the end; false while settings are still being chosen.
        seed: Start of all randomness, 0 or more.
        imports: Modules outside of the package that register what is named here; they are imported with `--import`,
            never because a file names them.
        num_workers: Processes that load data beside each training process, 0 or more; does not change the result.
    """

    model: ModelChoice
    recipe: str | dict[str, Any]
    protocol: str
    epochs: int
    batch_size: int
    repeat: int = 1
    dataset: str | None = None
    bodies: str | None = None
    optimizer: Optimizer = field(default_factory=Optimizer)
    schedule: Schedule = field(default_factory=Schedule)
    objective: ObjectiveChoice = field(default_factory=ObjectiveChoice)
    mixing: tuple[MixingRule, ...] = ()
    accumulate_grad_batches: int = 1
    eval_batch_size: int | None = None
    gradient_clip_norm: float | None = None
    precision: Literal["32", "tf32", "bf16", "fp16"] = "32"
    execution: Literal["eager", "cuda_graph", "compile"] = "eager"
    ema_decay: float | None = None
    swa_epochs: int | None = None
    validation: Validation = field(default_factory=Validation)
    score_test: bool = True
    seed: int = 0
    imports: tuple[str, ...] = ()
    num_workers: int = 2

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: If a value is outside its range, or two values do not match together.
        """
        if not isinstance(self.recipe, str):
            get_recipe(self.recipe)
        for name in ("epochs", "batch_size", "repeat", "accumulate_grad_batches"):
            _check(1 <= getattr(self, name) <= _MOST, name, getattr(self, name), f"1 to {_MOST}")
        fine = self.eval_batch_size is None or 1 <= self.eval_batch_size <= _MOST
        _check(fine, "eval_batch_size", self.eval_batch_size, "1 or more, or omit it")
        fine = self.gradient_clip_norm is None or self.gradient_clip_norm > 0
        _check(fine, "gradient_clip_norm", self.gradient_clip_norm, "a number above 0")
        probability = sum(rule.probability for rule in self.mixing)
        _check(probability <= 1 + 1e-9, "mixing", probability, "rules whose probabilities add up to at most 1")
        fine = self.ema_decay is None or 0 < self.ema_decay < 1
        _check(fine, "ema_decay", self.ema_decay, "a number above 0 and below 1, such as 0.999")
        fine = self.swa_epochs is None or 1 <= self.swa_epochs < self.epochs
        _check(fine, "swa_epochs", self.swa_epochs, f"1 or more, less than epochs {self.epochs}")
        fine = self.swa_epochs is None or self.ema_decay is None
        _check(fine, "swa_epochs", self.swa_epochs, "either it or ema_decay")
        _check(0 <= self.seed < 2**32, "seed", self.seed, "0 to 2**32 - 1")
        check_workers(self.num_workers, "num_workers")
        fine = self.batch_size % self.accumulate_grad_batches == 0
        valid = f"a divisor of batch_size {self.batch_size}"
        _check(fine, "accumulate_grad_batches", self.accumulate_grad_batches, valid)
        fine = self.schedule.warmup_epochs < self.epochs
        _check(fine, "schedule.warmup_epochs", self.schedule.warmup_epochs, f"less than epochs {self.epochs}")

    def as_dict(self) -> dict[str, Any]:
        """Convert the experiment to nested plain values, for YAML and JSON; `config.parse_experiment` reads it back."""
        return {key: _plain(value) for key, value in dataclasses.asdict(self).items()}


def _plain(value: Any) -> Any:
    """Convert tuples to lists, so that what was written equals what is read back."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
