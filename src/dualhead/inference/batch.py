"""A batch of recordings through every checkpoint, and what they say together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from dualhead.evaluation.clip_average import average_clips
from dualhead.evaluation.fusion import Method, combine_logits
from dualhead.evaluation.scores import softmax
from dualhead.inference.members import Member
from dualhead.inference.prediction import Prediction
from dualhead.layers.bodies import send
from dualhead.runtime.errors import ConfigError
from dualhead.sequence import SkeletonSequence


def predict_batch(
    sequences: Sequence[SkeletonSequence],
    members: Sequence[Member],
    weights: NDArray[np.float64],
    method: Method,
    classes: tuple[str, ...],
    device: torch.device,
) -> Iterator[Prediction]:
    """Predict a few recordings at once.

    Args:
        sequences: The recordings, of the members' skeleton.
        members: The checkpoints.
        weights: Their weights, `(n,)`.
        method: The quantity that is summed, "logits" or "softmax", as in `fuse`.
        classes: K class names.
        device: The device of the models.

    Yields:
        The prediction of each recording, in their order.

    Raises:
        ConfigError: If a logit is not finite.
    """
    parts = [_logits(member, sequences, device) for member in members]
    logits, names = combine_logits(parts, [member.model.heads for member in members], weights, method)  # (n, H, K)
    fused = softmax(logits.mean(axis=1, dtype=np.float64))  # (n, K)
    by_head = softmax(logits)
    by_stream = [softmax(part.mean(axis=1, dtype=np.float64)) for part in parts]
    for row, sequence in enumerate(sequences):
        known = sequence.label is not None and 0 <= sequence.label < len(classes)
        yield Prediction(
            name=sequence.name,
            classes=classes,
            probabilities=fused[row],
            heads={name: by_head[row, number] for number, name in enumerate(names)},
            streams={member.name: part[row] for member, part in zip(members, by_stream, strict=True)},
            label=sequence.label if known else None,
        )


def _logits(member: Member, sequences: Sequence[SkeletonSequence], device: torch.device) -> NDArray[np.float32]:
    recipe = member.recipe
    clips = torch.from_numpy(np.concatenate([recipe.clips(sequence, member.stream) for sequence in sequences]))
    with torch.inference_mode():
        logits = member.model(*send(clips, device)).float().cpu().numpy()  # (n * test_clips, H, K)
    odd = np.flatnonzero(~np.isfinite(logits).all(axis=(1, 2)))
    if odd.size:
        name = sequences[odd[0] // recipe.num_test_clips].name
        raise ConfigError(
            f"recording {name!r} has a logit that is not finite, from the checkpoint of "
            f"{member.name}: look for coordinates that no recording has, or for a checkpoint whose training failed"
        )
    return average_clips(logits, recipe.num_test_clips, recipe.test_clips.average)  # (n, H, K)
