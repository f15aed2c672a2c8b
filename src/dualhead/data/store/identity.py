"""The identity of a store, and the error where another store is expected."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from dualhead.data.store.store import Store
from dualhead.runtime.errors import MismatchError, shorten

LATER_FIELDS = ("body_selection", "protocol_rule")
"""Fields that files of earlier versions do not have; where one file lacks them, they agree."""


def describe_store(store: Store, protocol: str | None = None) -> dict[str, Any]:
    """Return what is written, of the data, into all that is made from a store.

    Args:
        store: The store.
        protocol: The protocol that is used, if there is one: its rule is a part of what the data are, because the
            fingerprint is of the samples alone.
    """
    facts = {
        "dataset": store.meta["dataset"],
        "skeleton": store.skeleton.name,
        "classes": list(store.classes),
        "body_selection": store.meta["body_selection"],
        "data_fingerprint": store.fingerprint,
    }
    if protocol in store.protocols:
        rule = store.protocols[protocol]
        splits = {"train": rule.train} | ({} if rule.test is None else {"test": rule.test})
        facts["protocol_rule"] = {
            "field": rule.field,
            **{split: sorted(set(values)) for split, values in splits.items()},
        }
    return facts


def check_store(
    store: Store,
    provenance: Mapping[str, Any],
    source: str,
    *,
    passed_over: Container[str] = (),
    needed: bool = False,
) -> None:
    """Check that a store is the one that something was made from.

    Args:
        store: The store.
        provenance: The provenance of the checkpoint or the scores.
        source: Their name in error messages.
        passed_over: Fields that may differ.
        needed: Whether a field that is absent differs, but for `LATER_FIELDS`; otherwise it agrees.

    Raises:
        MismatchError: If they differ; names the field.
    """
    protocol = provenance.get("protocol")
    for field, ours in describe_store(store, protocol if isinstance(protocol, str) else None).items():
        theirs = provenance.get(field)
        if field in passed_over or theirs == ours or (theirs is None and not (needed and field not in LATER_FIELDS)):
            continue
        one, two = difference(theirs, ours)
        raise MismatchError(
            f"{source} and the store {store.path} do not match: {field} is {one} there and {two} in the "
            "store; pass the store that it was made from"
        )


def difference(left: Any, right: Any) -> tuple[str, str]:
    """Return how two values differ, briefly even where they are long lists or mappings.

    Args:
        left: One, as read from JSON.
        right: The other.
    """
    if isinstance(left, list) and isinstance(right, list):
        if len(left) != len(right):
            return f"{len(left)} names", f"{len(right)} names"
        pairs = (number for number, pair in enumerate(zip(left, right, strict=True)) if pair[0] != pair[1])
        at = next(pairs, None)
        if at is not None:
            return f"number {at} is {shorten(left[at])}", shorten(right[at])
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        keys = sorted(str(key) for key in {*left, *right} if left.get(key) != right.get(key))
        if keys:
            one, two = difference(left.get(keys[0]), right.get(keys[0]))
            return f"{keys[0]} is {one}", two
    return tuple("absent" if value is None else shorten(value) for value in (left, right))  # type: ignore[return-value]
