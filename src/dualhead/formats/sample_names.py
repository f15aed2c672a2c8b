"""Facts on a data set that follow from its sample names and labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dualhead.formats.ntu.sources import ntu120
from dualhead.formats.source import load_class_names
from dualhead.runtime.errors import FormatError

_MAX_LABEL = 100_000


def whole_label(label: Any, where: str) -> int:
    """Check a label.

    Args:
        label: A 0-based class number, of whatever type a file has it.
        where: The source, for the error message.

    Raises:
        FormatError: If the label is not an integer from 0 on.
    """
    if isinstance(label, np.ndarray) and label.size == 1:
        label = label.item()
    if isinstance(label, bool) or not isinstance(label, (int, np.integer)) or not 0 <= label < _MAX_LABEL:
        raise FormatError(f"label {str(label)[:40]!r} instead of an integer from 0 on", where)
    return int(label)


def fields_of_names(names: Sequence[str]) -> list[dict[str, int]] | None:
    """Read setup, camera, subject and repeat where every name is one of NTU RGB+D.

    Args:
        names: Sample names.

    Returns:
        The fields of each, or None where a name is another.
    """
    source = ntu120()
    try:
        samples = [source.sample(name) for name in names]
    except FormatError:
        return None
    return [dict(sample.fields) for sample in samples if sample is not None]


def classes_of(names: Sequence[str], labels: Sequence[int], known: Sequence[str] = ()) -> tuple[str, ...]:
    """Choose class names: those given, those of NTU RGB+D where sample names and labels match, or numbers.

    Args:
        names: Sample names.
        labels: Their 0-based labels.
        known: The names by label, where the file has them.
    """
    count = max(labels, default=-1) + 1
    if len(known) >= count:
        return tuple(known)
    source = ntu120()
    try:
        samples = [source.sample(name) for name in names]
    except FormatError:
        samples = []
    if samples and all(sample and sample.label == label for sample, label in zip(samples, labels, strict=True)):
        shipped = load_class_names("ntu120")
        return shipped[:60] if count <= 60 else shipped
    return tuple(f"class {label}" for label in range(count))
