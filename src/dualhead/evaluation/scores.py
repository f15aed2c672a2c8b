"""Score files: what a model said about every sample of a split, with names, labels and where it came from."""

from __future__ import annotations

import json
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dualhead.runtime.errors import ConfigError, FormatError, unknown
from dualhead.runtime.files import replacing
from dualhead.runtime.npz import NPZ_DAMAGE, map_of, read_npz
from dualhead.version import __version__

SCHEMA = 1
"""Version of the file layout; raised when an older reader would misread a file."""

_BLOCK_VALUES = 2**17  # 1 MB in double precision: what is computed from them stays in cache
_ARRAYS = ("schema", "version", "names", "labels", "logits", "heads", "provenance")


@dataclass(frozen=True, eq=False)
class Scores:
    """The logits of every sample of a split.

    Convention: the prediction of a model is the arg-max of the mean of its heads' logits (`mean`). Sample order carries
    no meaning: whatever joins two `Scores` joins by name. The arrays are read-only; the logits of a file stay in it,
    and what is computed from all of them reads some samples at a time (`rows`).

    Args:
        names: Sample names, `(N,)`, unique.
        labels: True classes, `(N,)`, 0 to K - 1.
        logits: Unnormalised log probabilities, `(N, H, K)`, finite.
        heads: Head names, H of them, unique; "mean" is taken by the heads' mean.
        provenance: A JSON-able dict of where the scores come from: `dataset`, `protocol`, `split`, `stream`, `classes`,
            `data_fingerprint`, `model` and so on.

    Raises:
        ConfigError: If shapes do not match together, a name comes twice, a label is not a class, a logit is not
            finite, or `provenance` is not JSON-able.
    """

    names: NDArray[np.str_]
    labels: NDArray[np.int64]
    logits: NDArray[np.float32]
    heads: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Convert the fields to their types and check them."""
        labels = np.asarray(self.labels)
        if labels.size and not np.issubdtype(labels.dtype, np.integer):
            raise ConfigError(f"score labels have type {labels.dtype}: expected integers")
        fields: dict[str, Any] = {
            "names": _frozen(np.asarray(self.names, dtype=np.str_)),
            "labels": _frozen(labels.astype(np.int64)),
            "logits": _frozen(np.asarray(self.logits, dtype=np.float32)),
            "heads": tuple(str(head) for head in self.heads),
            "provenance": _json_copy(self.provenance),
        }
        for name, value in fields.items():
            object.__setattr__(self, name, value)
        self._check()

    def _check(self) -> None:
        if self.names.ndim != 1:
            raise ConfigError(f"score names have shape {self.names.shape}: pass one name per sample, (N,)")
        count = len(self.names)
        if self.labels.shape != (count,):
            raise ConfigError(f"scores have labels of shape {self.labels.shape}: {count} names need ({count},)")
        if self.logits.ndim != 3 or self.logits.shape[:2] != (count, len(self.heads)) or self.logits.shape[2] < 1:
            raise ConfigError(
                f"scores have logits of shape {self.logits.shape}: {count} names and heads {list(self.heads)} need "
                f"({count}, {len(self.heads)}, K)"
            )
        if not self.heads or len(set(self.heads)) != len(self.heads) or "mean" in self.heads:
            raise ConfigError(
                f"score heads are {list(self.heads)}: expected at least one name, none twice, none 'mean'"
            )
        unique, counts = np.unique(self.names, return_counts=True)
        if len(unique) != count:
            raise ConfigError(
                f"score name {str(unique[counts.argmax()])!r} comes {counts.max()} times: names are unique"
            )
        outside = np.flatnonzero((self.labels < 0) | (self.labels >= self.num_classes))
        if outside.size:
            first = outside[0]
            raise ConfigError(
                f"sample {str(self.names[first])!r} has label {self.labels[first]}: "
                f"{self.num_classes} classes are numbered 0 to {self.num_classes - 1}"
            )
        for block in self.blocks():
            finite = np.isfinite(self.rows(block)).all(axis=(1, 2))
            if not finite.all():
                bad = str(self.names[block][np.flatnonzero(~finite)[0]])
                raise ConfigError(f"sample {bad!r} has a logit that is not finite: scores need finite logits")
        classes = self.provenance.get("classes")
        if classes is not None and (not isinstance(classes, list) or len(classes) != self.num_classes):
            given = len(classes) if isinstance(classes, list) else repr(classes)
            raise ConfigError(f"scores name {given} classes but have logits of {self.num_classes}: pass one name each")

    def __len__(self) -> int:
        """Return N, the number of samples."""
        return len(self.names)

    @property
    def num_classes(self) -> int:
        """K, the number of classes."""
        return int(self.logits.shape[2])

    @property
    def classes(self) -> tuple[str, ...]:
        """K class names from the provenance; their numbers as text where it has none."""
        named = self.provenance.get("classes")
        return tuple(map(str, range(self.num_classes) if named is None else named))

    def blocks(self, values: int = 1) -> list[slice]:
        """Return the samples in blocks so small that what is computed from one stays in cache.

        Args:
            values: How many numbers are computed of each logit.
        """
        return cache_blocks(len(self), values * len(self.heads) * self.num_classes)

    def rows(self, rows: slice) -> NDArray[np.float32]:
        """Return the logits of neighbouring samples, a view `(B, H, K)`; of a file, memory of others is released.

        Args:
            rows: The samples.

        Raises:
            FormatError: If the file was cut since it was opened: reading past its end would kill the process.
        """
        content = map_of(self.logits)
        if content is not None:
            if content.size() < len(content):
                raise FormatError("a score file was cut while it was read: write it again")
            if hasattr(mmap, "MADV_DONTNEED"):
                content.madvise(mmap.MADV_DONTNEED)
        return self.logits[rows]

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean of the heads' logits, `(N, K)`."""
        average = np.empty((len(self), self.num_classes))
        for block in self.blocks():
            average[block] = mean_of_heads(self.rows(block))
        return average

    @property
    def predictions(self) -> NDArray[np.int64]:
        """The predicted class of every sample, `(N,)`; of equal logits the lowest class."""
        best: NDArray[np.int64] = self.mean.argmax(axis=1).astype(np.int64)
        return best

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The softmax of `mean`, `(N, K)`."""
        return softmax(self.mean)

    def head(self, name: str) -> NDArray[np.float64]:
        """Return the logits of one head.

        Args:
            name: A head's name, or "mean" for the mean of all heads.

        Returns:
            Logits, `(N, K)`.

        Raises:
            ConfigError: If there is no such head.
        """
        if name == "mean":
            return self.mean
        if name not in self.heads:
            raise unknown("head", name, (*self.heads, "mean"))
        number, values = self.heads.index(name), np.empty((len(self), self.num_classes))
        for block in self.blocks():
            values[block] = self.rows(block)[:, number]
        return values

    def take(self, rows: ArrayLike) -> Scores:
        """Select samples, with the same provenance.

        Args:
            rows: Row numbers in the order wanted, or a boolean mask `(N,)`.
        """
        at = np.asarray(rows)
        at = at if at.size else np.zeros(0, np.int64)  # an empty list is one of floats to NumPy
        return Scores(self.names[at], self.labels[at], self.logits[at], self.heads, self.provenance)

    def save(self, path: str | Path) -> None:
        """Write an npz file in one step: a reader never sees a part of it.

        The same scores give the same bytes.

        Args:
            path: The file to create or replace.
        """
        arrays: dict[str, Any] = {
            "schema": np.array(SCHEMA),
            "version": np.array(__version__),
            "names": self.names,
            "labels": self.labels,
            "logits": self.logits,
            "heads": np.array(self.heads, dtype=np.str_),
            "provenance": np.array(json.dumps(dict(self.provenance), sort_keys=True, allow_nan=False)),
        }
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: str | Path) -> Scores:
        """Read what `save` wrote; nothing is unpickled.

        Args:
            path: A score file.

        Returns:
            The scores.

        Raises:
            FormatError: If there is no such file, or it is damaged, no score file, or of a newer schema.
        """
        file = Path(path)
        if not file.is_file():
            raise FormatError("no such score file: pass the .npz that an evaluation wrote", path)
        try:
            arrays = _read(file)
            schema, version = int(arrays["schema"]), str(arrays["version"])
            if schema > SCHEMA:
                raise FormatError(
                    f"score file of schema {schema}, this version reads up to {SCHEMA}: install dualhead {version}",
                    path,
                )
            heads = tuple(str(head) for head in arrays["heads"])
            provenance = json.loads(str(arrays["provenance"]))
            return cls(arrays["names"], arrays["labels"], arrays["logits"], heads, provenance)
        except ConfigError as error:
            raise FormatError(str(error), path) from error
        except PermissionError as error:
            raise FormatError("score file that this user may not read: change its permissions", path) from error
        except NPZ_DAMAGE as error:
            raise FormatError(f"damaged score file ({_first_line(error)}): write it again", path) from error


def cache_blocks(count: int, values: int) -> list[slice]:
    """Return samples in blocks so small that what is computed from one stays in cache.

    Args:
        count: Number of samples.
        values: Numbers that are computed of a sample.

    Returns:
        Consecutive slices of at least one sample; the last may reach beyond the samples.
    """
    size = max(1, _BLOCK_VALUES // max(1, values))
    return [slice(start, start + size) for start in range(0, count, size)]


def mean_of_heads(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Average the heads in double precision, one after another, which is faster than over an axis of two.

    Args:
        logits: `(B, H, K)`.

    Returns:
        Their mean, `(B, K)`.
    """
    total = logits[:, 0].astype(np.float64)
    for head in range(1, logits.shape[1]):
        total += logits[:, head]
    total /= logits.shape[1]
    return total


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Convert logits to probabilities over the last axis.

    Args:
        logits: Finite logits, `(..., K)`.

    Returns:
        Probabilities of the same shape that sum to 1 over the last axis.
    """
    normal: NDArray[np.float64] = np.exp(log_softmax(logits))
    return normal


def log_softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Convert logits to log probabilities over the last axis.

    Args:
        logits: Finite logits, `(..., K)`.

    Returns:
        Log probabilities of the same shape.
    """
    values = np.asarray(logits, dtype=np.float64)
    shifted = values - values.max(axis=-1, keepdims=True)
    normal: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normal


