"""Bringing score files together by sample name, and refusing those that do not match."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from dualhead.data.store.identity import LATER_FIELDS, difference
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError, MismatchError, shorten

SHARED_FIELDS = ("dataset", "protocol", "split", "skeleton", "classes", "data_fingerprint", *LATER_FIELDS)
"""Provenance fields in which score files must agree to be fused."""

IDENTITY_FIELDS = ("stream", "model", "variant", "recipe", "selection", "epoch", "seed", "experiment")
"""Provenance fields that, together, identify the checkpoint that wrote a score file."""

_FROM_SAME_RUN = "pass files written with the same data and protocol"


def label_of(scores: Scores, number: int, source: str | None = None) -> str:
    """Return the name of a score file for a message.

    Args:
        scores: The scores.
        number: Their 0-based place in what the caller gave.
        source: The path they were read from, if any.

    Returns:
        The path, or "scores 2 (bone)".
    """
    return source or f"scores {number + 1} ({scores.provenance.get('stream', 'no stream')})"


def join(scores: Sequence[Scores], labels: Sequence[str], *, allow_same_stream: bool = False) -> list[Scores]:
    """Reorder scores to the sample order of the first.

    Args:
        scores: Scores of several streams or models on the same samples, in any order of samples.
        labels: The names in a message.
        allow_same_stream: Take two of the same stream, model and variant, such as runs of two seeds.

    Returns:
        The scores in the order given, their samples in the order of the first.

    Raises:
        ConfigError: If there is nothing to join, or scores without a sample.
        MismatchError: If two differ in a field of `SHARED_FIELDS`, in their samples or labels, if one comes twice, if
            two are of the same stream, model and variant and `allow_same_stream` is false, or if a fusion does not say
            what it was made of.
    """
    if not scores:
        raise ConfigError("0 score files cannot be joined: expected at least one")
    for item, label in zip(scores, labels, strict=True):
        if not len(item):
            raise ConfigError(f"{label} contains no sample: pass scores of a split of the protocol that has some")
    for number in range(1, len(scores)):
        check_fields(scores[0], scores[number], labels[0], labels[number])
    rest = [_aligned(scores[0], item, labels[0], label) for item, label in zip(scores[1:], labels[1:], strict=True)]
    joined = [scores[0], *rest]
    _check_twice(joined, labels, allow_same_stream)
    return joined


def stream_names(provenances: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a unique name for each stream of a fusion.

    Args:
        provenances: The provenance of each score file or checkpoint.

    Returns:
        The streams; where one comes twice, all with their models ("joint msg3d"), and if need be a number.
    """
    names = [str(item.get("stream", f"scores {number + 1}")) for number, item in enumerate(provenances)]
    if len(set(names)) < len(names):
        names = [f"{name} {item.get('model', '')}".strip() for name, item in zip(names, provenances, strict=True)]
    return [
        name if names.count(name) == 1 else f"{name} {names[: number + 1].count(name)}"
        for number, name in enumerate(names)
    ]


def check_fields(
    first: Scores, other: Scores, first_label: str, other_label: str, fields: Sequence[str] = SHARED_FIELDS
) -> None:
    """Raise if two score files differ in a provenance field or in the number of classes.

    Args:
        first: One.
        other: The other.
        first_label: The label of the first.
        other_label: The label of the other.
        fields: The provenance fields to compare; one that is absent in both agrees, as does one of
            `LATER_FIELDS` that is absent in one.

    Raises:
        MismatchError: Naming the field and both values.
    """
    check_provenance(first.provenance, other.provenance, first_label, other_label, fields)
    if first.num_classes != other.num_classes:
        raise MismatchError(
            f"number of classes differs: {first.num_classes} in {first_label} "
            f"but {other.num_classes} in {other_label}; {_FROM_SAME_RUN}"
        )


def check_provenance(
    first: Mapping[str, Any], other: Mapping[str, Any], first_label: str, other_label: str, fields: Sequence[str]
) -> None:
    """Raise if two provenances differ in a field.

    Args:
        first: One.
        other: The other.
        first_label: The label of the first.
        other_label: The label of the other.
        fields: The fields to compare; one that is absent in both agrees, as does one of `LATER_FIELDS` in one.

    Raises:
        MismatchError: Naming the field and both values.
    """
    for field in fields:
        left, right = first.get(field), other.get(field)
        if left != right and not (field in LATER_FIELDS and None in (left, right)):
            one, two = difference(left, right)
            raise MismatchError(f"{field} differs: {one} in {first_label} but {two} in {other_label}; {_FROM_SAME_RUN}")


def match_validation(tests: Sequence[Scores], validation: Sequence[Scores], labels: Sequence[str]) -> list[Scores]:
    """Find, for every score file, the validation scores that the same checkpoint wrote.

    Args:
        tests: The scores to be fused.
        validation: As many score files of the validation split, in any order.
        labels: The names of `tests` in a message.

    Returns:
        The validation scores in the order of `tests`.

    Raises:
        MismatchError: If a file is not of the validation split, shares samples with `tests`, differs from them in data,
            or if some checkpoint has none or more than one.
    """
    if len(validation) != len(tests):
        raise MismatchError(f"{len(validation)} validation files for {len(tests)} score files: pass one each")
    fields = [field for field in SHARED_FIELDS if field != "split"]
    for number, item in enumerate(validation):
        label = f"validation {label_of(item, number)}"
        if item.provenance.get("split") != "validation":
            raise MismatchError(
                f"split is {item.provenance.get('split')!r} in {label}: weights may only be found on split 'validation'"
            )
        check_fields(tests[0], item, labels[0], label, fields)
        shared = np.intersect1d(tests[0].names, item.names)
        if len(shared) and tests[0].provenance.get("split") != "validation":
            raise MismatchError(
                f"{len(shared)} samples, such as {str(shared[0])!r}, are in both {labels[0]} and {label}: "
                "weights may only be found on samples that are not scored"
            )
    left = list(validation)
    found = []
    for test, label in zip(tests, labels, strict=True):
        same = [item for item in left if _identity(item) == _identity(test)]
        if not same:
            raise MismatchError(_no_partner(test, left, label))
        if len(same) > 1:
            raise MismatchError(f"{len(same)} validation files fit {label}: expected one of each checkpoint")
        found.append(same[0])
        left = [item for item in left if item is not same[0]]
    return found


