"""Fusing the scores of several streams or models into one prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from dualhead.evaluation.joining import join, label_of, match_validation, stream_names
from dualhead.evaluation.metrics import Metrics, measure, measure_heads, sample_figures, summarise_samples
from dualhead.evaluation.scores import Scores, as_scores, cache_blocks, label_log_probability, mean_of_heads, softmax
from dualhead.evaluation.weights import WeightsName, given_weights, search_weights
from dualhead.runtime.errors import ConfigError, MismatchError, unknown
from dualhead.runtime.files import check_apart, check_writable
from dualhead.runtime.progress import show_progress
from dualhead.version import __version__

Method = Literal["logits", "softmax"]
"""The quantity that is summed: the streams' logits, or their probabilities."""


@dataclass(frozen=True, eq=False)
class StreamShare:
    """The share of one stream in a fusion.

    Attributes:
        name: Its stream, unique in the fusion ("joint"; of two models "joint dualhead", "joint msg3d").
        weight: Its weight; all sum to 1.
        metrics: Its figures alone, by head, its prediction as "mean".
        without: The fusion's figures without it, the other weights kept; None where nothing would be left.
        drop: Top-1 accuracy that the fusion loses without it, -1 to 1; None where nothing would be left.
        scores: Its scores, in the sample order of the fusion.
    """

    name: str
    weight: float
    metrics: dict[str, Metrics]
    without: Metrics | None
    drop: float | None
    scores: Scores


@dataclass(frozen=True, eq=False)
class FusionResult:
    """A fusion and where it comes from.

    Attributes:
        scores: The fused scores, with the weights in their provenance.
        streams: The share of each stream, in the order given.
        metrics: The fusion's figures: each head fused over the streams, and the fused prediction as "mean".
        method: The quantity that was summed, "logits" or "softmax".
        weighting: The source of the weights: one of `NAMED_WEIGHTS`, "given" or "validation".
        validation: The figures on the validation samples on which the weights were found, or None.
    """

    scores: Scores
    streams: tuple[StreamShare, ...]
    metrics: dict[str, Metrics]
    method: Method
    weighting: str
    validation: Metrics | None

    @property
    def weights(self) -> dict[str, float]:
        """The weight of each stream by its name; they sum to 1."""
        return {stream.name: stream.weight for stream in self.streams}


