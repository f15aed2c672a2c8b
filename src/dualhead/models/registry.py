"""Models by name."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeGuard, TypeVar

from dualhead.models.config import ModelConfig
from dualhead.models.published_layout import PublishedLayout
from dualhead.runtime.errors import ConfigError, shorten, unknown
from dualhead.runtime.registry import Registry
from dualhead.skeleton import Skeleton, get_skeleton

if TYPE_CHECKING:
    from dualhead.models.base import SkeletonModel

ARCHITECTURES = ("dualhead", "msg3d", "agcn", "stgcn", "ctrgcn", "stgcnpp", "dgstgcn", "protogcn")
"""Modules of this package that register models."""

Builder = Callable[..., "SkeletonModel"]
Registered = TypeVar("Registered", bound=Builder)


@dataclass(frozen=True)
class ModelEntry:
    """Facts about a model that are known before it is built.

    Attributes:
        name: Its name in the registry.
        build: Makes it from the arguments of `create_model`: its class, or a function that returns one.
        paper: The paper that published it.
        frames: T of the clips that it was published with.
        gmacs: 10^9 multiply-accumulate operations of one clip of that length with both bodies on NTU RGB+D 60, as the
            paper writes the model: convolutions, matrix products and linear layers. None: not known.
        published: Published top-1 in percent, by data set, protocol and streams.
        changes: Variant arguments in which it differs from the architecture's defaults.
        published_epoch: The epoch of the published figures: one chosen on the test split is higher than the last.
        published_weights: The weights of the streams in the published figures: "published" for 0.6 0.6 0.4 0.4,
            "pyskl" for 2 2 1 1; see `evaluation/weights.py`.
        layout: The layout of published checkpoints; None: there are none.
    """

    name: str
    build: Builder
    paper: str
    frames: int
    gmacs: float | None
    published: Mapping[str, float]
    changes: Mapping[str, Any]
    published_epoch: str = "epoch not stated"
    published_weights: str = "published"
    layout: PublishedLayout | None = field(default=None, repr=False)

    @property
    def architecture(self) -> type[SkeletonModel]:
        """The class of what it builds."""
        if isinstance(self.build, type):
            return self.build
        annotation: type[SkeletonModel] = inspect.signature(self.build, eval_str=True).return_annotation
        return annotation


def _load() -> None:
    for architecture in ARCHITECTURES:
        import_module(f"dualhead.models.{architecture}")


_MODELS: Registry[ModelEntry] = Registry("model", _load)

_MOST = {
    "depth": 100, "num_gcn_scales": 100, "num_g3d_scales": 100, "num_bodies": 100, "in_channels": 1000, "windows": 31,
    "dilations": 1000,
}  # fmt: skip
"""Largest values of arguments, beyond which building alone would take minutes or fill the memory."""

_MOST_OTHERWISE = 10**6
_MOST_ITEMS = 16
_MOST_PARAMETERS = 250_000_000
_USUAL, _USUAL_DEPTH = 512, 4
"""Up to these no model has more parameters than that; some double their width with each step of depth."""


def register_model(
    name: str,
    *,
    paper: str = "not published",
    frames: int = 64,
    gmacs: float | None = None,
    published: Mapping[str, float] = MappingProxyType({}),
    published_epoch: str = "epoch not stated",
    published_weights: str = "published",
    layout: PublishedLayout | None = None,
    **changes: Any,
) -> Callable[[Registered], Registered]:
    """Register a model under a name that `create_model` and experiments can give.

    The decorated object is a subclass of `SkeletonModel`, or a function whose return annotation is one. It is called
    with `num_classes`, `skeleton`, `num_bodies`, `in_channels` and the variant arguments; those of the class, with
    their defaults, are the ones that an experiment can give.

    Args:
        name: Letters, digits, `_` and `-`, beginning with a letter.
        paper: The paper that published it.
        frames: T of the clips that it was published with.
        gmacs: 10^9 multiply-accumulate operations of such a clip, as in `ModelEntry`.
        published: Published top-1 in percent, by data set, protocol and streams.
        published_epoch: The epoch of the published figures.
        published_weights: The weights of their streams.
        layout: The layout of published checkpoints.
        **changes: Variant arguments that it is built with where the user gives no others.

    Returns:
        A decorator that returns what it is given.

    Raises:
        ConfigError: If the name has other characters, or is another model's.
    """

    def enter(build: Registered) -> Registered:
        entry = ModelEntry(
            name, build, paper, frames, gmacs, published, changes, published_epoch, published_weights, layout
        )
        _MODELS.add(name, entry, build)
        return build

    return enter


def model_entries() -> dict[str, ModelEntry]:
    """Return every model's entry by name, those of plugins last."""
    return dict(_MODELS.items())


def list_models() -> list[str]:
    """Return the names of `create_model`, sorted."""
    return sorted(_MODELS)


