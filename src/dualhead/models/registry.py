"""Models by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from dualhead.models.base import ModelConfig, SkeletonModel
from dualhead.runtime.errors import ConfigError, unknown
from dualhead.skeleton import Skeleton, get_skeleton

ARCHITECTURES = ("dualhead", "msg3d", "agcn", "stgcn", "ctrgcn", "stgcnpp", "dgstgcn", "protogcn")
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
        gmacs: 10^9 multiply-accumulate operations of one clip of that length with both bodies on NTU RGB+D 60, as the
            paper writes the model: convolutions, matrix products and linear layers.
        published: Published top-1 in percent, by data set, protocol and streams.
        published_epoch: Which epoch's figures were published: one chosen on the test side is higher than the last.
        published_weights: What the streams of the published figures were fused with: "published" for 0.6 0.6 0.4 0.4,
            "pyskl" for 2 2 1 1; see `evaluation/weights.py`.
        changes: Variant arguments in which it differs from the architecture's defaults.
    """

    name: str
    build: Builder
    paper: str
    frames: int
    gmacs: float
    published: Mapping[str, float]
    changes: Mapping[str, Any]
    published_epoch: str = "epoch not stated"
    published_weights: str = "published"

    @property
    def architecture(self) -> type[SkeletonModel]:
        """The class of what it builds."""
        annotation: type[SkeletonModel] = inspect.signature(self.build, eval_str=True).return_annotation
        return annotation


_ENTRIES: dict[str, ModelEntry] = {}


def register(
    *,
    paper: str,
    frames: int,
    gmacs: float,
    published: Mapping[str, float],
    published_epoch: str = "epoch not stated",
    published_weights: str = "published",
    **changes: Any,
) -> Callable[[Builder], Builder]:
    """Enter a function that builds a model under the function's name.

    Args:
        paper: Where it was published.
        frames: T of the clips that it was published with.
        gmacs: 10^9 multiply-accumulate operations of such a clip, as in `ModelEntry`.
        published: Published top-1 in percent, by data set, protocol and streams.
        published_epoch: Which epoch's figures were published.
        published_weights: What their streams were fused with.
        **changes: Variant arguments that the function is called with where the user gives no others.

    Returns:
        A decorator that gives the function back.
    """

    def enter(build: Builder) -> Builder:
        name = build.__name__
        _ENTRIES[name] = ModelEntry(
            name, build, paper, frames, gmacs, published, changes, published_epoch, published_weights
        )
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
    check_variant(name, variant)
    given = {"num_classes": num_classes, "num_bodies": num_bodies, "in_channels": in_channels}
    for what, value in given.items():
        _need_whole(what, value, "a model")
    config = ModelConfig(name, num_classes, get_skeleton(skeleton), num_bodies, in_channels, variant)
    entry = model_entries()[name]
    try:
        model = entry.build(**given, skeleton=config.skeleton, **{**entry.changes, **variant})
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
    entries = model_entries()
    if name not in entries:
        raise unknown("model", name, sorted(entries))
    known = variant_arguments(entries[name])
    for argument, value in variant.items():
        if argument not in known:
            raise unknown(f"argument of model {name}", argument, known)
        default = known[argument]
        if isinstance(default, int):
            _need_whole(argument, value, f"model {name}")
        elif isinstance(default, float) and not (_is_number(value) and 0 <= value < 1):
            raise ConfigError(f"{argument} is {value!r}: model {name} needs a number from 0 to below 1")
        elif isinstance(default, str) and not isinstance(value, str):
            raise ConfigError(f"{argument} is {value!r}: model {name} needs a word, such as {default!r}")
    width, step = variant.get("width", known["width"]), entries[name].architecture.width_step
    if width % step:
        near = [factor * step for factor in (width // step, width // step + 1) if factor]
        raise ConfigError(
            f"width is {width}: model {name} needs a multiple of {step}, such as {' or '.join(map(str, near))}"
        )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _need_whole(what: str, value: object, who: str) -> None:
    """Refuse what is no whole number of at least 1; true is none."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigError(f"{what} is {value!r}: {who} needs a whole number of at least 1")


def variant_arguments(entry: ModelEntry) -> dict[str, Any]:
    """Give the arguments of an architecture beyond those that every model has, with the entry's defaults."""
    fixed = {"self", *(field for field in ModelConfig.__dataclass_fields__)}
    parameters = inspect.signature(entry.architecture.__init__).parameters
    defaults = {name: parameter.default for name, parameter in parameters.items() if name not in fixed}
    return {**defaults, **entry.changes}
