"""A store as the pickle that PYSKL and MMAction2 read."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dualhead.data.store.store import Store, open_store
from dualhead.data.store.writer import disk_errors
from dualhead.runtime.errors import ConfigError, StoreError
from dualhead.runtime.files import replacing
from dualhead.runtime.progress import Bar, show_progress


@dataclass(frozen=True)
class PysklFile:
    """A pickle that was written.

    Attributes:
        path: The file.
        annotations: Number of annotations in it.
        splits: Names of its splits.
    """

    path: Path
    annotations: int
    splits: tuple[str, ...]


def export_pyskl(
    store: str | Path | Store,
    out: str | Path,
    *,
    precision: Literal["float32", "float16"] = "float32",
    quiet: bool = False,
) -> PysklFile:
    """Write a store as one pickle: `{"split": {name: [frame_dir, ...]}, "annotations": [...]}`.

    Each protocol becomes two splits, `PROTOCOL_train` and `PROTOCOL_val` (`train` and `val` for the protocol
    `official`). An annotation has `frame_dir` (the sample's name), `label`, `total_frames`, `keypoint` `(M, T, V, C)`,
    and where they are known `keypoint_score` `(M, T, V)` and `img_shape` (height, width). A clip without a person is
    written as one body of zeros, because those toolboxes look at the first. Two more keys, `skeleton` and `classes`,
    are there for `dualhead prepare pyskl`; others ignore them. The file needs no particular version of NumPy; it is
    written sample by sample.

    Args:
        store: The prepared data set.
        out: The file to create, such as `mine.pkl`.
        precision: Of the coordinates; `float16` halves the file but rounds 3 m to about 2 mm.
        quiet: Show no progress.

    Returns:
        The file, and what is in it.

    Raises:
        ConfigError: If a sample has no label or a coordinate too large for `float16`, or the store's coordinates are
            normalised already.
        StoreError: If `out` already exists, or the disk is full.
    """
    opened, target = store if isinstance(store, Store) else open_store(store), Path(out)
    if min(opened.labels, default=0) < 0:
        raise ConfigError(f"{opened.path} has samples without a label, which this format cannot store")
    if opened.meta.get("prepared"):
        raise ConfigError(
            f"{opened.path} holds coordinates that recipe {opened.meta['prepared']!r} normalised and padded, which "
            "this kind of file cannot say: export them as arrays"
        )
    if target.exists():
        raise StoreError(f"{target} already exists: choose another name, or remove it first")
    splits = split_names(opened)
    content = {
        "split": splits,
        "annotations": [_Row(row) for row in range(len(opened))],
        "skeleton": opened.skeleton.to_dict(),
        "classes": list(opened.classes),
    }
    with (
        show_progress(quiet) as new_bar,
        disk_errors(target),
        replacing(target) as temporary,
        temporary.open("wb") as file,
    ):
        _Pickler(file, opened, np.dtype(precision), new_bar("exporting", len(opened))).dump(content)
    return PysklFile(target, len(opened), tuple(splits))


def split_names(store: Store) -> dict[str, list[str]]:
    """Return the names of the samples by split, as PYSKL calls its splits: "xsub_train", "xsub_val".

    Args:
        store: The prepared data set.
    """
    splits = {}
    for protocol in store.protocols:
        for split, rows in zip(("train", "val"), store.split(protocol), strict=True):
            name = split if protocol == "official" else f"{protocol}_{split}"
            splits[name] = [str(sample) for sample in store.names[rows]]
    return splits


class _Row:
    """Stands for an annotation until it is written."""

    def __init__(self, row: int):
        self.row = row


class _Pickler(pickle.Pickler):
    """Makes annotations as it writes them, and arrays in a way that every version of NumPy reads back."""

    def __init__(self, file: Any, store: Store, dtype: np.dtype[Any], bar: Bar):
        super().__init__(file, protocol=4)
        self.fast = True  # without it, everything written would be kept in memory
        self._store, self._dtype, self._bar = store, dtype, bar

    def reducer_override(self, value: Any) -> Any:
        """Reduce an object; see `pickle.Pickler.reducer_override`."""
        if isinstance(value, _Row):
            annotation = self._annotation(value.row)
            self._bar.update(value.row + 1)
            return dict, (list(annotation.items()),)
        if isinstance(value, np.ndarray):
            # a bytearray, so that it can be written to when it is read back
            return np.ndarray, (value.shape, value.dtype.str, bytearray(value.tobytes()))
        return NotImplemented

    def _annotation(self, row: int) -> dict[str, Any]:
        sequence = self._store[row]
        joints, confidence = sequence.joints, sequence.confidence
        if not len(joints):
            joints = np.zeros((1, *joints.shape[1:]), np.float32)
            confidence = None if confidence is None else np.zeros((1, *confidence.shape[1:]), np.float32)
        annotation: dict[str, Any] = {
            "frame_dir": sequence.name,
            "label": sequence.label,
            "total_frames": sequence.num_frames,
            "keypoint": self._rounded(joints, sequence.name),
        }
        if confidence is not None:
            annotation["keypoint_score"] = self._rounded(confidence, sequence.name)
        height, width = sequence.fields.get("height", 0), sequence.fields.get("width", 0)
        if height > 0 and width > 0:
            annotation["img_shape"] = annotation["original_shape"] = (height, width)
        return annotation

    def _rounded(self, values: NDArray[np.float32], name: str) -> NDArray[Any]:
        with np.errstate(over="ignore"):
            rounded = values.astype(self._dtype)
        if (np.isinf(rounded) & np.isfinite(values)).any():
            raise ConfigError(
                f"sample {name!r} has {np.abs(values).max():g} as a coordinate or score, but {self._dtype} ends at "
                f"{np.finfo(self._dtype).max:g}: use the precision float32"
            )
        return rounded