def create_model(
    name: str,
    *,
    num_classes: int,
    skeleton: str | Skeleton,
    num_bodies: int = 2,
    in_channels: int = 3,
    **variant: Any,
) -> SkeletonModel:
    """Build a model with fresh weights.

    Args:
        name: One of `list_models()`.
        num_classes: K.
        skeleton: A `Skeleton` or the name of one that comes with the package.
        num_bodies: M, bodies in a clip.
        in_channels: C, channels of a clip (3 for x y z, or for x y score).
        **variant: Arguments of the architecture, such as `width`, `dropout`, `num_gcn_scales`, `num_g3d_scales`.

    Returns:
        The model; `forward` maps `(N, C, T, V, M)` to logits `(N, H, K)`.

    Raises:
        ConfigError: If the name, the skeleton or a variant argument is not known, or a value cannot be used.
    """
    check_variant(name, variant)
    given = {"num_classes": num_classes, "num_bodies": num_bodies, "in_channels": in_channels}
    for what, value in given.items():
        _need_whole(what, value, "a model")
    config = ModelConfig(name, num_classes, get_skeleton(skeleton), num_bodies, in_channels, variant)
    entry = _MODELS[name]
    build = partial(entry.build, **given, skeleton=config.skeleton, **{**entry.changes, **variant})
    try:
        sizes = [value for value in (*given.values(), *variant.values()) if isinstance(value, int)]
        if max(sizes) > _USUAL or variant.get("depth", 0) > _USUAL_DEPTH:
            _check_memory(build, name)
        model = build()
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:  # such as more memory than there is
        reason = " ".join(str(error).split())
        raise ConfigError(f"model {name} cannot be built with {given | variant}: {reason}") from error
    model.config = config
    return model


def check_variant(name: str, variant: Mapping[str, Any]) -> None:
    """Check variant arguments before anything is built.

    Args:
        name: The model's name.
        variant: Arguments of its architecture.

    Raises:
        ConfigError: If the name or an argument is not known, or a value cannot be used; names the nearest that can.
    """
    entry = _MODELS[name]
    known = variant_arguments(entry)
    for argument, value in variant.items():
        if argument not in known:
            raise unknown(f"argument of model {name}", argument, known)
        _check_value(name, argument, value, known[argument])
    width, step = variant.get("width", known.get("width", 1)), entry.architecture.width_step
    if width % step:
        near = [factor * step for factor in (width // step, width // step + 1) if factor]
        raise ConfigError(
            f"width is {width}: model {name} needs a multiple of {step}, such as {' or '.join(map(str, near))}"
        )


def _check_value(model: str, argument: str, value: object, default: object) -> None:
    """Check that a value is of the kind of its default; a dropout is a share of 1, other numbers are free."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise ConfigError(f"{argument} is {value!r}: model {model} needs true or false")
    elif isinstance(default, tuple) and default and all(isinstance(item, int) for item in default):
        _check_sequence(model, argument, value)
    elif isinstance(default, int):
        _need_whole(argument, value, f"model {model}")
    elif isinstance(default, float) and argument.endswith("dropout"):
        if not (_is_number(value) and 0 <= value < 1):
            raise ConfigError(f"{argument} is {value!r}: model {model} needs a number from 0 to below 1")
    elif isinstance(default, float):
        if not (_is_number(value) and math.isfinite(value)):
            raise ConfigError(f"{argument} is {value!r}: model {model} needs a number, such as {default}")
    elif isinstance(default, str) and not isinstance(value, str):
        raise ConfigError(f"{argument} is {value!r}: model {model} needs a word, such as {default!r}")


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _need_whole(what: str, value: object, who: str) -> None:
    """Raise if a value is not an integer from 1 to what a model can be built with; bool is rejected."""
    most = _MOST.get(what, _MOST_OTHERWISE)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= most:
        raise ConfigError(f"{what} is {shorten(value)}: {who} needs an integer from 1 to {most}")


def _check_sequence(model: str, argument: str, value: object) -> None:
    """Raise if a value is not a short list of integers such as the sizes of windows."""
    items = value if isinstance(value, list | tuple) else ()
    if not 1 <= len(items) <= _MOST_ITEMS:
        raise ConfigError(f"{argument} is {shorten(value)}: model {model} needs a list of 1 to {_MOST_ITEMS} integers")
    for item in items:
        _need_whole(argument, item, f"each item of it in model {model}")


def _check_memory(build: Callable[[], SkeletonModel], name: str) -> None:
    """Raise if a model has more parameters than can be meant; they are counted on a device without memory.

    Sizes that overflow raise there what they would raise on a CPU, before anything is allocated.
    """
    import torch

    if torch.get_default_device().type == "meta":  # what is built there takes none
        return
    try:
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in build().parameters())
    except (RuntimeError, TypeError) as error:
        if "meta" in str(error).lower():  # a plugin's model that cannot be built there
            return
        raise
    if count > _MOST_PARAMETERS:
        raise ConfigError(
            f"model {name} would have {shorten(count)} parameters, more than {_MOST_PARAMETERS:,}: pass a smaller "
            "width or depth"
        )


def variant_arguments(entry: ModelEntry) -> dict[str, Any]:
    """Return the arguments of an architecture beyond those that every model has, with the entry's defaults."""
    fixed = {"self", *(field for field in ModelConfig.__dataclass_fields__)}
    parameters = inspect.signature(entry.architecture.__init__).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items() if name not in fixed}
    return {**defaults, **entry.changes}
