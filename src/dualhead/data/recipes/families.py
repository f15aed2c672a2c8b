"""The registered recipes: functions from a number of frames to steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from dualhead.data.recipes.step import Step, lacking, make_step
from dualhead.data.recipes.test_clips import TestClips
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.registry import Registry
from dualhead.skeleton import Skeleton

Builder = Callable[[int], Sequence[object]]
BuilderFunction = TypeVar("BuilderFunction", bound=Builder)


@dataclass(frozen=True)
class Family:
    """A registered recipe, at any number of frames.

    Attributes:
        build: Returns the steps for a number of frames.
        frames: The number of frames that the recipe is known with.
        bodies: M of its clips.
        test_clips: Cuts and angles of its test clips.
        bare: Whether the name without a number means `frames` frames.
        normalised_by: The registered recipe whose normalisation and padding it shares; "": none.
    """

    build: Builder
    frames: int
    bodies: int
    test_clips: TestClips
    bare: bool
    normalised_by: str

    def __post_init__(self) -> None:
        """Copy the function's module and name, so that the registry recognises a reload."""
        for key in ("__module__", "__qualname__"):
            object.__setattr__(self, key, getattr(self.build, key))

    def steps(self, frames: int) -> tuple[Step, ...]:
        """Build the steps for a number of frames."""
        return tuple(make_step(entry) for entry in self.build(frames))


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
        raise ConfigError(f"recipe name {name!r} cannot be registered: omit digits, which set the number of frames")

    def register(function: BuilderFunction) -> BuilderFunction:
        family = Family(function, frames, bodies, test_clips or TestClips(), bare, normalised_by or "")
        _FAMILIES.add(name, family, function)
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


def suitable_recipes(skeleton: Skeleton) -> list[str]:
    """Return those of `recipe_names` that can be used with a skeleton."""
    return [
        family_name(name, family.frames)
        for name, family in _FAMILIES.items()
        if not lacking(family.steps(family.frames), skeleton)
    ]