def label_log_probability(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the log probability of each sample's class, in half the time of all of them.

    Args:
        logits: Finite logits, `(..., N, K)`.
        labels: Classes, `(N,)`.

    Returns:
        Log probabilities, `(..., N)`.
    """
    peak = logits.max(axis=-1, keepdims=True)
    shifted = logits - peak
    index = np.broadcast_to(labels[:, None], (*logits.shape[:-1], 1))
    own = np.take_along_axis(shifted, index, axis=-1)[..., 0]
    normal: NDArray[np.float64] = own - np.log(np.exp(shifted, out=shifted).sum(axis=-1))
    return normal


def as_scores(scores: Sequence[Scores | str | Path]) -> list[Scores]:
    """Load what is given as a path and leave the rest.

    Args:
        scores: Scores, or paths of score files.

    Returns:
        The scores in the same order.
    """
    return [item if isinstance(item, Scores) else Scores.load(item) for item in scores]


def _frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return a read-only view; the caller's own array stays as writable as it was."""
    view = array.view()
    view.flags.writeable = False
    return view


def _json_copy(provenance: Mapping[str, Any]) -> dict[str, Any]:
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(provenance), allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"score provenance is not a dict of text, numbers and lists ({_first_line(error)})"
        ) from error
    return copy


def _read(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a score file, checking first that they are the ones of a score file."""
    with path.open("rb") as head:
        start = head.read(2)
        if not start:
            raise FormatError("score file of 0 bytes: write it again", path)
        if start != b"PK":
            raise FormatError("not a score file: pass the .npz that an evaluation wrote", path)
        try:
            return read_npz(head, _ARRAYS, mapped=("logits",))
        except KeyError as error:
            raise FormatError(
                f"not a score file, it has no {error.args[0]!r}: pass the .npz that an evaluation wrote", path
            ) from None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
