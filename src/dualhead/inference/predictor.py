"""From a checkpoint, or one of each stream, to the classes of a recording."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray

from dualhead.data.reader import Many, Note, Reader, Recordings, Rejection, why_left_out
from dualhead.evaluation.fusion import Method
from dualhead.formats.custom.skeleton_file import load_skeleton
from dualhead.inference.batch import predict_batch
from dualhead.inference.live import LiveStream
from dualhead.inference.members import Member, Weights, choose_weights, load_members
from dualhead.inference.prediction import Prediction
from dualhead.inference.segments import Segment
from dualhead.inference.windows import FRAME_RATES, Window, cut_windows, window_frames
from dualhead.poses.command import PoseEstimator
from dualhead.reading.listing import holds_many
from dualhead.runtime.device import find_device
from dualhead.runtime.errors import ConfigError, MismatchError
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import Skeleton
from dualhead.skeleton_maps import convert_skeleton, joint_sources


class Predictor:
    """Names the action in recordings with one checkpoint, or several fused.

    The recipe, the stream and the selection of bodies are those that each checkpoint was trained with. Scores equal
    those of `evaluate`, and streams are fused as `fuse` does.

    Attributes:
        members: The models, in the order given.
        weights: Their weights, `(n,)`; they sum to 1.
        method: The quantity that is summed, "logits" or "softmax".
        classes: K class names.
        skeleton: The layout of joints of the checkpoints; recordings with another are converted where there is a map.
        fps: Frames a second of the data that the checkpoints were trained on, or None where that is not known.
        body_extent: The median size of its bodies in metres, or None where that is not known.
        dataset: The data set that they were trained on, "" where that is not known.
        device: The device of the models.
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
        self.dataset = str(first.provenance.get("dataset") or "")
        rate = first.provenance.get("fps", FRAME_RATES.get(str(first.provenance.get("dataset"))))
        self.fps = float(rate) if isinstance(rate, int | float) and 0 < rate <= 1000 else None
        extent = first.provenance.get("body_extent")
        known = self.skeleton.dimensions == 3 and isinstance(extent, int | float) and extent > 0
        self.body_extent = float(extent) if known and extent is not None else None

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
                "pyskl", or the score file that `fuse` wrote for these checkpoints, whose weights and method are used.
            method: "logits" (the default) or "softmax", as for `fuse`.
            device: The device to run on, such as "cpu" or "cuda:1"; a CUDA GPU if there is one, else the CPU.

        Returns:
            The predictor.

        Raises:
            CheckpointError: If a checkpoint cannot be read or does not record its recipe and stream.
            ConfigError: If weights, method or device cannot be used.
            FormatError: If the score file of the weights cannot be read.
            MismatchError: If checkpoints do not match, or the weights were found for others; names the field.
        """
        paths = [Path(item) for item in ([path] if isinstance(path, str | Path) else path)]
        place = find_device(device)
        members = load_members(paths, place)
        share, found = choose_weights(weights, method, members)
        return cls(members, share, found, place)

    @overload
    def predict(
        self,
        recordings: SkeletonSequence | NDArray[Any],
        *,
        skeleton: str | Path | Skeleton | None = ...,
        batch_size: int = ...,
        reader: Reader | None = ...,
    ) -> Prediction: ...

    @overload
    def predict(
        self,
        recordings: str | Path,
        *,
        skeleton: str | Path | Skeleton | None = ...,
        batch_size: int = ...,
        reader: Reader | None = ...,
    ) -> Prediction | list[Prediction]: ...

    @overload
    def predict(
        self,
        recordings: Many,
        *,
        skeleton: str | Path | Skeleton | None = ...,
        batch_size: int = ...,
        reader: Reader | None = ...,
    ) -> list[Prediction]: ...

    def predict(
        self,
        recordings: Recordings | NDArray[Any] | Many,
        *,
        skeleton: str | Path | Skeleton | None = None,
        batch_size: int = 16,
        reader: Reader | None = None,
    ) -> Prediction | list[Prediction]:
        """Predict the action in recordings.

        Args:
            recordings: A recording, an array `(M, T, V, C)` of one or `(T, V, C)` of a single body, a raw file, a
                folder, an archive or a store, or a list of recordings or paths.
            skeleton: The layout of the joints of an array, and of files that leave it open: a name, a `Skeleton` or a
                YAML file; default: the checkpoints'.
            batch_size: Clips that are computed at a time.
            reader: The reader of files; default: `make_reader(skeleton=skeleton)`.

        Returns:
            One prediction for a recording, an array or a file; a list of them for whatever can hold many.

        Raises:
            ConfigError: If a recording holds a coordinate that is not finite or leads to a logit that is not, the
                source is of no known kind, an array does not have the shape of the skeleton, or both a skeleton and a
                reader are given for files.
            FormatError: If a file is damaged or contains no person.
            MismatchError: If a recording has a skeleton that cannot be converted to the checkpoint's.
        """
        if isinstance(recordings, np.ndarray):
            layout = self.skeleton if skeleton is None else load_skeleton(skeleton)
            bodies = recordings[None] if recordings.ndim == 3 else recordings
            recordings = SkeletonSequence(bodies, layout, "array")
        elif isinstance(recordings, SkeletonSequence):
            if skeleton is not None and load_skeleton(skeleton) != recordings.skeleton:
                given = load_skeleton(skeleton).name
                raise ConfigError(f"skeleton is {given!r}, but the sequence has {recordings.skeleton.name!r}: omit it")
        elif skeleton is not None:
            if reader is not None:
                raise ConfigError("skeleton and reader are both given: pass make_reader(skeleton=...) as the reader")
            reader = self.make_reader(skeleton=skeleton)
        if isinstance(recordings, SkeletonSequence) or (
            isinstance(recordings, str | Path) and not holds_many(Path(recordings))
        ):
            return next(self.predict_each([recordings], batch_size=batch_size, reader=reader))
        many: Sequence[Recordings] = [recordings] if isinstance(recordings, str | Path) else recordings
        return list(self.predict_each(many, batch_size=batch_size, reader=reader))

    def predict_each(
        self,
        recordings: Iterable[Recordings],
        *,
        batch_size: int = 16,
        reader: Reader | None = None,
        on_rejected: Rejection | None = None,
        on_note: Note | None = None,
    ) -> Iterator[Prediction]:
        """Predict the actions one after another, in memory that does not grow with their number.

        Args:
            recordings: Recordings, files, folders, archives or stores.
            batch_size: Clips that are computed at a time.
            reader: The reader of files; default: `make_reader()`.
            on_rejected: Takes the error of a recording in a folder or archive that cannot be read, converted or
                predicted.
            on_note: Takes what was decided by evidence while a recording was read.

        Yields:
            The prediction of each recording, in their order.

        Raises:
            ConfigError: As for `predict`, and if the batch size is below 1.
            FormatError: As for `predict`.
            MismatchError: As for `predict`.
        """
        sequences = self._sequences(recordings, reader, on_rejected, on_note)
        size = self._samples(batch_size)
        while batch := list(islice(sequences, size)):
            for prediction in self._predict_each(batch, on_rejected):
                if prediction is not None:
                    yield prediction

    def segments(
        self,
        recordings: Recordings | Many,
        *,
        window: int | str,
        stride: int | str | None = None,
        fps: float | None = None,
        each_body: bool = False,
        batch_size: int = 16,
        reader: Reader | None = None,
        on_rejected: Rejection | None = None,
        on_note: Note | None = None,
    ) -> Iterator[Segment]:
        """Predict actions in windows over recordings, in memory that grows with neither their number nor their length.

        `merge_segments` makes intervals of them. Windows without a person are left out.

        Args:
            recordings: A recording, a raw file, a folder, an archive or a store, or a list of those.
            window: Length of a window: frames, or seconds such as "3s".
            stride: From the start of one to the start of the next; default: half a window.
            fps: Frames a second of the recordings; default: what each recording says, else that of the data the
                checkpoints were trained on.
            each_body: Whether to look at each body alone too, where there are several. Files are then read by
                `make_reader(each_body=True)`, which keeps each person in a place of their own.
            batch_size: Clips that are computed at a time.
            reader: The reader of files.
            on_rejected: As for `predict_each`.
            on_note: As for `predict_each`.

        Yields:
            Recording after recording, window after window: the window as a whole, then, if requested, each body that is
            seen in half of it or more.

        Raises:
            ConfigError: As for `predict`, and if a window cannot be made: seconds without a frame rate, or coordinates
                that were normalised and padded before.
            FormatError: As for `predict`.
            MismatchError: As for `predict`.
        """
        window_frames(window, stride, 1000.0 if fps is None else fps)  # refuses now what is not a window at any rate
        many = [recordings] if isinstance(recordings, SkeletonSequence | str | Path) else recordings
        sequences = self._sequences(many, reader or self.make_reader(each_body=each_body), on_rejected, on_note)

        def cut() -> Iterator[tuple[int, float | None, Window, bool]]:
            for number, (sequence, among_others) in enumerate(sequences):
                rate = fps or sequence.fps or self.fps
                try:
                    length, step = window_frames(window, stride, rate)
                    for part in cut_windows(sequence, length, step, each_body=each_body):
                        yield number, rate, part, among_others
                except ConfigError as error:
                    if on_rejected is None or not among_others:
                        raise
                    on_rejected(why_left_out(error, sequence.name))

        windows = cut()
        size = self._samples(batch_size)
        while batch := list(islice(windows, size)):
            parts = [(part.sequence, among_others) for _, _, part, among_others in batch]
            predictions = self._predict_each(parts, on_rejected)
            for (number, rate, part, _), prediction in zip(batch, predictions, strict=True):
                if prediction is not None:
                    yield Segment(part.start, part.stop, part.share, part.body, rate, prediction, number)

    def stream(
        self,
        *,
        window: int | str,
        stride: int | str | None = None,
        fps: float | None = None,
        skeleton: str | Path | Skeleton | None = None,
        image_size: tuple[int, ...] | None = None,
    ) -> LiveStream:
        """Predict while frames come in, one at a time.

        Args:
            window: Length of the window of an estimate: frames, or seconds such as "3s".
            stride: Interval from one estimate to the next; default: half a window.
            fps: Frames a second; default: that of the data the checkpoints were trained on.
            skeleton: The layout of the joints of the frames; default: the checkpoints'.
            image_size: Width and height in pixels, where flat coordinates are pixels and not fractions of the image.

        Returns:
            The stream, whose `push` takes the frames.

        Raises:
            ConfigError: If window, stride, frame rate or image size cannot be used.
            FormatError: If the skeleton's file cannot be read.
            MismatchError: If the skeleton cannot be converted to the checkpoints'.
        """
        rate = self.fps if fps is None else fps
        length, step = window_frames(window, stride, rate)
        layout = self.skeleton if skeleton is None else load_skeleton(skeleton)
        joint_sources(layout, self.skeleton)  # refuses now, not with the first window
        size = Reader(image_size=image_size).image_size
        fields = {} if size is None else {"width": size[0], "height": size[1]}

        def predict(sequence: SkeletonSequence) -> Prediction:
            return next(self._predict([self._fitted(sequence)]))

        return LiveStream(predict, layout, length, step, rate, fields)

    def make_reader(
        self,
        *,
        skeleton: str | Path | Skeleton | None = None,
        image_size: tuple[int, ...] | None = None,
        each_body: bool = False,
        poses: PoseEstimator | None = None,
        fps: float | None = None,
        unit: str | None = None,
        kind: str | None = None,
        axes: str | None = None,
    ) -> Reader:
        """Return how files are read for these checkpoints: with the body selection and skeleton they were trained with.

        Args:
            skeleton: The layout of the joints of files that leave it open, such as arrays; default: the checkpoints'.
            image_size: Width and height in pixels, for flat coordinates whose file does not say it.
            each_body: Keep each person in a place of their own.
            poses: Estimates the poses in videos; default: one with the usual settings.
            fps: Frames a second, in place of what files say.
            unit: The unit of 3D coordinates, "m", "cm", "mm" or "in", of files that leave it open; default: metres.
            kind: The format that files are interpreted as; default: decided by their content.
            axes: The order of the axes of arrays, such as "TMVC"; default: as their numbers say.

        Returns:
            The reader. It compares the size of 3D bodies with those that the checkpoints were trained on, where that is
            known.

        Raises:
            ConfigError: If the size or the frame rate is not valid.
        """
        return Reader(
            skeleton=skeleton,
            usual=self.skeleton,
            body_selection=self.members[0].provenance.get("body_selection"),
            each_body=each_body,
            image_size=image_size,
            classes=self.classes,
            fps=fps,
            unit=unit,
            extent=self.body_extent,
            kind=kind,
            axes=axes,
            poses=poses,
        )

    def _samples(self, batch_size: int) -> int:
        if batch_size < 1:
            raise ConfigError(f"batch_size is {batch_size}: expected 1 or more")
        return max(1, batch_size // max(member.recipe.num_test_clips for member in self.members))

    def _sequences(
        self,
        recordings: Iterable[Recordings],
        reader: Reader | None,
        on_rejected: Rejection | None,
        on_note: Note | None,
    ) -> Iterator[tuple[SkeletonSequence, bool]]:
        """Yield recordings, and whether each lies among others that a fault of its own must not cost."""
        reader = reader or self.make_reader()
        for item in recordings:
            if isinstance(item, SkeletonSequence):
                fitted = self._fitted(_without_scores_at_zero(item))
                if not np.any(item.joints):  # also of 0 frames or bodies
                    raise ConfigError(f"recording {item.name!r} has no person in any of its {item.num_frames} frames")
                yield fitted, False
            else:
                path = Path(item)
                among_others = holds_many(path) and not (path / "meta.json").is_file()
                for sequence in reader.read(path, on_rejected, self._fitted, on_note):
                    yield sequence, among_others

    def _fitted(self, sequence: SkeletonSequence) -> SkeletonSequence:
        """Check a recording and pass it the checkpoints' skeleton."""
        confidence = sequence.confidence
        if not np.isfinite(sequence.joints).all() or (confidence is not None and not np.isfinite(confidence).all()):
            raise ConfigError(
                f"recording {sequence.name!r} has a coordinate that is not finite: write absent joints as zeros"
            )
        if sequence.skeleton == self.skeleton:
            return sequence
        try:
            converted = convert_skeleton(sequence, self.skeleton)
        except MismatchError as error:
            raise MismatchError(f"recording {sequence.name!r} does not match the checkpoint: {error}") from None
        return replace(converted, label=None)  # data of another skeleton have other classes

    def _predict_each(
        self, batch: Sequence[tuple[SkeletonSequence, bool]], on_rejected: Rejection | None
    ) -> list[Prediction | None]:
        """Predict a batch; on failure of a recording among others, the error is logged and None is returned."""
        try:
            return list(self._predict([sequence for sequence, _ in batch]))
        except (MemoryError, OSError):
            raise
        except Exception as error:
            tolerated = on_rejected is not None and any(among_others for _, among_others in batch)
            if on_rejected is None or not tolerated or type(error).__name__ == "OutOfMemoryError":
                raise
            if len(batch) > 1:
                return [prediction for one in batch for prediction in self._predict_each([one], on_rejected)]
            on_rejected(why_left_out(error, batch[0][0].name))
            return [None]

    def _predict(self, sequences: Sequence[SkeletonSequence]) -> Iterator[Prediction]:
        return predict_batch(sequences, self.members, self.weights, self.method, self.classes, self.device)


def _without_scores_at_zero(sequence: SkeletonSequence) -> SkeletonSequence:
    """Set the confidence of joints at zero to 0, as for files: a joint that is not there has none."""
    if sequence.confidence is None:
        return sequence
    absent = ~np.any(sequence.joints, axis=3)
    if not sequence.confidence[absent].any():
        return sequence
    return replace(sequence, confidence=np.where(absent, np.float32(0), sequence.confidence))