def fuse(
    scores: Sequence[Scores | str | Path],
    weights: Sequence[float] | Mapping[str, float] | WeightsName | None = None,
    *,
    validation: Sequence[Scores | str | Path] | None = None,
    out: str | Path | None = None,
    method: Method = "logits",
    allow_same_stream: bool = False,
    quiet: bool = False,
) -> FusionResult:
    """Fuse the scores of several streams or models.

    Samples are joined by name. With "logits" (the default, and how this field publishes its multi-stream results) the
    fused logits are the weighted mean of the streams' logits, head by head, so the fused prediction is the weighted
    mean of the streams' predictions. With "softmax" the probabilities of the streams' predictions are averaged, which
    suits models whose logits differ in scale; the fused scores then have one head, "fused", with the logs of that
    average, as they do when the streams' heads have different names.

    Args:
        scores: Scores or score files of different streams or models on the same samples.
        weights: One number a score file, in their order; or numbers by stream; or "equal"; or "published" (0.6, for
            streams of motion 0.4); or "pyskl" (2, for streams of motion 1). They are divided by their sum. Default:
            equal.
        validation: Score files of the same checkpoints on the validation split, in any order: the weights with the
            highest top-1 accuracy there are used. Not together with `weights`.
        out: Score file to write the fusion to.
        method: "logits" or "softmax".
        allow_same_stream: Take two score files of the same stream, model and variant, such as runs of two seeds.
        quiet: Show no progress.

    Returns:
        The fused scores, each stream's share and all figures.

    Raises:
        FormatError: If a score file cannot be read.
        ConfigError: If the weights or the method cannot be used, both `weights` and `validation` are given, there is no
            list, a score file contains no sample, or `out` is one of the score files.
        MismatchError: If the scores do not match, naming the field that differs; if a validation file is not
            of split "validation" or not of the same checkpoint.
    """
    if method not in get_args(Method):
        raise unknown("method", method, get_args(Method))
    if weights is not None and validation is not None:
        raise ConfigError("weights are given and to be found on validation scores as well: pass one of the two")
    for what, given in (("scores", scores), ("validation", validation)):
        if isinstance(given, str | Path | Scores):
            one = label_of(given, 0) if isinstance(given, Scores) else repr(str(given))
            raise ConfigError(f"{what} is {one}, one instead of a list: expected ['joint.npz', 'bone.npz'] or the like")
    _refuse_twice([*scores, *(validation or ())])
    if out is not None:
        check_apart(out, [item for item in (*scores, *(validation or ())) if not isinstance(item, Scores)])
        check_writable(out)
    labels = [label_of(item, n) if isinstance(item, Scores) else str(item) for n, item in enumerate(scores)]
    parts = join(as_scores(scores), labels, allow_same_stream=allow_same_stream)
    names = stream_names([item.provenance for item in parts])
    on_validation = None
    if validation is None:
        share = _given(weights, parts, names)
        weighting: str = weights if isinstance(weights, str) else "equal" if weights is None else "given"
    else:
        held_out = match_validation(parts, as_scores(validation), labels)
        held_out = join(held_out, [f"validation of {label}" for label in labels], allow_same_stream=allow_same_stream)
        with show_progress(quiet) as new_bar:
            bar = new_bar("searching weights", len(held_out[0]))
            share = find_weights(held_out, method, lambda done, total: bar.update(done, total=total))
        weighting = "validation"
        on_validation = measure(combine(held_out, share, method).mean, held_out[0].labels)
    combined = combine(parts, share, method)
    provenance = _provenance(parts, names, share, method, weighting)
    fused = Scores(combined.names, combined.labels, combined.logits, combined.heads, provenance)
    figures = measure_heads(fused)
    rest = _without_each(parts, share, method)
    streams = tuple(
        StreamShare(
            name, float(weight), measure_heads(part), without,
            None if without is None else figures["mean"].top1 - without.top1, part,
        )
        for name, weight, part, without in zip(names, share, parts, rest, strict=True)
    )  # fmt: skip
    result = FusionResult(fused, streams, figures, method, weighting, on_validation)
    if out is not None:
        fused.save(out)
    return result


def combine(scores: Sequence[Scores], weights: NDArray[np.float64], method: Method) -> Scores:
    """Fuse scores that are already in one sample order.

    Args:
        scores: Joined scores, n of them.
        weights: Weights that sum to 1, `(n,)`.
        method: "logits" or "softmax".

    Returns:
        Fused scores with an empty provenance.
    """
    first, names = scores[0], [item.heads for item in scores]
    parts = [combine_logits([item.rows(block) for item in scores], names, weights, method) for block in first.blocks()]
    return Scores(first.names, first.labels, np.concatenate([logits for logits, _ in parts]), parts[0][1])


