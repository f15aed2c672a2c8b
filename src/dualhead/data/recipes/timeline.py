"""Where in a recording the frames of a clip come from, for showing what a model saw when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dualhead.data.recipes.recipe import Recipe
from dualhead.data.recipes.recipes import DualheadRecipe, ResampleRecipe, UclaRecipe, UniformRecipe
from dualhead.data.recipes.sampling import even_index, linear_resize, middle_crop, repeat_index, wrapped_index
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence


def clip_places(recipe: Recipe, sequence: SkeletonSequence) -> NDArray[np.float64]:
    """Say which frame of a recording each frame of its first test clip shows.

    Args:
        recipe: What makes the clip.
        sequence: The recording, raw.

    Returns:
        `(T,)` frames from 0, fractions where two are mixed; NaN where a frame shows nothing of it. Where a recipe lays
        out each body by itself, those of the first body that is there; where it draws one frame out of a stretch, the
        middle of the stretch.

    Raises:
        ConfigError: If the recipe is of a family that is not known here, or the recording was normalised before.
    """
    if sequence.prepared:
        raise ConfigError(
            f"sequence {sequence.name!r} was normalised and padded before: its frames are not as recorded"
        )
    filled = _filled(sequence, recipe.chosen_bodies(sequence))
    places = np.full(recipe.frames, np.nan)
    seen = np.flatnonzero(filled.any(axis=0))
    if not seen.size:
        return places
    if isinstance(recipe, DualheadRecipe):
        if sequence.skeleton.dimensions == 2:
            length = min(sequence.num_frames, recipe.frames)
            places[:length] = np.arange(length)
            return places
        rows = (repeat_index(body, recipe.frames) for body in filled)
        return next((row.astype(np.float64) for row in rows if row.size), places)
    if isinstance(recipe, ResampleRecipe):
        start, length = middle_crop(seen.size, 0.95)
        low, high, weight = linear_resize(length, recipe.frames)
        before, after = seen[start + low], seen[start + high]
        return (before + weight * (after - before)).astype(np.float64)
    if isinstance(recipe, UniformRecipe):
        kept = np.arange(sequence.num_frames)
        if sequence.skeleton.dimensions == 3:
            kept = np.flatnonzero(filled[int(filled.sum(axis=1).argmax())])
        if kept.size < recipe.frames:
            return kept[wrapped_index(kept.size, recipe.frames, 0)].astype(np.float64)
        middles = (np.arange(recipe.frames) + 0.5) * kept.size / recipe.frames - 0.5
        return np.interp(middles, np.arange(kept.size), kept)
    if isinstance(recipe, UclaRecipe):
        return even_index(sequence.num_frames, recipe.frames).astype(np.float64)
    raise ConfigError(f"recipe {recipe.name!r} does not say which frames it takes")


def clip_bodies(recipe: Recipe, sequence: SkeletonSequence) -> list[int]:
    """Say which body of a recording each body of its test clips is.

    Args:
        recipe: What makes the clips.
        sequence: The recording.

    Returns:
        Bodies of the recording, at most M, in the order of the clip.
    """
    bodies = recipe.chosen_bodies(sequence)
    if isinstance(recipe, UniformRecipe) and sequence.skeleton.dimensions == 3:
        return [bodies[row] for row in np.argsort(-_filled(sequence, bodies).sum(axis=1), kind="stable")]
    return bodies


def _filled(sequence: SkeletonSequence, bodies: list[int]) -> NDArray[np.bool_]:
    """Say which of some bodies are there in which frames: `(M, T)`."""
    joints = sequence.joints[bodies]
    return (joints != 0).reshape(*joints.shape[:2], -1).any(axis=2) if joints.size else np.zeros(joints.shape[:2], bool)
