"""Named steps that convert a recording to a clip, and their registry.

A step is a small frozen dataclass; calling it changes a `Draft`, the clip in the making. `register_step` adds a class
of steps, `register_augmentation` wraps a plain function over clips, so that an augmentation is one decorated function.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import IntEnum
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.draft import Clip, Draft
from dualhead.runtime.errors import ConfigError, unknown
from dualhead.runtime.registry import Registry
from dualhead.skeleton import Skeleton


class Stage(IntEnum):
    """The order of a recipe; a step that is added to a recipe goes before the first step of a later stage."""

    SELECT = 0
    """Bodies and frames that count."""
    CROP = 1
    """A stretch of the recording, and its tempo."""
    NORMALISE = 2
    """A common origin and direction."""
    VIEW = 3
    """Rotation, mirror and size, in the recording's units."""
    SCALE = 4
    """A common size."""
    SAMPLE = 5
    """A fixed number of frames."""
    CLIP = 6
    """Disturbances of the clip of fixed length: joints, axes, noise."""
    STREAM = 7
    """Joints to bones, motions and so on."""
    FINAL = 8
    """Changes of the stream itself."""


@dataclass(frozen=True)
class Step(ABC):
    """One step of a recipe.

    Attributes:
        name: The word it is registered under.
        stage: The position at which it is added to a recipe.
        train_only: Whether test clips go without it.
        needs: The requirement on the skeleton: "3d", "2d" or "axes" (spine and shoulders).
        random: Whether training clips are drawn at random.
        pads: Whether it is to see the clip with all its bodies, absent ones as zeros.
        only: Leave the step out for skeletons of another number of dimensions; None: it always counts.
    """

    name: ClassVar[str] = ""
    stage: ClassVar[Stage] = Stage.CLIP
    train_only: ClassVar[bool] = False
    random: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ()
    pads: ClassVar[bool] = False

    only: int | None = field(default=None, kw_only=True)

    @abstractmethod
    def __call__(self, draft: Draft) -> None:
        """Change the draft.

        Args:
            draft: The clip in the making; its `rng` is set if the step is `train_only`.
        """

    @property
    def num_test_clips(self) -> int:
        """Number of test clips that the step makes of one."""
        return 1

    def test_rows(self, length: int) -> NDArray[np.intp]:
        """Return the frames that a step with several test clips takes for each of them.

        Args:
            length: Frames so far.

        Returns:
            `(num_test_clips, T)`.
        """
        raise NotImplementedError

    def frames_after(self, frames: int) -> int:
        """Return the number of frames after the step.

        Args:
            frames: The number before it; 0 while it is that of the recording.
        """
        return frames

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Step:
        """Build the step from plain values, as YAML and JSON have them.

        Args:
            arguments: Values by field; a list becomes a tuple.

        Returns:
            The step.

        Raises:
            ConfigError: If a field is unknown, missing or has a value that the step refuses.
        """
        known = [entry.name for entry in fields(cls)]
        for key in arguments:
            if key not in known:
                raise unknown(f"argument of recipe step {cls.name!r}:", key, known)
        missing = [entry.name for entry in fields(cls) if entry.default is MISSING and entry.name not in arguments]
        if missing:
            raise ConfigError(f"recipe step {cls.name!r} needs {missing[0]!r}: pass it, such as {{{missing[0]}: 64}}")
        try:
            return cls(**{key: _frozen(value) for key, value in arguments.items()})
        except TypeError as error:  # a text compared with a number, a number unpacked as a pair
            raise ConfigError(f"recipe step {cls.name!r} cannot use {dict(arguments)!r}: expected numbers") from error


_STEPS: Registry[type[Step]] = Registry("recipe step")
StepClass = TypeVar("StepClass", bound=type[Step])
ClipFunction = Callable[..., Clip]
AnyClipFunction = TypeVar("AnyClipFunction", bound=ClipFunction)


def register_step(name: str) -> Callable[[StepClass], StepClass]:
    """Register a class of steps, so that recipes can name it.

    Args:
        name: The word that recipes use.

    Returns:
        A decorator for a frozen dataclass that derives from `Step`.

    Raises:
        ConfigError: If the name is taken or not valid.
    """

    def register(kind: StepClass) -> StepClass:
        _STEPS.add(name, kind)
        kind.name = name
        return kind

    return register


