"""Models by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from dualhead.errors import ConfigError, unknown
from dualhead.models.base import ModelConfig, SkeletonModel
from dualhead.skeleton import Skeleton, get_skeleton

ARCHITECTURES = ("dualhead", "msg3d", "agcn", "stgcn", "ctrgcn")
"""Modules of this package that register models."""

Builder = Callable[..., SkeletonModel]


@dataclass(frozen=True)
class ModelEntry:
    """What is known of a model before it is built.

    Attributes:
        name: Its name in the registry.
        build: Makes it from the arguments of `create_model`.
        paper: Where it was published.
        frames: T of the clips that it was published with.
        published: Published top-1 in percent, by data set, protocol and streams.
        changes: Variant arguments in which it differs from the architecture's defaults.
    """

    name: str
    build: Builder
    paper: str
    frames: int
    published: Mapping[str, float]
    changes: Mapping[str, Any]

    @property
    def architecture(self) -> type[SkeletonModel]:
        """The class of what it builds."""
        annotation: type[SkeletonModel] = inspect.signature(self.build, eval_str=True).return_annotation
        return annotation


_ENTRIES: dict[str, ModelEntry] = {}


def register(
    *, paper: str, frames: int, published: Mapping[str, float], **changes: Any
) -> Callable[[Builder], Builder]:
    """Enter a function that builds a model under the function's name.

    Args:
        paper: Where it was published.
        frames: T of the clips that it was published with.
        published: Published top-1 in percent, by data set, protocol and streams.
        **changes: Variant arguments that the function is called with where the user gives no others.

    Returns:
        A decorator that gives the function back.
    """

    def enter(build: Builder) -> Builder:
        name = build.__name__
        _ENTRIES[name] = ModelEntry(name, build, paper, frames, published, changes)
        return build

    return enter


def model_entries() -> dict[str, ModelEntry]:
    """Give every model's entry by name."""
    for architecture in ARCHITECTURES:
        import_module(f"dualhead.models.{architecture}")
    return dict(_ENTRIES)


def list_models() -> list[str]:
    """Give the names that `create_model` knows, sorted."""
    return sorted(model_entries())


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
    entries = model_entries()
    if name not in entries:
        raise unknown("model", name, sorted(entries))
    for what, value in (("num_classes", num_classes), ("num_bodies", num_bodies), ("in_channels", in_channels)):
        if value < 1:
            raise ConfigError(f"{what} is {value}: a model needs at least 1")
    config = ModelConfig(name, num_classes, get_skeleton(skeleton), num_bodies, in_channels, variant)
    arguments = {
        "num_classes": num_classes,
        "skeleton": config.skeleton,
        "num_bodies": num_bodies,
        "in_channels": in_channels,
    }
    known = variant_arguments(entries[name])
    for argument, value in variant.items():
        if argument not in known:
            raise unknown(f"argument of model {name}", argument, known)
        if isinstance(known[argument], int) and (not isinstance(value, int) or value < 1):
            raise ConfigError(f"{argument} is {value!r}: model {name} needs a whole number of at least 1")
    try:
        model = entries[name].build(**arguments, **{**entries[name].changes, **variant})
    except (ValueError, TypeError) as error:
        raise ConfigError(f"model {name} cannot be built with {variant}: {error}") from error
    model.config = config
    return model


def variant_arguments(entry: ModelEntry) -> dict[str, Any]:
    """Give the arguments of an architecture beyond those that every model has, with the entry's defaults."""
    fixed = {"self", *(field for field in ModelConfig.__dataclass_fields__)}
    parameters = inspect.signature(entry.architecture.__init__).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items() if name not in fixed}
    return {**defaults, **entry.changes}
