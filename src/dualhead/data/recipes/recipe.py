"""What a recipe is: a list of steps from a recording to clips of fixed shape, and the registry of recipes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.step import Clip, Draft, Stage, Step, make_step
from dualhead.data.recipes.steps import Sampler, TakeStream, TestCut, TestYaw
from dualhead.data.recipes.streams import check_stream, is_temporal, stream_channels
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.registry import Registry
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

AVERAGES = ("probabilities", "logits")
"""What of several test clips is averaged."""


@dataclass(frozen=True)
class TestClips:
    """Which clips of a test sample are scored and averaged: every cut at every angle.

    The first cut at the first angle is the clip where one is wanted: in validation, and for one-clip figures.

    Attributes:
        cuts: Shares (start, stop) of the recording; (0, 1) is the whole.
        yaws: Degrees about the vertical axis.
        average: "probabilities" or "logits".
    """

    __test__: ClassVar[bool] = False  # no test case of pytest's

    cuts: tuple[tuple[float, float], ...] = ((0.0, 1.0),)
    yaws: tuple[float, ...] = (0.0,)
    average: str = "probabilities"

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            ConfigError: If a cut or an angle is outside its range, or the average is of neither kind.
        """
        try:
            cuts = tuple((float(start), float(stop)) for start, stop in self.cuts)
            yaws = tuple(float(yaw) for yaw in self.yaws)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"test_clips has cuts {self.cuts!r} and yaws {self.yaws!r}: give lists such as cuts: [[0, 1], [0, 0.8]]"
                " and yaws: [0, -30, 30]"
            ) from error
        if not cuts or not all(0 <= start < stop <= 1 for start, stop in cuts):
            raise ConfigError(f"test_clips has cuts {self.cuts!r}: give pairs of shares such as [0, 0.8], start first")
        if not yaws or not all(math.isfinite(yaw) and abs(yaw) <= 180 for yaw in yaws):
            raise ConfigError(f"test_clips has yaws {self.yaws!r}: give degrees from -180 to 180")
        if self.average not in AVERAGES:
            raise ConfigError(f"test_clips has average {self.average!r}: give {' or '.join(AVERAGES)}")
        object.__setattr__(self, "cuts", cuts)
        object.__setattr__(self, "yaws", yaws)

    def views(self) -> list[tuple[tuple[float, float], float]]:
        """Return every cut at every angle, the angles of the first cut first."""
        return [(cut, yaw) for cut in self.cuts for yaw in self.yaws]


@dataclass(frozen=True, eq=False)
class ClipTrace:
    """Where a clip comes from.

    Attributes:
        index: `(T,)` the recorded frame, from 0, that each frame of the clip shows; fractions where two are mixed, NaN
            where it shows nothing of the recording. Of the first body that is there, where a recipe lays out each body
            by itself.
        bodies: Bodies of the recording, in the order of the clip.
    """

    index: NDArray[np.float64]
    bodies: list[int]


