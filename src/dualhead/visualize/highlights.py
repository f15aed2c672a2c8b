"""Choosing clips worth looking at: a right one and the most confident mistakes."""

from __future__ import annotations

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from dualhead.data.store.store import Store
from dualhead.evaluation.scores import Scores, softmax
from dualhead.runtime.errors import ConfigError
from dualhead.visualize.page import Clip, make_clip
from dualhead.visualize.recordings import take_sample
from dualhead.visualize.result_table import ResultTable
from dualhead.visualize.scene import make_scene

FPS = 30.0
"""Frames per second of the supported data sets."""


def choose(scores: Scores, mistakes: int) -> list[int]:
    """Choose rows of scores.

    Args:
        scores: The scores.
        mistakes: Number of wrong clips.

    Returns:
        The right sample whose confidence is the median of the right ones, if any is right; then the wrong samples of
        highest confidence, each of another true class as long as there is one. Ties go to the earlier name.
    """
    probabilities = scores.probabilities
    confidence = probabilities.max(axis=1)  # (N,)
    right = scores.predictions == scores.labels
    order = np.lexsort((scores.names, -confidence))  # most confident first
    hits = order[right[order]]
    return [
        *hits[len(hits) // 2 : len(hits) // 2 + 1].tolist(),
        *_spread(order[~right[order]], scores.labels)[:mistakes],
    ]


def _spread(rows: NDArray[np.int64], labels: NDArray[np.int64]) -> list[int]:
    """Sort rows so that the first of every class comes before the second of any."""
    rounds: dict[int, int] = {}
    keys = []
    for row in rows:
        label = int(labels[row])
        rounds[label] = rounds.get(label, 0) + 1
        keys.append(rounds[label])
    return [int(row) for _, row in sorted(zip(keys, rows, strict=True), key=lambda pair: pair[0])]


def pick_clips(table: ResultTable, store: Store, mistakes: int) -> list[Clip]:
    """Choose clips and make them ready for the player.

    Args:
        table: The scores.
        store: The store they are of.
        mistakes: Number of wrong clips.

    Returns:
        The clips; one that contains no body is passed over for the next.
    """
    scores = table.scores
    clips = []
    for row in choose(scores, mistakes):
        sequence, _ = take_sample(store, str(scores.names[row]))
        try:
            scene = make_scene(sequence)
        except ConfigError:
            continue  # a recording without a body can be scored, not drawn
        truth, predicted = scores.classes[scores.labels[row]], scores.classes[scores.predictions[row]]
        right = truth == predicted
        label = f"{scores.names[row]}, true {truth}, predicted {predicted}"
        clips.append(make_clip(scene, fps=FPS, label=label, caption=_caption(table, row, truth, predicted, right)))
    return clips


def _caption(table: ResultTable, row: int, truth: str, predicted: str, right: bool) -> Markup:
    scores = table.scores
    tag = Markup('<span class="tag {}">{}</span>').format("good" if right else "bad", "right" if right else "wrong")
    share = 100 * scores.probabilities[row].max()
    lines = [
        Markup("<p>{} predicted <b>{}</b> ({:.0f} %)</p>").format(tag, predicted, share),
        Markup("<p>true class <b>{}</b></p>").format(truth),
    ]
    if len(scores.heads) > 1:
        parts = []
        for number, head in enumerate(scores.heads):
            chances = softmax(scores.logits[row, number])
            parts.append(f"{head}: {scores.classes[int(chances.argmax())]} ({100 * chances.max():.0f} %)")
        lines.append(Markup('<p class="soft">{}</p>').format(" · ".join(parts)))
    lines.append(Markup('<p class="code">{}</p>').format(str(scores.names[row])))
    return Markup("").join(lines)
