"""Named steps that convert a recording to a clip, and their registry.

A step is a small frozen dataclass; calling it changes a `Draft`, the clip in the making. `register_step` adds a class
of steps, `register_augmentation` wraps a plain function over clips, so that an augmentation is one decorated function.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from enum import IntEnum
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.normalize import centre_once, image_clip, to_clip
from dualhead.runtime.errors import ConfigError, unknown
from dualhead.runtime.registry import Registry
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

Clip = NDArray[np.float32]


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


class Draft:
    """A clip in the making: the recording, what is taken from it, and what has become of it.

    The recording is laid out as a clip when `clip` is first requested; until then `take` only notes frames.

    Attributes:
        sequence: The recording, reduced to the bodies of the recipe.
        skeleton: The layout of its joints.
        joints: Its coordinates `(M, T, V, C)`, in the order of `bodies`.
        bodies: The indices of these bodies in the recording.
        length: T, the number of frames so far.
        index: `(T,)` the recorded frame that each frame of the clip shows; fractions where two are mixed, NaN where it
            shows nothing. Of the first body that is there, where a recipe lays out each body by itself. None if no
            person wants to know.
        up: The axis that points up (1: y, 2: z), or down; rotations about the vertical use it.
        stream: Name of the stream that is wanted.
        rng: Source of training draws; None for test.
        cut: Shares (start, stop) of the recording that this test clip shows.
        yaw: Degrees about the vertical axis that this test clip is turned by.
        empty: Whether no person is in the recording: the clip is zeros.

    Args:
        sequence: The recording, reduced to the bodies of the recipe.
        bodies: The indices of these bodies in the recording.
        stream: Name of the stream that is wanted.
        rng: Source of training draws; None for test.
        trace: Keep `index`.
    """

    __slots__ = (
        "_clip", "_filled", "_origin", "_rows", "bodies", "cut", "empty", "index", "joints", "length", "rng",
        "sequence", "skeleton", "stream", "up", "yaw",
    )  # fmt: skip

    def __init__(
        self,
        sequence: SkeletonSequence,
        bodies: list[int],
        stream: str = "joint",
        rng: np.random.Generator | None = None,
        trace: bool = False,
    ):
        self.sequence = sequence
        self.skeleton: Skeleton = sequence.skeleton
        self.joints: NDArray[np.float32] = sequence.joints
        self.bodies = bodies
        self.length: int = self.joints.shape[1]
        self.index: NDArray[np.float64] | None = np.arange(self.length, dtype=np.float64) if trace else None
        self.up = 1
        self.stream = stream
        self.rng = rng
        self.cut = (0.0, 1.0)
        self.yaw = 0.0
        self.empty = False
        self._clip: Clip | None = None
        self._filled: NDArray[np.bool_] | None = None
        self._origin: NDArray[np.float32] | None = None
        self._rows: NDArray[np.intp] | slice = slice(None)

    @property
    def clip(self) -> Clip:
        """The clip so far, `(C, T, V, M)`."""
        if self._clip is None:
            self._clip = self._lay_out(self._rows)
        return self._clip

    @clip.setter
    def clip(self, value: Clip) -> None:
        self._clip = value
        self.length = value.shape[1]

    def recorded(self) -> NDArray[np.float32]:
        """Return the coordinates so far, `(M, T, V, C)`."""
        return self.joints[:, self._rows] if self._clip is None else self._clip.transpose(3, 1, 2, 0)

    def frame(self, number: int) -> NDArray[np.float32]:
        """Return the coordinates `(M, V, C)` of one of the frames so far."""
        if self._clip is not None:
            return self._clip[:, number].transpose(2, 1, 0)
        rows = self._rows
        return self.joints[
            :, range(*rows.indices(self.joints.shape[1]))[number] if isinstance(rows, slice) else rows[number]
        ]

    def filled(self) -> NDArray[np.bool_]:
        """Return the frames `(M, T)` that hold something of each body."""
        if self._clip is not None:
            return np.asarray(self._clip.any(axis=(0, 2)).T)
        if self._filled is None:
            self._filled = np.any(self.recorded(), axis=(2, 3))
        return self._filled

    def reorder(self, order: NDArray[np.intp]) -> None:
        """Reorder the bodies, or repeat some of them.

        Args:
            order: `(M',)` numbers of bodies, of those so far.
        """
        self.bodies = [self.bodies[row] for row in order]
        self._filled = None if self._filled is None else self._filled[order]
        if self._clip is not None:
            self._clip = self._clip[..., order]
        else:
            self.joints = self.joints[order]

    def centre(self, point: NDArray[np.float32]) -> None:
        """Subtract a point from what is present, now or when the recording is laid out (`centre_once`).

        Args:
            point: `(C,)`.
        """
        if self._clip is not None:
            self._clip = centre_once(self._clip, point)
        else:
            self._origin = point

    def take(self, rows: NDArray[np.intp] | slice) -> None:
        """Select some of the frames.

        Args:
            rows: Numbers or a slice of frames, of those kept so far.
        """
        if self.index is not None:
            self.index = self.index[rows]
        if self._clip is not None:
            self._clip = _frames(self._clip, rows)
        else:
            self._rows = self._below(rows)
            self._filled = None if self._filled is None else self._filled[:, rows]
        self.length = len(range(*rows.indices(self.length))) if isinstance(rows, slice) else len(rows)

    def mix(self, low: NDArray[np.intp], high: NDArray[np.intp], weight: NDArray[np.float32]) -> None:
        """Replace the frames by mixtures of two: low + weight * (high - low).

        Convention: a joint that is missing counts as it stands, (0, 0, 0) in raw coordinates.

        Args:
            low: `(T',)` frames of those kept so far.
            high: `(T',)` likewise.
            weight: `(T',)`, the share of `high`.
        """
        if self._clip is None and self.length > 2 * len(low):  # to lay out two frames of each is less
            kept = self._below(slice(None))
            first, second = (low, high) if isinstance(kept, slice) else (kept[low], kept[high])
            before, after = self._lay_out(first), self._lay_out(second)
        else:
            before, after = self.clip.take(low, axis=1), self.clip.take(high, axis=1)
        after -= before
        after *= weight[:, None, None]
        after += before
        self._clip = after
        if self.index is not None:
            start = self.index[low]
            self.index = start + weight * (self.index[high] - start)
        self.length = len(low)

    def copy(self) -> Draft:
        """Return a draft that goes its own way from here."""
        made = object.__new__(Draft)
        for name in Draft.__slots__:
            setattr(made, name, getattr(self, name))
        return made

    def _below(self, rows: NDArray[np.intp] | slice) -> NDArray[np.intp] | slice:
        """Return the recorded frames of some of those kept so far."""
        if isinstance(self._rows, slice) and self._rows == slice(None):
            return rows
        kept = np.arange(self.joints.shape[1])[self._rows] if isinstance(self._rows, slice) else self._rows
        return kept[rows]

    def _lay_out(self, rows: NDArray[np.intp] | slice) -> Clip:
        if self.skeleton.dimensions == 2:
            return image_clip(self.sequence, self.sequence.num_bodies)[:, rows]
        clip = to_clip(_frames(self.joints, rows))
        return clip if self._origin is None else centre_once(clip, self._origin)


def _frames(values: NDArray[np.float32], rows: NDArray[np.intp] | slice) -> NDArray[np.float32]:
    """Return some of the frames of `(., T, ...)`; `take` is twice as fast as an index."""
    return values[:, rows] if isinstance(rows, slice) else values.take(rows, axis=1)


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
Augmentation = Callable[..., Clip]
AugmentationFunction = TypeVar("AugmentationFunction", bound=Augmentation)


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


def register_augmentation(
    name: str, stage: Stage = Stage.CLIP
) -> Callable[[AugmentationFunction], AugmentationFunction]:
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

    def register(function: AugmentationFunction) -> AugmentationFunction:
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

    function: ClassVar[Augmentation]
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