@dataclass(frozen=True)
class Recipe:
    """From a recording to clips `(C, T, V, M)`.

    Joint clips have C = 3: x, y, z, or x, y, score for flat skeletons; other streams may have other channels. A
    recording in which nothing is present gives a clip of zeros.

    Attributes:
        name: What messages call it.
        steps: What is done, in order.
        bodies: M, the bodies of its clips; further ones are left out (`chosen_bodies`), missing ones are zeros.
        test_clips: Cuts and angles of the test clips.
        normalised_by: Name of the recipe whose normalisation and padding this one begins with.
        spec: What `get_recipe` takes to make it: a name, or the mapping of an inline recipe.
        frames: T, the length of its test clips.
        train_frames: T of its training clips.
        num_test_clips: Clips of a test sample.
        draws: Whether training clips are drawn at random.
    """

    name: str
    steps: tuple[Step, ...]
    bodies: int = 2
    test_clips: TestClips = field(default_factory=TestClips)
    normalised_by: str = ""
    spec: Any = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Check the steps and derive what they mean.

        Raises:
            ConfigError: If no step gives the clip its length, or there is not one `stream` step.
        """
        if not isinstance(self.bodies, int) or isinstance(self.bodies, bool) or self.bodies < 1:
            raise ConfigError(f"recipe {self.name!r} has bodies {self.bodies!r}: give a whole number of 1 or more")
        streams = [number for number, step in enumerate(self.steps) if isinstance(step, TakeStream)]
        if len(streams) != 1:
            raise ConfigError(f"recipe {self.name!r} has {len(streams)} steps 'stream': give one")
        steps = self.steps
        if len(self.test_clips.cuts) > 1 or self.test_clips.cuts[0] != (0.0, 1.0):
            steps = insert_step(steps, TestCut())
        if any(self.test_clips.yaws):
            steps = insert_step(steps, TestYaw())
        lengths = []
        for train in (False, True):
            frames = 0
            for step in steps:
                frames = step.frames_after(frames) if train or not step.train_only else frames
            lengths.append(frames)
        if not min(lengths):
            raise ConfigError(f"recipe {self.name!r} has no step that samples frames: add one, such as linear")
        count = math.prod(step.num_test_clips for step in steps)
        at = next(number for number, step in enumerate(steps) if isinstance(step, TakeStream))
        derived = {
            "frames": lengths[0],
            "train_frames": lengths[1],
            "num_test_clips": count * len(self.test_clips.views()),
            "draws": any(step.random for step in steps),
            "normalised_by": self.normalised_by or self.name,
            "spec": self.name if self.spec is None else self.spec,
            "_train": steps,
            "_test": tuple(step for step in steps if not step.train_only),
            # what is left to do where the coordinates are normalised and padded already, or where nobody is present
            "_stream": steps[at],
            "_final": tuple(step for step in steps[at + 1 :] if not isinstance(step, Sampler)),
            "_samples_last": any(isinstance(step, Sampler) for step in steps[at + 1 :]),
            "_checked_skeleton": None,
        }
        for key, value in derived.items():
            object.__setattr__(self, key, value)

    # derived in __post_init__
    frames: int = field(init=False, compare=False, repr=False)
    train_frames: int = field(init=False, compare=False, repr=False)
    num_test_clips: int = field(init=False, compare=False, repr=False)
    draws: bool = field(init=False, compare=False, repr=False)
    _train: tuple[Step, ...] = field(init=False, compare=False, repr=False)
    _test: tuple[Step, ...] = field(init=False, compare=False, repr=False)
    _stream: Step = field(init=False, compare=False, repr=False)
    _final: tuple[Step, ...] = field(init=False, compare=False, repr=False)
    _samples_last: bool = field(init=False, compare=False, repr=False)
    _checked_skeleton: Skeleton | None = field(init=False, compare=False, repr=False)

    def num_bodies(self, skeleton: Skeleton) -> int:
        """Return how many bodies (M) a clip of this skeleton has.

        Args:
            skeleton: The layout of the joints.

        Raises:
            ConfigError: If the recipe cannot be used with this skeleton.
        """
        self.check(skeleton)
        return self.bodies

    def channels(self, skeleton: Skeleton, stream: str = "joint") -> int:
        """Return how many channels (C) a clip of this skeleton has.

        Args:
            skeleton: The layout of the joints.
            stream: The name of a stream; see `get_streams`.

        Raises:
            ConfigError: If the recipe cannot be used with this skeleton, or the stream is unknown.
        """
        self.check(skeleton)
        return stream_channels(stream, _CHANNELS)

    def check(self, skeleton: Skeleton) -> None:
        """Refuse a skeleton that lacks what a step needs.

        Args:
            skeleton: The layout of the joints.

        Raises:
            ConfigError: If something is missing; names what.
        """
        if skeleton is self._checked_skeleton:
            return
        lacking = _lacking(self._train, skeleton)
        if lacking:
            names = [name for name in recipe_names() if not _lacking(_build(name).steps, skeleton)]
            hint = f"{_quoted(names)}, at this or another number of frames"
            raise ConfigError(f"recipe {self.name!r} {lacking.format(hint=hint)}")
        object.__setattr__(self, "_checked_skeleton", skeleton)

    def chosen_bodies(self, sequence: SkeletonSequence) -> list[int]:
        """Return which bodies of a recording a clip is made of.

        Convention: the first; of a recording with more bodies than a clip, the first that are seen in it.

        Args:
            sequence: A raw recording, or a part of one.

        Returns:
            Bodies of the recording, at most M.
        """
        if sequence.num_bodies <= self.bodies:
            return list(range(sequence.num_bodies))
        found: list[int] = np.flatnonzero(sequence.joints.any(axis=(1, 2, 3))).tolist()
        return found[: self.bodies]

    def clip(
        self, sequence: SkeletonSequence, stream: str, train: bool = False, rng: np.random.Generator | None = None
    ) -> Clip:
        """Make one clip; for test the first of the recipe's test clips.

        Args:
            sequence: A recording, of any length and number of bodies.
            stream: The name of a stream; see `get_streams`.
            train: Draw a training clip instead of the test clip.
            rng: Source of the draws; needed if `train`, not used otherwise.

        Returns:
            float32 `(C, T, V, M)`, T being `train_frames` if `train`, else `frames`.

        Raises:
            ConfigError: If the stream is unknown, the skeleton unsuitable or the generator missing.
        """
        if train and self.draws and rng is None:
            raise ConfigError(
                f"recipe {self.name!r} draws its training clips: give rng, such as numpy.random.default_rng(0)"
            )
        draft = self._start(sequence, stream, rng if train else None)
        if not self._ready(draft):
            self._set_view(draft, 0)
            for step in self._test if draft.rng is None else self._train:
                self._apply(step, draft)
                if draft.empty:
                    self._finish_empty(draft)
                    break
        return self._padded(draft)

    def clips(self, sequence: SkeletonSequence, stream: str) -> Clip:
        """Make all test clips of a recording.

        Args:
            sequence: A recording, of any length and number of bodies.
            stream: The name of a stream; see `get_streams`.

        Returns:
            float32 `(num_test_clips, C, T, V, M)`; those of the first cut and angle come first.

        Raises:
            ConfigError: If the stream is unknown or the skeleton unsuitable.
        """
        if self.num_test_clips == 1:
            return self.clip(sequence, stream)[None]
        draft = self._start(sequence, stream, None)
        if self._ready(draft):
            return np.repeat(self._padded(draft)[None], self.num_test_clips, axis=0)
        made: list[Clip] = []
        for view in range(len(self.test_clips.views())):
            drafts = [draft.copy()]
            self._set_view(drafts[0], view)
            for step in self._test:
                if step.num_test_clips > 1:
                    drafts = [part for one in drafts for part in step.test_drafts(one)]
                else:
                    for one in drafts:
                        self._apply(step, one)
                if drafts[0].empty:
                    self._finish_empty(drafts[0])
                    return np.repeat(self._padded(drafts[0])[None], self.num_test_clips, axis=0)
            made += [self._padded(one) for one in drafts]
        return np.stack(made)

    def trace(self, sequence: SkeletonSequence) -> ClipTrace:
        """Return which frames and bodies of a recording the first test clip shows.

        Args:
            sequence: The recording, raw.

        Returns:
            Frames and bodies; see `ClipTrace`.

        Raises:
            ConfigError: If the recording was normalised before, or the skeleton is unsuitable.
        """
        if sequence.prepared:
            raise ConfigError(
                f"sequence {sequence.name!r} was normalised and padded before: its frames are not as recorded"
            )
        draft = self._start(sequence, "joint", None)
        if not self._ready(draft):
            self._set_view(draft, 0)
            for step in self._test:
                self._apply(step, draft)
                if draft.empty:
                    break
        if draft.empty:
            return ClipTrace(np.full(self.frames, np.nan), draft.bodies)
        return ClipTrace(draft.index, draft.bodies)

    def _start(self, sequence: SkeletonSequence, stream: str, rng: np.random.Generator | None) -> Draft:
        self.check(sequence.skeleton)
        check_stream(stream)
        if sequence.num_bodies > self.bodies and not sequence.prepared:
            bodies = self.chosen_bodies(sequence)
            return Draft(sequence.with_bodies(bodies), bodies, stream, rng)
        return Draft(sequence, list(range(sequence.num_bodies)), stream, rng)

    def _ready(self, draft: Draft) -> bool:
        """Finish a draft of coordinates that are normalised and padded already, or of nobody."""
        if draft.sequence.prepared:
            self._lay_out_prepared(draft)
            self._apply(self._stream, draft)
            self._finish(draft)
            return True
        joints = draft.joints
        # a flat key point at (0, 0) may still have a score
        if not (joints.any() if draft.skeleton.dimensions == 3 else joints.size):
            draft.empty = True
            self._finish_empty(draft)
        return draft.empty

    def _finish_empty(self, draft: Draft) -> None:
        channels = self.channels(draft.skeleton, draft.stream)
        draft.clip = np.zeros((channels, self.frames, draft.skeleton.num_joints, self.bodies), dtype=np.float32)
        draft.index = np.full(self.frames, np.nan)
        self._finish(draft)

    def _finish(self, draft: Draft) -> None:
        for step in self._final:
            if draft.rng is not None or not step.train_only:
                self._apply(step, draft)

    def _apply(self, step: Step, draft: Draft) -> None:
        if step.only is None or step.only == draft.skeleton.dimensions:
            if step.pads:
                draft.clip = self._padded(draft)
            step(draft)

    def _set_view(self, draft: Draft, number: int) -> None:
        draft.cut, draft.yaw = self.test_clips.views()[number]

    def _padded(self, draft: Draft) -> Clip:
        clip = draft.clip
        if clip.shape[3] == self.bodies:
            return np.ascontiguousarray(clip, dtype=np.float32)
        padded = np.zeros((*clip.shape[:3], self.bodies), dtype=np.float32)
        padded[..., : clip.shape[3]] = clip
        return padded

    def _lay_out_prepared(self, draft: Draft) -> None:
        """Lay out joints that this recipe has normalised and padded before.

        Raises:
            ConfigError: If another recipe has: what it did can neither be undone nor done twice.
        """
        sequence = draft.sequence
        if sequence.prepared != self.normalised_by:
            raise ConfigError(
                f"sequence {sequence.name!r} was normalised and padded by recipe {sequence.prepared!r} before it was "
                f"stored: use that recipe, or prepare the raw recordings to use {self.name!r}"
            )
        if self._samples_last and is_temporal(draft.stream):
            raise ConfigError(
                f"recipe {self.name!r} takes motion on the whole recording, of which sequence {sequence.name!r} has "
                "the frames alone that were drawn before it was stored: use the stream joint or bone, or prepare the "
                "raw recordings"
            )
        joints = sequence.joints[: self.bodies, : self.frames]
        bodies, frames, num_joints, channels = joints.shape
        joint = np.zeros((_CHANNELS, self.frames, num_joints, bodies), dtype=np.float32)
        joint[:channels, :frames] = joints.transpose(3, 1, 2, 0)
        if sequence.confidence is not None:
            joint[channels, :frames] = sequence.confidence[: self.bodies, : self.frames].transpose(1, 2, 0)
        draft.clip = joint
        draft.index = np.arange(self.frames, dtype=np.float64)


_CHANNELS = 3  # of joint clips: x, y, z, or x, y, score


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


def _lacking(steps: Iterable[Step], skeleton: Skeleton) -> str:
    """Return what a skeleton lacks for some steps, as the end of an error message with a place for a hint."""
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


def _quoted(names: Sequence[str]) -> str:
    quoted = [repr(name) for name in names]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


Builder = Callable[[int], Sequence[object]]
BuilderFunction = TypeVar("BuilderFunction", bound=Builder)


@dataclass(frozen=True)
class Family:
    """A registered recipe, at any number of frames."""

    build: Builder
    frames: int
    bare: bool
    options: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Take over where the function is defined, by which the registry tells a reload from a second definition."""
        for key in ("__module__", "__qualname__"):
            object.__setattr__(self, key, getattr(self.build, key))

    def recipe(self, name: str, frames: int) -> Recipe:
        """Build the recipe `name` at a number of frames."""
        options = dict(self.options)
        prefix = options.pop("normalised_by", None)
        return Recipe(
            name,
            tuple(make_step(entry) for entry in self.build(frames)),
            normalised_by="" if prefix is None else family_name(prefix, frames),
            **options,
        )


