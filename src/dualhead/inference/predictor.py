"""From a checkpoint, or one of each stream, to the classes of a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, cast, get_args, overload

import numpy as np
import torch
from numpy.typing import NDArray

from dualhead.data.recipes import Recipe, get_recipe
from dualhead.data.streams import check_stream
from dualhead.errors import CheckpointError, ConfigError, FormatError, MismatchError, unknown
from dualhead.evaluation.fusion import Method, combine_logits
from dualhead.evaluation.joining import IDENTITY_FIELDS, check_provenance, stream_names
from dualhead.evaluation.scores import Scores, softmax
from dualhead.evaluation.views import average_views
from dualhead.evaluation.weights import given_weights
from dualhead.inference.prediction import Prediction
from dualhead.inference.reading import holds_many, read_recordings
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton

Recordings = SkeletonSequence | str | Path
"""What can be predicted: a recording in memory, a file, a folder or a store."""

Many = Sequence[SkeletonSequence] | Sequence[Path] | list[str]
"""Several of those."""

Weights = Sequence[float] | Mapping[str, float] | Literal["equal", "published"] | str | Path
"""Weights of streams: as for `fuse`, or the score file that `fuse` wrote."""

_SHARED = ("dataset", "protocol", "classes", "data_fingerprint")


@dataclass(frozen=True, eq=False)
class Member:
    """One stream's model and what makes its clips.

    Attributes:
        name: Its stream, unique among the members.
        model: The model, in evaluation mode on the predictor's device.
        recipe: Makes its clips.
        stream: What its clips show.
        provenance: Its checkpoint's.
    """

    name: str
    model: SkeletonModel
    recipe: Recipe
    stream: str
    provenance: Mapping[str, Any]


class Predictor:
    """Names the action in recordings with one checkpoint, or several fused.

    The recipe, the stream and the selection of bodies are those that each checkpoint was trained with. Scores equal
    those of `evaluate`, and streams are fused as `fuse` does.

    Attributes:
        members: The models, in the order given.
        weights: Their weights, `(n,)`; they sum to 1.
        method: What is summed, "logits" or "softmax".
        classes: K class names.
        skeleton: The layout of joints that recordings must have.
        device: Where the models run.
    """

    def __init__(self, members: Sequence[Member], weights: NDArray[np.float64], method: Method, device: torch.device):
        self.members = tuple(members)
        self.weights = weights
        self.method: Method = method
        self.device = device
        first = self.members[0]
        self.skeleton: Skeleton = first.model.config.skeleton
        names = first.provenance.get("classes") or map(str, range(first.model.config.num_classes))
        self.classes: tuple[str, ...] = tuple(names)

    @classmethod
    def from_checkpoint(
        cls,
        path: str | Path | Sequence[str | Path],
        *,
        weights: Weights | None = None,
        method: Method | None = None,
        device: str | torch.device | None = None,
    ) -> Predictor:
        """Load one checkpoint or several to be fused.

        Args:
            path: A `.safetensors` checkpoint, or one of each stream.
            weights: Weights of several: numbers in their order, numbers by stream, "equal" (the default), "published",
                or the score file that `fuse` wrote for these checkpoints, whose weights and method are used.
            method: "logits" (the default) or "softmax", as for `fuse`.
            device: Where to run, such as "cpu" or "cuda:1"; a CUDA GPU if there is one, else the CPU.

        Returns:
            The predictor.

        Raises:
            CheckpointError: If a checkpoint cannot be read or does not say its recipe and stream.
            ConfigError: If weights, method or device cannot be used.
            FormatError: If the score file of the weights cannot be read.
            MismatchError: If checkpoints do not belong together, or the weights were found for others; names the field.
        """
        paths = [Path(item) for item in ([path] if isinstance(path, str | Path) else path)]
        if not paths:
            raise ConfigError("0 checkpoints cannot predict: give at least one")
        place = _device(device)
        loaded = [_load(item, place) for item in paths]
        names = stream_names([provenance for _, _, provenance in loaded])
        for number in range(1, len(paths)):
            _check_pair(loaded, paths, number)
        members = [
            Member(name, model, recipe, str(provenance["stream"]), provenance)
            for name, (model, recipe, provenance) in zip(names, loaded, strict=True)
        ]
        if isinstance(weights, Path) or (isinstance(weights, str) and weights not in ("equal", "published")):
            share, found = _fused_weights(Path(weights), members)
            return cls(members, share, method or found, place)
        if method is not None and method not in get_args(Method):
            raise unknown("method", method, get_args(Method))
        by_name = isinstance(weights, Mapping) and set(weights) & set(names)
        keys = names if by_name else [member.stream for member in members]
        share = given_weights("equal" if weights is None else cast(Any, weights), keys)
        return cls(members, share, method or "logits", place)

    @overload
    def predict(self, recordings: SkeletonSequence, *, batch_size: int = ...) -> Prediction: ...

    @overload
    def predict(self, recordings: str | Path, *, batch_size: int = ...) -> Prediction | list[Prediction]: ...

    @overload
    def predict(self, recordings: Many, *, batch_size: int = ...) -> list[Prediction]: ...

    def predict(self, recordings: Recordings | Many, *, batch_size: int = 16) -> Prediction | list[Prediction]:
        """Name the action in recordings.

        Args:
            recordings: A recording, a raw file, a folder, an archive or a store, or a list of those.
            batch_size: Clips that are computed at a time.

        Returns:
            One prediction for a recording or a file; a list of them for whatever can hold many.

        Raises:
            ConfigError: If a recording holds a coordinate that is not finite, or the source is of no known kind.
            FormatError: If a file is damaged or holds nobody.
            MismatchError: If a recording has another skeleton than the checkpoint.
        """
        if isinstance(recordings, SkeletonSequence) or (
            isinstance(recordings, str | Path) and not holds_many(Path(recordings))
        ):
            return next(self.predict_each([recordings], batch_size=batch_size))
        many: Sequence[Recordings] = [recordings] if isinstance(recordings, str | Path) else recordings
        return list(self.predict_each(many, batch_size=batch_size))

    def predict_each(
        self,
        recordings: Iterable[Recordings],
        *,
        batch_size: int = 16,
        on_rejected: Callable[[FormatError], object] | None = None,
    ) -> Iterator[Prediction]:
        """Name the actions one after another, in memory that does not grow with their number.

        Args:
            recordings: Recordings, files, folders, archives or stores.
            batch_size: Clips that are computed at a time.
            on_rejected: Called with the reason for each file of a folder or archive that cannot be read, instead of
                raising.

        Yields:
            The prediction of each recording, in their order.

        Raises:
            ConfigError: As for `predict`, and if the batch size is below 1.
            FormatError: As for `predict`.
            MismatchError: As for `predict`.
        """
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}: give 1 or more")
        views = max(member.recipe.views for member in self.members)
        sequences = self._sequences(recordings, on_rejected)
        while batch := list(islice(sequences, max(1, batch_size // views))):
            yield from self._batch(batch)

    def _sequences(
        self, recordings: Iterable[Recordings], on_rejected: Callable[[FormatError], object] | None
    ) -> Iterator[SkeletonSequence]:
        selection = self.members[0].provenance.get("body_selection")
        for item in recordings:
            for sequence in (
                [item] if isinstance(item, SkeletonSequence) else read_recordings(Path(item), on_rejected, selection)
            ):
                self._check(sequence)
                yield sequence

    def _check(self, sequence: SkeletonSequence) -> None:
        if sequence.skeleton != self.skeleton:
            same = " with other joints or bones" if sequence.skeleton.name == self.skeleton.name else ""
            raise MismatchError(
                f"skeleton differs: recording {sequence.name!r} has {sequence.skeleton.name!r}{same} but the "
                f"checkpoint was trained on {self.skeleton.name!r}; give recordings of that skeleton"
            )
        confidence = sequence.confidence
        if not np.isfinite(sequence.joints).all() or (confidence is not None and not np.isfinite(confidence).all()):
            raise ConfigError(
                f"recording {sequence.name!r} has a coordinate that is not finite: write absent joints as zeros"
            )

    def _batch(self, sequences: Sequence[SkeletonSequence]) -> Iterator[Prediction]:
        parts = [self._logits(member, sequences) for member in self.members]
        heads = [member.model.heads for member in self.members]
        logits, names = combine_logits(parts, heads, self.weights, self.method)  # (n, H, K)
        fused = softmax(logits.mean(axis=1, dtype=np.float64))  # (n, K)
        by_head = softmax(logits)
        by_stream = [softmax(part.mean(axis=1, dtype=np.float64)) for part in parts]
        for row, sequence in enumerate(sequences):
            known = sequence.label is not None and 0 <= sequence.label < len(self.classes)
            yield Prediction(
                name=sequence.name,
                classes=self.classes,
                probabilities=fused[row],
                heads={name: by_head[row, number] for number, name in enumerate(names)},
                streams={member.name: part[row] for member, part in zip(self.members, by_stream, strict=True)},
                label=sequence.label if known else None,
            )

    def _logits(self, member: Member, sequences: Sequence[SkeletonSequence]) -> NDArray[np.float32]:
        views = member.recipe.views
        clips = np.concatenate([member.recipe.clips(sequence, member.stream) for sequence in sequences])
        with torch.inference_mode():
            logits = member.model(torch.from_numpy(clips).to(self.device))  # (n * views, H, K)
        return average_views(logits.float().cpu().numpy(), views)  # (n, H, K)


def _load(path: Path, device: torch.device) -> tuple[SkeletonModel, Recipe, dict[str, Any]]:
    model, provenance = load_checkpoint(path)
    for field in ("recipe", "stream"):
        if not isinstance(provenance.get(field), str):
            raise CheckpointError(f"{path} does not say its {field}: give a checkpoint that `dualhead train` wrote")
    check_stream(provenance["stream"])
    return model.eval().to(device), get_recipe(provenance["recipe"]), provenance


def _check_pair(loaded: Sequence[tuple[SkeletonModel, Recipe, dict[str, Any]]], paths: Sequence[Path], at: int) -> None:
    """Refuse checkpoint `at` if it does not belong with the first, or is one of those before it."""
    if paths[at].resolve() in [path.resolve() for path in paths[:at]]:
        raise MismatchError(f"checkpoint {paths[at]} is given twice: give each once")
    (first, _, provenance), (other, _, other_provenance) = loaded[0], loaded[at]
    check_provenance(provenance, other_provenance, str(paths[0]), str(paths[at]), _SHARED)
    for field in ("skeleton", "num_classes"):
        left, right = getattr(first.config, field), getattr(other.config, field)
        if left != right:
            one, two = (getattr(value, "name", value) for value in (left, right))
            raise MismatchError(
                f"{field} differs: {one!r} in {paths[0]} but {two!r} in {paths[at]}; give models of one"
            )


def _fused_weights(path: Path, members: Sequence[Member]) -> tuple[NDArray[np.float64], Method]:
    """Read the weights and the method of a fusion, and check that it was of these checkpoints."""
    fused = Scores.load(path).provenance
    weights, sources, method = (fused.get(field) for field in ("weights", "fused_from", "method"))
    if not isinstance(weights, dict) or not isinstance(sources, dict) or method not in get_args(Method):
        raise ConfigError(f"{path} is no fusion and has no weights: give a file that `dualhead fuse --out` wrote")
    names = [member.name for member in members]
    share = given_weights(weights, names)
    for member in members:
        said = {**fused, **sources.get(member.name, {})}
        ours = {**member.provenance, "stream": member.stream}
        fields = [field for field in IDENTITY_FIELDS if field in said and field in ours and field != "stream"]
        check_provenance(ours, said, f"the checkpoint of {member.name}", str(path), fields)
    return share, cast(Method, method)


def _device(device: str | torch.device | None) -> torch.device:
    try:
        place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        torch.empty(0, device=place)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ConfigError(
            f"device {str(device)!r} cannot be used ({reason}): give cpu or a device of this machine"
        ) from error
    return place