def register_augmentation(name: str, stage: Stage = Stage.CLIP) -> Callable[[AnyClipFunction], AnyClipFunction]:
    """Register a function over training clips as a step.

    The function is called as `function(clip, rng, skeleton, **arguments)` with a clip `(C, T, V, M)` that it must not
    change in place, and returns a clip of the same shape. Keyword arguments that recipes may give need a default.

    Args:
        name: The word that recipes use.
        stage: The position in a recipe.

    Returns:
        A decorator that returns the function as it was.

    Raises:
        ConfigError: If the name is taken or not valid, or an argument has no default.
    """

    def register(function: AnyClipFunction) -> AnyClipFunction:
        parameters = list(inspect.signature(function).parameters.values())[3:]
        for parameter in parameters:
            if parameter.default is parameter.empty:
                raise ConfigError(f"augmentation {name!r} has no default for {parameter.name!r}: add one")
        facts = {
            "function": staticmethod(function),
            "name": name,
            "stage": stage,
            "defaults": {parameter.name: parameter.default for parameter in parameters},
            **{key: getattr(function, key) for key in ("__doc__", "__module__", "__qualname__")},
        }
        _STEPS.add(name, type(function.__name__, (FunctionStep,), facts))
        return function

    return register


@dataclass(frozen=True)
class FunctionStep(Step):
    """A registered function over training clips, with its arguments."""

    function: ClassVar[ClipFunction]
    defaults: ClassVar[Mapping[str, Any]]
    train_only: ClassVar[bool] = True
    random: ClassVar[bool] = True

    arguments: tuple[tuple[str, Any], ...] = ()

    def __call__(self, draft: Draft) -> None:
        """Call the function."""
        draft.clip = type(self).function(draft.clip, draft.rng, draft.skeleton, **dict(self.arguments))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by name: the class is made by a decorator."""
        return make_step, ({self.name: {**dict(self.arguments), "only": self.only}},)

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Step:
        """Build the step from the function's keyword arguments; see `Step.from_arguments`."""
        values = dict(arguments)
        only = values.pop("only", None)
        for key in values:
            if key not in cls.defaults:
                raise unknown(f"argument of recipe step {cls.name!r}:", key, cls.defaults)
        return cls(tuple(sorted(values.items())), only=only)


def make_step(entry: object) -> Step:
    """Build a step from its entry in a recipe.

    Args:
        entry: A name, or a mapping of one name to its arguments, as in YAML: `time_crop` or
            `{time_crop: {probability: 0.5}}`.

    Returns:
        The step.

    Raises:
        ConfigError: If the name or an argument is unknown or not valid.
    """
    if isinstance(entry, Step):
        return entry
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, arguments),) = entry.items()
    else:
        name, arguments = entry, {}
    if not isinstance(name, str) or not isinstance(arguments, Mapping | None):
        raise ConfigError(
            f"recipe step {entry!r} is not valid: expected a name, or a name with a mapping of its arguments"
        )
    return _STEPS[name].from_arguments(arguments or {})


def insert_step(steps: Iterable[Step], step: Step) -> tuple[Step, ...]:
    """Add a step to others at the place of its stage: before the first step of a later stage.

    Args:
        steps: The others, in order.
        step: The step.

    Returns:
        All of them.
    """
    listed = list(steps)
    at = next((number for number, other in enumerate(listed) if other.stage > step.stage), len(listed))
    return (*listed[:at], step, *listed[at:])


def lacking(steps: Iterable[Step], skeleton: Skeleton) -> str:
    """Return what a skeleton lacks for some steps.

    Args:
        steps: The steps.
        skeleton: The layout of the joints.

    Returns:
        The end of an error message, with a place for a `hint`; "" where nothing is missing.
    """
    for step in steps:
        if step.only not in (None, skeleton.dimensions):
            continue
        for need in step.needs:
            if need == "3d" and skeleton.dimensions != 3:
                return (
                    f"needs 3D joints but skeleton {skeleton.name!r} has {skeleton.dimensions} dimensions: use {{hint}}"
                )
            if need == "2d" and skeleton.dimensions != 2:
                return f"moves images but skeleton {skeleton.name!r} has {skeleton.dimensions} dimensions: use {{hint}}"
            missing = [axis for axis in ("spine", "shoulders") if getattr(skeleton, axis) is None]
            if need == "axes" and missing:
                return (
                    f"turns spine and shoulders to the axes but skeleton {skeleton.name!r} has no "
                    f"{' and no '.join(missing)}: add them to the skeleton or use {{hint}}"
                )
    return ""


def check_value(step: Step, name: str, fine: bool, wanted: str) -> None:
    """Raise if a step cannot use a value.

    Args:
        step: The step; holds the value.
        name: Its field.
        fine: Whether the value is right.
        wanted: The expected values.

    Raises:
        ConfigError: If it is not.
    """
    if not fine:
        raise ConfigError(f"recipe step {step.name!r} has {name} {getattr(step, name)!r}: expected {wanted}")


def _frozen(value: Any) -> Any:
    return tuple(_frozen(item) for item in value) if isinstance(value, list | tuple) else value