_FAMILIES: Registry[Family] = Registry("recipe")


def register_recipe(
    name: str,
    *,
    frames: int,
    bodies: int = 2,
    test_clips: TestClips | None = None,
    bare: bool = False,
    normalised_by: str | None = None,
) -> Callable[[BuilderFunction], BuilderFunction]:
    """Register a function as a recipe: it takes the number of frames and returns the steps, as `make_step` takes them.

    Args:
        name: Lower-case letters and underscores. Recipes are then called by it and their number of frames: `name64`.
        frames: The number of frames that the recipe is known with.
        bodies: M of its clips.
        test_clips: Cuts and angles of its test clips. Default: the whole recording as it is.
        bare: The name alone, without a number, means `frames` frames.
        normalised_by: The registered recipe whose normalisation and padding it shares, if it is another.

    Returns:
        A decorator; it returns the function as it was.

    Raises:
        ConfigError: If the name is taken or not valid.
    """
    if any(letter.isdigit() for letter in name):
        raise ConfigError(f"recipe name {name!r} cannot be registered: leave out digits, which say a number of frames")
    options = {"bodies": bodies, "test_clips": test_clips or TestClips(), "normalised_by": normalised_by}

    def register(function: BuilderFunction) -> BuilderFunction:
        _FAMILIES.add(name, Family(function, frames, bare, options))
        return function

    return register


def families() -> Registry[Family]:
    """Return the registered recipes."""
    return _FAMILIES


def family_name(name: str, frames: int) -> str:
    """Return what a registered recipe is called at a number of frames."""
    family = _FAMILIES[name]
    return name if family.bare and frames == family.frames else f"{name}{frames}"


def recipe_names() -> list[str]:
    """Return the names of the registered recipes, each at the number of frames that it is known with."""
    return [family_name(name, family.frames) for name, family in _FAMILIES.items()]


def _build(name: str) -> Recipe:
    key = name.rstrip("0123456789")
    return _FAMILIES[key].recipe(name, _FAMILIES[key].frames)


__all__ = [
    "AVERAGES", "ClipTrace", "Family", "Recipe", "Stage", "TestClips", "families", "family_name", "insert_step",
    "recipe_names", "register_recipe",
]  # fmt: skip