def combine_logits(
    logits: Sequence[NDArray[np.float32]],
    heads: Sequence[tuple[str, ...]],
    weights: NDArray[np.float64],
    method: Method,
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """Fuse logits, as `fuse` documents.

    Args:
        logits: n arrays `(N, H, K)` of the same samples; H may differ.
        heads: The head names of each.
        weights: Weights that sum to 1, `(n,)`.
        method: "logits" or "softmax".

    Returns:
        Fused logits `(N, H, K)` and their heads: those of the parts if all have the same and logits are summed, else
        the one head "fused".
    """
    if method == "logits" and all(names == heads[0] for names in heads):
        fused = np.empty(logits[0].shape, np.float32)  # (N, H, K)
        for block in cache_blocks(len(fused), math.prod(fused.shape[1:])):
            total = np.zeros(fused[block].shape)
            for part, weight in zip(logits, weights, strict=True):
                total += weight * part[block].astype(np.float64)
            fused[block] = total
        return fused, heads[0]
    means = [mean_of_heads(part) for part in logits]
    total = np.tensordot(weights, _parts(means, method), axes=1)  # (N, K)
    return _as_logits(total, method)[:, None].astype(np.float32), ("fused",)


def find_weights(
    scores: Sequence[Scores],
    method: Method,
    on_progress: Callable[[int, int], object] = lambda done, total: None,
) -> NDArray[np.float64]:
    """Find the weights with the highest top-1 accuracy on validation scores, as `search_weights` documents.

    Args:
        scores: Joined scores of the validation split, n of them.
        method: "logits" or "softmax".
        on_progress: As for `search_weights`.

    Returns:
        Weights that sum to 1, `(n,)`.

    Raises:
        MismatchError: If scores are of another split than "validation".
    """
    for number, item in enumerate(scores):
        if item.provenance.get("split") != "validation":
            split = item.provenance.get("split")
            raise MismatchError(
                f"split is {split!r} in {label_of(item, number)}: weights may only be found on split 'validation'"
            )
    first = scores[0]
    parts = np.empty((len(scores), len(first), first.num_classes))  # (n, N, K)
    for block in first.blocks():
        parts[:, block] = _parts([mean_of_heads(item.rows(block)) for item in scores], method)

    def log_probability(total: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
        return label_log_probability(_as_logits(total, method), labels)

    return search_weights(parts, scores[0].labels, log_probability, on_progress)


def _parts(means: Sequence[NDArray[np.float64]], method: Method) -> NDArray[np.float64]:
    return np.stack([item if method == "logits" else softmax(item) for item in means])  # (n, N, K)


def _as_logits(total: NDArray[np.float64], method: Method) -> NDArray[np.float64]:
    # The smallest positive number represents a probability that every stream rounds to 0: its log is finite.
    return total if method == "logits" else np.log(np.maximum(total, np.finfo(np.float64).tiny))


def _given(
    weights: Sequence[float] | Mapping[str, float] | str | None, parts: Sequence[Scores], names: Sequence[str]
) -> NDArray[np.float64]:
    # Weights by name and mappings may speak of streams although models make the names in the fusion longer.
    streams = [str(item.provenance.get("stream", name)) for item, name in zip(parts, names, strict=True)]
    by_name = isinstance(weights, Mapping) and set(weights) & set(names)
    return given_weights("equal" if weights is None else weights, names if by_name else streams)


def _without_each(parts: Sequence[Scores], weights: NDArray[np.float64], method: Method) -> list[Metrics | None]:
    """Measure the fusion without each stream, the other weights kept: all of them in one pass over the samples.

    Args:
        parts: Joined scores, n of them.
        weights: Weights that sum to 1, `(n,)`.
        method: "logits" or "softmax".

    Returns:
        The figures without each; None where nothing would be left.
    """
    labels = parts[0].labels
    rest = np.array([np.delete(weights, number).sum() for number in range(len(parts))])
    found: list[list[tuple[NDArray[np.int64], NDArray[np.float64]]]] = [[] for _ in parts]
    for block in parts[0].blocks(len(parts)):
        means = [mean_of_heads(part.rows(block)) for part in parts]
        weighted = _parts(means, method) * weights[:, None, None]  # (n, B, K)
        # of those before and those behind, so that nothing is lost by taking a large number from another
        before, behind = np.cumsum(weighted, axis=0), np.cumsum(weighted[::-1], axis=0)[::-1]
        for number in np.flatnonzero(rest > 0):
            left = np.zeros(weighted.shape[1:])
            left += before[number - 1] if number else 0
            left += behind[number + 1] if number + 1 < len(parts) else 0
            found[number].append(sample_figures(_as_logits(left / rest[number], method), labels[block]))
    return [summarise_samples(figures, labels) if figures else None for figures in found]


def _refuse_twice(scores: Sequence[Scores | str | Path]) -> None:
    seen: set[Path] = set()
    for path in (Path(item).resolve() for item in scores if not isinstance(item, Scores)):
        if path in seen:
            raise MismatchError(f"score file {path} is given twice: pass each file once")
        seen.add(path)


def _provenance(
    parts: Sequence[Scores], names: Sequence[str], weights: NDArray[np.float64], method: Method, weighting: str
) -> dict[str, Any]:
    """Return the fields in which all agree; those that differ are listed stream by stream under `fused_from`."""
    first = parts[0].provenance
    common = {
        key for key in first if all(key in item.provenance and item.provenance[key] == first[key] for item in parts)
    }
    kept = {key: value for key, value in first.items() if key in common}
    return {
        **kept,
        "version": __version__,
        "stream": "+".join(names),
        "method": method,
        "weighting": weighting,
        "weights": {name: float(weight) for name, weight in zip(names, weights, strict=True)},
        "fused_from": {
            name: {key: value for key, value in item.provenance.items() if key not in common}
            for name, item in zip(names, parts, strict=True)
        },
    }
