"""Recordings from the output of a pose estimator, people frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import ArrayLike

from dualhead.data.bodies.people import select_people
from dualhead.formats.recording import Recording
from dualhead.reading.conventions import drop_repeated, scale_confidence
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton, get_skeleton


def join_frames(
    frames: Iterable[ArrayLike | None],
    skeleton: str | Skeleton,
    *,
    image_size: Sequence[int] | None = None,
    max_bodies: int = 2,
    name: str = "",
) -> SkeletonSequence:
    """Build a recording from key points that arrive frame by frame, for any number of people in any order.

    People are followed from frame to frame and those seen most are kept, each in a place of their own
    (`bodies.people.select_people`). A joint with NaN, with confidence 0 or at zero whatever its
    confidence is absent and becomes all zeros; a person who is reported twice in a frame is one person.

    Args:
        frames: For each frame the people in it, `(P, V, C)`, or `(P, V, C + 1)` with a confidence behind the
            coordinates; P may be 0, as `[]`, and None is not a person too.
        skeleton: The layout of the V joints, or its name, such as "coco17".
        image_size: Width and height in pixels, where flat coordinates are pixels and not fractions of the image.
        max_bodies: Number of people to keep.
        name: The recording's name.

    Returns:
        The recording, joints `(M, T, V, C)` with M from 0 to `max_bodies`.

    Raises:
        ConfigError: If a frame has another shape, some have a confidence and some have none, a coordinate is infinite,
            or the skeleton or the image size is not valid.
    """
    layout = get_skeleton(skeleton)
    if image_size is not None and (len(image_size) != 2 or min(image_size) < 1):
        raise ConfigError(
            f"image_size is {tuple(image_size)}: expected width and height in pixels, such as (1920, 1080)"
        )
    wanted = (layout.num_joints, layout.dimensions)
    people: list[np.ndarray[tuple[int, ...], np.dtype[np.float64]]] = []
    counts: list[int] = []
    for number, given in enumerate(frames):
        poses = np.zeros((0, *wanted)) if given is None else np.array(given, np.float64)
        if not poses.size:  # no person: None, [] or an array of no people
            counts.append(0)
            continue
        counts.append(len(poses))
        if poses.ndim != 3 or (poses.shape[1], poses.shape[2]) not in (wanted, (wanted[0], wanted[1] + 1)):
            raise ConfigError(
                f"frame {number} has shape {poses.shape}: skeleton {layout.name!r} needs (people, {wanted[0]}, "
                f"{wanted[1]}), or {wanted[1] + 1} with a confidence"
            )
        if people and people[0].shape[2] != poses.shape[2]:
            raise ConfigError(
                f"frame {number} has {poses.shape[2]} numbers per joint, those before {people[0].shape[2]}"
            )
        people.append(poses)
    scored = bool(people) and people[0].shape[2] > wanted[1]
    values = np.concatenate(people) if people else np.zeros((0, *wanted))
    absent = np.isnan(values).any(axis=2) | ((values[..., -1] <= 0) if scored else False)
    values[absent] = 0
    if not np.isfinite(values).all():
        raise ConfigError("a coordinate is infinite: expected NaN or confidence 0 for a joint that was not found")
    recording = Recording(
        joints=values[..., : wanted[1]],
        frames=np.repeat(np.arange(len(counts)), counts),
        slots=np.concatenate([np.arange(count) for count in counts] or [np.zeros(0, np.int64)]),
        num_frames=len(counts),
        confidence=values[..., -1] if scored else None,
    )
    recording, _ = drop_repeated(scale_confidence(recording)[0])
    joints, confidence = select_people(recording, max_bodies)
    size = {} if image_size is None else {"width": int(image_size[0]), "height": int(image_size[1])}
    return SkeletonSequence(joints, layout, name, None, confidence, size)
