"""The published recipes as lists of steps, and how a name or an inline mapping becomes a recipe.

A recipe's name is one word, its family and its number of frames: `resample64`, or `resample32` for shorter clips;
`dualhead` alone means its published 300 frames. An inline recipe changes one of them:

    base: ucla52                 # where it starts from
    frames: 64                   # another number of frames
    bodies: 1                    # M
    sample: linear               # another step that samples frames
    scale: scale_uniformly       # another step that scales; null for none
    augment: [time_crop, ...]    # replaces everything that is done in training alone
    add: [repeat_single_body]    # further steps, each at the place of its stage
    without: [align_axes]        # steps of the base that are left out
    test_clips: {cuts: [[0, 1], [0, 0.8]], yaws: [0, -30, 30], average: logits}
    name: my_recipe              # what messages call it

or gives `steps`, the complete list in its order. A step is a name, or a name with its arguments:
`{time_crop: {probability: 0.5}}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from dualhead.data.recipes.augment import RandomMove, RandomRotation, RandomView, RandomWindow
from dualhead.data.recipes.families import families, recipe_names, register_recipe
from dualhead.data.recipes.recipe import Recipe
from dualhead.data.recipes.samplers import Pad, RepeatOrPad, Resize, Sampler, SortedFrames, SpreadFrames
from dualhead.data.recipes.step import Stage, Step, insert_step, make_step
from dualhead.data.recipes.steps import (
    AlignAxes,
    CentreEveryFrame,
    CentreImage,
    CentreOnFirst,
    CentreOnFrame0,
    Crop,
    DropEmptyFrames,
    LongestBodyFirst,
    RawCoordinates,
    ScaleImage,
    ScalePerAxis,
    TakeStream,
)
from dualhead.data.recipes.streams import STREAMS
from dualhead.data.recipes.test_clips import TestClips
from dualhead.runtime.errors import ConfigError, unknown

__all__ = ["RECIPES", "STREAMS", "Recipe", "RecipeSpec", "TestClips", "get_recipe", "register_recipe"]

RecipeSpec = str | Mapping[str, Any]
"""The specification of a recipe: its name, or the mapping of an inline recipe."""


@register_recipe("dualhead", frames=300, bare=True)
def _dualhead(frames: int) -> list[Step]:
    """Return the published preparation of DualHead-Net, MS-G3D and 2s-AGCN: 300 frames, two bodies, no augmentation.

    3D: each body's recording is repeated to the full length (`repeat_index`), every frame is centred on the first
    body's origin joint, spine and shoulders are turned to z and x. 2D: the image's middle becomes 0, y points up, the
    rest of the clip is zeros. Streams are taken last, so motion holds the seam of each repeat. Of a recording longer
    than the clip the first `frames` frames are kept.
    """
    return [
        CentreImage(only=2),
        RepeatOrPad(frames),
        CentreEveryFrame(only=3),
        AlignAxes(only=3),
        TakeStream(),
    ]


@register_recipe("resample", frames=64)
def _resample(frames: int) -> list[Step]:
    """Return CTR-GCN's preparation (Chen et al., ICCV 2021) and that of most successors: a stretch of 64 frames.

    One constant, the origin joint of body 0 in the first frame that has it, is subtracted from everything present; axes
    stay as recorded. Frames without a person are dropped. Train: a random stretch of 0.5 to 1 of the length, never
    under `frames` frames where the recording has them; test: the middle 95 %. The stretch is resized by linear
    interpolation, whatever its length. Train: rotated by three angles within 0.3 rad. Then bone, then motion. 3D only.
    """
    return [
        DropEmptyFrames(),
        CentreOnFirst(),
        Crop(min_frames=frames),
        Resize(frames),
        RandomRotation(0.3),
        TakeStream(),
    ]


@register_recipe("uniform", frames=100)
def _uniform(frames: int) -> list[Step]:
    """Return PYSKL's preparation (Duan et al., 2022): frames drawn evenly from the whole recording; ten test clips.

    3D: the body with more non-empty frames comes first, and only the frames that have it are kept; its origin joint in
    the first of them is subtracted from everything present; spine and shoulders are turned to z and x. 2D: coordinates
    are scaled by half the image size around its centre, and the scores of bones and motions are means
    (`to_stream_with_mean_scores`). Bone and motion are taken on the full recording, then frames are drawn
    (`spread_index`); test frames are the published ones (`published_spread`).
    """
    return [
        LongestBodyFirst(only=3),
        CentreOnFrame0(only=3),
        AlignAxes(only=3),
        ScaleImage(only=2),
        TakeStream(mean_scores=True),
        SpreadFrames(frames),
    ]


@register_recipe("ucla", frames=52, bodies=1)
def _ucla(frames: int) -> list[Step]:
    """Return the usual preparation of Northwestern-UCLA: one body, each axis scaled to -1..1, 52 frames.

    The origin joint of frame 0 is subtracted from every joint; train: rotated about y and x, each within 60 degrees,
    and scaled by 0.5 to 1.5; each axis of the clip is stretched to -1..1 (which undoes the centring and the scale; both
    are part of it as published). Train: frames drawn at random with repetition, sorted; test: at equal distances
    (`even_index`), whatever the length. Then bone, then motion. Only the first body is used. 3D only.
    """
    return [
        CentreOnFrame0(keep_missing=False),
        RandomView(60, (0.5, 1.5)),
        ScalePerAxis(),
        SortedFrames(frames),
        TakeStream(),
    ]


@register_recipe("moving", frames=300, normalised_by="dualhead")
def _moving(frames: int) -> list[Step]:
    """Return ST-GCN's preparation of Kinetics-Skeleton, also 2s-AGCN's: half of the frames, moved, in training.

    Clips are those of the `dualhead` recipe. Train: `frames` / 2 consecutive frames from a random start, of the padded
    clip, so that they may be zeros for the most part; then turned, resized and shifted (`random_move`). Test: all
    `frames` frames. As published, the stream is taken first and every stream is moved like joints. 2D only.
    """
    return [CentreImage(), RepeatOrPad(frames), TakeStream(), RandomWindow(max(1, frames // 2)), RandomMove()]


@register_recipe("stgcn_ntu", frames=300, bare=True)
def _stgcn_ntu(frames: int) -> list[Step]:
    """Return ST-GCN's preparation of NTU RGB+D (Yan et al., AAAI 2018): coordinates as recorded, zeros to 300 frames.

    Two bodies in the order of the file (the body selection `order`); no centring, no rotation, no augmentation. Of a
    longer recording the first `frames` frames are kept. 3D only.
    """
    return [RawCoordinates(), Pad(frames), TakeStream()]


@register_recipe("stgcn_kinetics", frames=300, bare=True)
def _stgcn_kinetics(frames: int) -> list[Step]:
    """Return ST-GCN's own preparation of Kinetics-Skeleton (Yan et al., AAAI 2018), in which y points down.

    The image's middle becomes 0 and the rest of 300 frames is zeros; train: half of them from a random start, turned,
    resized and shifted, as `moving300` does with y pointing up. 2D only.
    """
    return [CentreImage(up=False), Pad(frames), TakeStream(), RandomWindow(max(1, frames // 2)), RandomMove()]


RECIPES = tuple(recipe_names())
"""The recipes as published."""


def get_recipe(spec: RecipeSpec | Recipe) -> Recipe:
    """Return a recipe by name, or build an inline one.

    Args:
        spec: One of `RECIPES`, or the same family with another number of frames: `resample32`, `dualhead64`,
            `moving64`, `uniform48`, `ucla26`; or a mapping (see this module), also as JSON text. A `Recipe` is
            returned as it is.

    Returns:
        The recipe.

    Raises:
        ConfigError: If there is no such recipe (names the nearest), or the mapping is not valid.
    """
    if isinstance(spec, Recipe):
        return spec
    if isinstance(spec, str) and spec.startswith("{"):
        try:
            spec = json.loads(spec)
        except ValueError as error:
            raise ConfigError(f"recipe {spec!r} is neither a name nor a mapping in JSON: {error}") from error
    if isinstance(spec, Mapping):
        return _inline(spec)
    match = re.fullmatch(r"([A-Za-z_-]+)([1-9][0-9]{0,4})?", spec) if isinstance(spec, str) else None
    family = families()[match[1]] if match is not None and match[1] in families() else None
    if match is None or family is None or (match[2] is None and not family.bare):
        hint = "or the same words with another number of frames, such as resample32"
        raise unknown("recipe", str(spec), (*recipe_names(), hint))
    frames = int(match[2] or family.frames)
    return Recipe.from_family(match[1], frames)


_KEYS = ("base", "name", "frames", "bodies", "steps", "sample", "scale", "augment", "add", "without", "test_clips")
_CHANGES = ("sample", "scale", "augment", "add", "without")


def _inline(given: Mapping[str, Any]) -> Recipe:
    """Build the recipe of a mapping."""
    try:
        spec: dict[str, Any] = json.loads(json.dumps(given))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"recipe {given!r} holds values that JSON does not have: {error}") from error
    for key in spec:
        if key not in _KEYS:
            raise unknown("key of an inline recipe:", key, _KEYS)
    base = _base(spec)
    frames = spec.get("frames", None if base is None else base.frames)
    if base is not None and base.frames != frames:
        if not isinstance(frames, int) or isinstance(frames, bool) or not 1 <= frames < 100_000:
            raise ConfigError(f"recipe has frames {frames!r}: expected an integer of 1 or more")
        base = get_recipe(f"{base.name.rstrip('0123456789')}{frames}")
    steps = _changed(spec, base, frames)
    if not any(isinstance(step, TakeStream) for step in steps):
        steps = insert_step(steps, TakeStream())
    name = spec.get("name", "steps of its own" if base is None else f"{base.name} (changed)")
    if not isinstance(name, str) or not name.isprintable():
        raise ConfigError(f"recipe has name {name!r}: expected a text")
    bodies = spec.get("bodies", 2 if base is None else base.bodies)
    return Recipe(name, steps, bodies, _test_clips(spec, base), spec=spec)


def _base(spec: Mapping[str, Any]) -> Recipe | None:
    if "base" in spec:
        if not isinstance(spec["base"], str):
            raise ConfigError(f"recipe has base {spec['base']!r}: expected the name of a recipe, such as ucla52")
        return get_recipe(spec["base"])
    if "steps" not in spec:
        raise ConfigError("an inline recipe needs 'base', the recipe that it changes, or 'steps', the complete list")
    return None


def _changed(spec: Mapping[str, Any], base: Recipe | None, frames: object) -> tuple[Step, ...]:
    if "steps" in spec:
        if extra := [key for key in _CHANGES if key in spec]:
            raise ConfigError(f"an inline recipe has 'steps', the complete list, and {extra[0]!r}: pass one of the two")
        return tuple(_step(entry, frames) for entry in _entries(spec, "steps"))
    assert base is not None
    steps = base.steps
    for name in _entries(spec, "without"):
        if name not in [step.name for step in steps]:
            raise unknown(f"step of recipe {base.name!r}:", str(name), [step.name for step in steps])
        steps = tuple(step for step in steps if step.name != name)
    if "augment" in spec:
        steps = tuple(step for step in steps if not step.train_only)
        for step in [_step(entry, frames) for entry in _entries(spec, "augment")]:
            if not step.train_only:
                raise ConfigError(f"recipe step {step.name!r} counts in test too: pass it under 'add', not 'augment'")
            steps = insert_step(steps, step)
    if "sample" in spec:
        sampler = _step(spec["sample"], frames)
        if not isinstance(sampler, Sampler):
            raise ConfigError(f"recipe step {sampler.name!r} does not sample frames: pass one such as linear")
        at = next(number for number, step in enumerate(steps) if isinstance(step, Sampler))
        steps = (*steps[:at], sampler, *(step for step in steps[at:] if not isinstance(step, Sampler)))
    if "scale" in spec:
        steps = tuple(step for step in steps if step.stage is not Stage.SCALE)
        if spec["scale"] is not None:
            steps = insert_step(steps, _step(spec["scale"], frames))
    for entry in _entries(spec, "add"):
        steps = insert_step(steps, _step(entry, frames))
    return steps


def _entries(spec: Mapping[str, Any], key: str) -> Sequence[object]:
    entries = spec.get(key, [])
    if not isinstance(entries, list):
        raise ConfigError(f"recipe has {key} {entries!r}: expected a list of steps")
    return entries


def _step(entry: object, frames: object) -> Step:
    """Build a step; a sampler without a number of frames has that of the recipe."""
    try:
        return make_step(entry)
    except ConfigError:
        name = next(iter(entry), None) if isinstance(entry, Mapping) else entry
        arguments = (entry[name] or {}) if isinstance(entry, Mapping) and len(entry) == 1 else {}
        if frames is None or not isinstance(arguments, Mapping) or "frames" in arguments:
            raise
        try:
            step = make_step({name: {"frames": frames, **arguments}})
        except ConfigError:
            step = None
        if step is None:
            raise
        return step


def _test_clips(spec: Mapping[str, Any], base: Recipe | None) -> TestClips:
    clips = TestClips() if base is None else base.test_clips
    values = spec.get("test_clips", {})
    if not isinstance(values, Mapping):
        raise ConfigError(f"recipe has test_clips {values!r}: expected a mapping such as {{yaws: [0, -30, 30]}}")
    known = [entry.name for entry in fields(TestClips)]
    for key in values:
        if key not in known:
            raise unknown("key of test_clips:", key, known)
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return replace(clips, **given)
