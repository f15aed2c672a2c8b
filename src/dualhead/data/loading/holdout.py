"""The validation split: a part of the training split, chosen before training and the same for the same seed."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import ConfigError, unknown

_log = logging.getLogger(__name__)

Rows = NDArray[np.int64]
_FEWEST_GROUPS = 4


def hold_out(
    train: NDArray[np.integer],
    labels: NDArray[np.integer],
    fields: Mapping[str, NDArray[np.integer]],
    *,
    by: str = "subject",
    fraction: float = 0.1,
    value: int | None = None,
    seed: int = 0,
) -> tuple[Rows, Rows]:
    """Split the training split in one to learn from and one to validate on.

    Convention: by a field, whole groups (all recordings of a performer) are held out: the rounded fraction of their
    number, at least one, in an order drawn from the seed, passing over a group without which a class would have nothing
    to learn from. With a value, what is held out are the recordings of that value alone ("leave one camera out"), and
    nothing is drawn. With `by="sample"` the fraction is held out class by class. `by="subject"` turns to samples, and
    says so in the log, where the data has no such field or fewer than 4 subjects.

    Args:
        train: `(N,)` rows of the training split.
        labels: Label of every row of the store.
        fields: Columns of integers, one number for every row of the store.
        by: A field's name, "sample", or "none" for no validation split.
        fraction: Share of groups or samples to hold out, above 0 and below 1.
        value: Hold out exactly the rows with this value of the field `by`; None: a share.
        seed: Seed of the choice, not negative.

    Returns:
        Rows to learn from and rows to validate on, each in the order of `train`.

    Raises:
        ConfigError: If `by` is not known, the fraction out of range, or nothing can be held out; if no row has the
            value, or all have it.
    """
    rows = np.asarray(train, dtype=np.int64)
    if by == "none":
        return rows, rows[:0]
    if not 0 < fraction < 1:
        raise ConfigError(f"validation fraction {fraction} is out of range: use a number between 0 and 1, such as 0.1")
    if by != "sample" and by != "subject" and by not in fields:
        raise unknown(
            "validation.by (the store has no such field)", by, dict.fromkeys(("subject", "sample", "none", *fields))
        )
    if value is not None:
        return _leave_out(rows, labels, fields, by, value)
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    classes = np.asarray(labels)[rows]
    held = np.zeros(len(rows), dtype=bool)
    how = "samples, class by class"
    if by != "sample":
        groups = np.asarray(fields[by])[rows] if by in fields else np.zeros(len(rows), dtype=np.int64)
        number = len(np.unique(groups))
        held, how = _whole_groups(groups, classes, fraction, rng) if number >= _FEWEST_GROUPS else (held, "")
        if not held.any():
            reason = (
                f"{number} values of {by!r} on the training split" if by in fields else f"no field {by!r} in this data"
            )
            if by != "subject":
                raise ConfigError(
                    f"nothing can be held out for validation with {reason}: pass --validation.by sample, or none"
                )
            _log.warning("validation: %s, so single samples are held out instead of subjects", reason)
            how = "samples, class by class"
        else:
            how = f"{by} {how}"
    if not held.any():
        held = _class_by_class(classes, fraction, rng)
    if not held.any():
        raise ConfigError(
            f"{len(rows)} training samples are too few to hold out {fraction:g} of them for validation: pass a larger "
            "--validation.fraction, or --validation.by none to hold out nothing"
        )
    _log.info("validation: %d of %d training samples held out (%s)", held.sum(), len(rows), how)
    return rows[~held], rows[held]


def _leave_out(
    rows: Rows, labels: NDArray[np.integer], fields: Mapping[str, NDArray[np.integer]], by: str, value: int
) -> tuple[Rows, Rows]:
    """Split off the rows with one value of a field."""
    if by not in fields:
        raise unknown("validation.by (the store has no such field)", by, fields)
    values = np.asarray(fields[by])[rows]
    held = values == value
    there = " ".join(map(str, np.unique(values).tolist()))
    if not held.any():
        raise ConfigError(f"validation.value is {value}: the training split has no such {by}, pass one of {there}")
    if held.all():
        raise ConfigError(f"validation.value is {value}: all training samples have this {by}, nothing is left to train")
    lost = np.setdiff1d(np.asarray(labels)[rows[held]], np.asarray(labels)[rows[~held]])
    if len(lost):
        _log.warning("validation: %d classes have no training sample without %s %d", len(lost), by, value)
    _log.info("validation: %d of %d training samples held out (%s %d)", held.sum(), len(rows), by, value)
    return rows[~held], rows[held]


def _whole_groups(
    groups: NDArray[np.integer], classes: NDArray[np.integer], fraction: float, rng: np.random.Generator
) -> tuple[NDArray[np.bool_], str]:
    """Choose groups whose absence leaves every class something to learn from."""
    values = np.unique(groups)
    wanted = max(1, round(fraction * len(values)))
    held = np.zeros(len(groups), dtype=bool)
    chosen: list[int] = []
    all_classes = len(np.unique(classes))
    for value in rng.permutation(values).tolist():
        more = held | (groups == value)
        if len(np.unique(classes[~more])) == all_classes:
            held = more
            chosen.append(value)
        if len(chosen) == wanted:
            break
    return held, " ".join(map(str, sorted(chosen)))


def _class_by_class(classes: NDArray[np.integer], fraction: float, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Choose the rounded fraction of every class, leaving it at least one sample."""
    held = np.zeros(len(classes), dtype=bool)
    for value in np.unique(classes):
        members = rng.permutation(np.flatnonzero(classes == value))
        held[members[: min(round(fraction * len(members)), len(members) - 1)]] = True
    return held
