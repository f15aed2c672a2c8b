"""Predictions and gates of a model over the course of a recording."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from dualhead.data.recipes.recipe import Recipe
from dualhead.inference.predictor import Predictor
from dualhead.inference.windows import place_windows
from dualhead.layers.bodies import DistinctBodies
from dualhead.layers.gates import SpatialGate, TemporalGate
from dualhead.layers.threads import in_turn
from dualhead.runtime.progress import track
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton_maps import joint_sources

MOST_CLASSES = 4
"""Classes with a curve of their own."""

_PARTS = 3
_STEPS = 8


@dataclass(frozen=True, eq=False)
class Gate:
    """The values of a gate over the recording.

    Attributes:
        name: Sender and receiver, such as "fine 2 to coarse 1".
        values: 0 (shut) to 1 (open) by recorded frame, `(T,)`, NaN where the model saw nothing of the frame; averaged
            over the bodies that are there.
    """

    name: str
    values: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Insight:
    """The predictions and internal states of checkpoints over a recording.

    Attributes:
        predicted: The most probable class of the whole recording.
        probability: Its probability.
        window: Frames of a window.
        stride: Frames from the start of one window to the start of the next.
        heads: H names.
        classes: Names of the k classes shown: first what each head says of the whole recording, then those that are
            the most probable in some window.
        curves: Probability by head, class and frame, `(H, k, T)`: each window's holds at its middle, with straight
            lines between.
        gates: The temporal gates, from the first level to the last; empty for models without.
        joint_gate: Name of the gate that `joints` shows, "" for models without.
        joints: The value of the last spatial gate for each joint, `(M, T, V)`, 0 to 1: over each frame the window
            that speaks for it. NaN for a body or joint that the model did not see. None for models without.
        stream: The stream whose model the gates are of.
    """

    predicted: str
    probability: float
    window: int
    stride: int
    heads: tuple[str, ...]
    classes: tuple[str, ...]
    curves: NDArray[np.float64]
    gates: tuple[Gate, ...]
    joint_gate: str
    joints: NDArray[np.float64] | None
    stream: str

    @property
    def num_frames(self) -> int:
        """T."""
        return int(self.curves.shape[2])

    def cut(self, start: int, stop: int | None) -> Insight:
        """Cut a range of frames.

        Args:
            start: First frame.
            stop: The frame behind the last, None for the end.
        """
        return replace(
            self,
            curves=self.curves[:, :, start:stop],
            gates=tuple(Gate(gate.name, gate.values[start:stop]) for gate in self.gates),
            joints=None if self.joints is None else self.joints[:, start:stop],
        )


def explain(predictor: Predictor, sequence: SkeletonSequence, quiet: bool = False) -> Insight:
    """Predict a recording as a whole and in windows of a third of it, and write down the gates.

    Args:
        predictor: The checkpoints.
        sequence: The recording, raw.
        quiet: Show no progress.

    Returns:
        What was found.

    Raises:
        ConfigError: If the recording was normalised before, or cannot be predicted.
        MismatchError: If its skeleton cannot be converted to the checkpoints'.
    """
    frames = sequence.num_frames
    window = -(-frames // _PARTS)
    stride = max(1, window // _STEPS)
    speaker = next((item for item in predictor.members if _gates(item.model, TemporalGate)), None)
    model = None if speaker is None else speaker.model
    with _listening(model) as heard:
        whole = predictor.predict(sequence)
    gates = () if speaker is None else _over_time(speaker.recipe, sequence, heard, _gates(speaker.model, TemporalGate))
    spatial = [] if speaker is None else list(_gates(speaker.model, SpatialGate))
    joints = None if not spatial else np.full(sequence.joints.shape[:3], np.nan)
    spread = _spread(sequence, predictor)

    middles, rows = [], []
    with _listening(model) as heard:
        segments = predictor.segments(sequence, window=window, stride=stride, batch_size=1)
        for segment in track(segments, "predicting windows", len(place_windows(frames, window, stride)), quiet):
            middles.append((segment.start + segment.stop - 1) / 2)
            rows.append(np.stack(list(segment.prediction.heads.values())))  # (H, K)
            if joints is not None and speaker is not None:
                opened = _joined(heard[spatial[-1]])[:, 0, 0] @ spread  # (B, V)
                part = sequence.with_bodies(slice(None), segment.start, segment.stop)
                bodies = speaker.recipe.trace(part).bodies
                joints[bodies, slice(*segment.share)] = opened[: len(bodies), None]
            heard.clear()
    probabilities = np.stack(rows, axis=1)  # (H, windows, K)
    tops = [int(values.argmax()) for values in whole.heads.values()]
    peaks = np.argsort(-probabilities.max(axis=(0, 1)), kind="stable").tolist()
    chosen = list(dict.fromkeys([*tops, *peaks]))[:MOST_CLASSES]
    time = np.arange(frames)
    curves = [[np.interp(time, middles, head[:, label]) for label in chosen] for head in probabilities]
    best = whole.top(1)[0]
    return Insight(
        predicted=best.name,
        probability=best.probability,
        window=window,
        stride=stride,
        heads=tuple(whole.heads),
        classes=tuple(predictor.classes[label] for label in chosen),
        curves=np.array(curves),
        gates=gates,
        joint_gate=_words(spatial[-1]) if spatial else "",
        joints=joints,
        stream="" if speaker is None else speaker.stream,
    )


def _gates(model: nn.Module, kind: type[nn.Module]) -> dict[str, nn.Module]:
    """Find the gates of a kind by name, in the order of their levels."""
    return {name: part for name, part in model.named_modules() if isinstance(part, kind)}


@contextmanager
def _listening(model: nn.Module | None) -> Iterator[dict[str, list[Tensor]]]:
    """Write down what every gate gives, by its name; a model may take the bodies of a batch in several parts.

    Absent bodies are computed as well, though the model has their features: so the rows are the bodies of the clips.
    """
    heard: dict[str, list[Tensor]] = defaultdict(list)

    def writer(name: str) -> object:
        return lambda _module, _inputs, output: heard[name].append(output.detach())

    found = {} if model is None else {**_gates(model, TemporalGate), **_gates(model, SpatialGate)}
    handles = [part.register_forward_hook(writer(name)) for name, part in found.items()]  # type: ignore[arg-type]
    own = {} if model is None else vars(model)
    own["distinct_bodies"] = lambda clips, _known: DistinctBodies.every(clips)
    try:
        with in_turn():
            yield heard
    finally:
        del own["distinct_bodies"]
        for handle in handles:
            handle.remove()


def _joined(parts: list[Tensor]) -> NDArray[np.float64]:
    """Join the parts of a batch; the bodies of the first clip come first, in their order."""
    joined: NDArray[np.float64] = np.concatenate([part.double().cpu().numpy() for part in parts])
    return joined


def _over_time(
    recipe: Recipe, sequence: SkeletonSequence, heard: dict[str, list[Tensor]], gates: dict[str, nn.Module]
) -> tuple[Gate, ...]:
    """Map the temporal gates from the frames of the clip to those of the recording; repeats are averaged."""
    trace = recipe.trace(sequence)
    places, order = trace.index, trace.bodies  # (T of the clip,), M
    shown = np.isfinite(places)
    frames = np.rint(places[shown]).astype(np.intp)
    there = [row for row, body in enumerate(order) if sequence.joints[body].any()]
    found = []
    for name in gates:
        values = _joined(heard[name])[: len(order), 0, :, 0]  # (M, T')
        mean = values[there].mean(axis=0) if there else values.mean(axis=0)
        stretched = mean[np.arange(len(places)) * len(mean) // len(places)][shown]
        counts = np.bincount(frames, minlength=sequence.num_frames)
        sums = np.bincount(frames, weights=stretched, minlength=sequence.num_frames)
        known = np.flatnonzero(counts)
        filled = np.full(sequence.num_frames, np.nan)
        if known.size:
            between = np.arange(known[0], known[-1] + 1)
            filled[between] = np.interp(between, known, sums[known] / counts[known])
        found.append(Gate(_words(name), filled))
    return tuple(found)


def _spread(sequence: SkeletonSequence, predictor: Predictor) -> NDArray[np.float64]:
    """Map values of the checkpoints' joints to the recording's, `(V', V)`: the mean of those a joint is part of."""
    weights = np.zeros((predictor.skeleton.num_joints, sequence.skeleton.num_joints))
    if sequence.skeleton == predictor.skeleton:
        np.fill_diagonal(weights, 1)
        return weights
    for joint, sources in enumerate(joint_sources(sequence.skeleton, predictor.skeleton)):
        weights[joint, list(sources)] = 1
    total: NDArray[np.float64] = weights.sum(axis=0)
    weights /= np.where(total > 0, total, np.nan)
    return weights


def _words(name: str) -> str:
    """Format a gate's name: "fine2_to_coarse1" becomes "fine 2 to coarse 1"."""
    return re.sub(r"(\d+)", r" \1", name.rsplit(".", 1)[-1]).replace("_", " ")