def _identity(scores: Scores) -> str:
    return json.dumps([scores.provenance.get(field) for field in IDENTITY_FIELDS], sort_keys=True)


def _no_partner(test: Scores, validation: Sequence[Scores], label: str) -> str:
    """Describe the fields in which the nearest validation file differs from that of `test`."""
    stream = test.provenance.get("stream")
    near = [item for item in validation if item.provenance.get("stream") == stream]
    if not near:
        have = ", ".join(repr(item.provenance.get("stream")) for item in validation)
        return f"no validation file for stream {stream!r} of {label}: those given are of {have}; pass that checkpoint's"
    wrong = [field for field in IDENTITY_FIELDS if near[0].provenance.get(field) != test.provenance.get(field)]
    one, two = difference(test.provenance.get(wrong[0]), near[0].provenance.get(wrong[0]))
    return f"{wrong[0]} differs: {one} in {label} but {two} in its validation file; pass the same checkpoint's"


def _aligned(first: Scores, other: Scores, first_label: str, other_label: str) -> Scores:
    """Reorder `other` to the sample order of `first`."""
    aligned = other
    if not np.array_equal(first.names, other.names):
        aligned = _reordered(first, other, first_label, other_label)
    wrong = np.flatnonzero(aligned.labels != first.labels)
    if wrong.size:
        at = wrong[0]
        raise MismatchError(
            f"labels differ for {wrong.size} samples: {str(first.names[at])!r} has {first.labels[at]} in {first_label} "
            f"but {aligned.labels[at]} in {other_label}; {_FROM_SAME_RUN}"
        )
    return aligned


def _reordered(first: Scores, other: Scores, first_label: str, other_label: str) -> Scores:
    only_first, only_other = np.setdiff1d(first.names, other.names), np.setdiff1d(other.names, first.names)
    if len(only_first) or len(only_other):
        parts = [
            f"{len(only)} only in {label}, such as {str(only[0])!r}"
            for only, label in ((only_first, first_label), (only_other, other_label))
            if len(only)
        ]
        raise MismatchError(
            f"samples differ: {len(first)} in {first_label} and {len(other)} in {other_label}, {' and '.join(parts)}; "
            f"{_FROM_SAME_RUN}"
        )
    order = np.argsort(other.names)
    rows = order[np.searchsorted(other.names, first.names, sorter=order)]
    return other.take(rows)


def _check_twice(scores: Sequence[Scores], labels: Sequence[str], allow_same_stream: bool) -> None:
    kinds = [[item.provenance.get(field) for field in ("stream", "model", "variant")] for item in scores]
    for number, item in enumerate(scores):
        for before in range(number):
            one, two = scores[before].logits, item.logits
            # most pairs differ in their first numbers
            same = scores[before].heads == item.heads and np.array_equal(one[:9], two[:9]) and np.array_equal(one, two)
            if same:
                raise MismatchError(f"{labels[before]} and {labels[number]} hold the same logits: pass each file once")
            known = kinds[number][0] is not None and kinds[before] == kinds[number]
            if known and not allow_same_stream:
                raise MismatchError(
                    f"{labels[before]} and {labels[number]} are both of stream {kinds[number][0]!r} and the same "
                    "model: pass each stream once, or allow it with allow_same_stream (--allow-same-stream)"
                )
            _check_members(scores[before], item, labels[before], labels[number])


def _check_members(left: Scores, right: Scores, left_label: str, right_label: str) -> None:
    """Raise if a fusion is given together with a score file that it was made of, which would count twice."""
    if "fused_from" not in left.provenance and "fused_from" not in right.provenance:
        return
    identities = [
        {json.dumps([member.get(field) for field in IDENTITY_FIELDS], sort_keys=True): member for member in members}
        for members in (_members(left.provenance, left_label), _members(right.provenance, right_label))
    ]
    for identity in identities[0].keys() & identities[1].keys():
        stream = identities[0][identity].get("stream")
        raise MismatchError(
            f"{left_label} and {right_label} both hold the {stream} stream of the same run, one of them in a fusion: "
            "pass each score file once, or fuse all of them at once"
        )


def _members(provenance: Mapping[str, Any], label: str) -> list[Mapping[str, Any]]:
    """Return the provenance of each score file that went into a fusion; of any other, its own."""
    parts = provenance.get("fused_from")
    if not parts:
        return [provenance]
    if not isinstance(parts, Mapping) or not all(isinstance(part, Mapping) for part in parts.values()):
        raise MismatchError(
            f"fused_from is {shorten(parts)} in {label}, which does not say stream by stream what was fused: fuse "
            "those score files again"
        )
    common = {key: value for key, value in provenance.items() if key != "fused_from"}
    return [member for part in parts.values() for member in _members({**common, **part}, label)]
