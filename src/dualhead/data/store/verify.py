"""Verification of a store against what was prepared."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dualhead.data.store.fingerprint import SampleFacts, digest, digest_meta, fingerprint
from dualhead.data.store.store import Store
from dualhead.runtime.errors import StoreError


def verify(store: Store, on_progress: Callable[[int, int], object] | None = None) -> None:
    """Read a whole store and check that it is what was prepared.

    Args:
        store: The store.
        on_progress: Called with the number of samples read and the number of all.

    Raises:
        StoreError: If labels, fields, lengths, skeleton, coordinates or anything in `meta.json` changed since; stores
            of earlier versions have no digest of the last.
    """
    if digest_meta(store.meta) != store.meta.get("meta_digest", digest_meta(store.meta)):
        raise StoreError(f"{store.path} is not what was prepared: its meta.json was changed since; prepare it again")

    def samples() -> Iterable[SampleFacts]:
        for row in range(len(store)):
            fields = tuple(int(column[row]) for column in store.fields.values())
            numbers = (int(store.labels[row]), int(store.frames[row]), int(store.bodies[row]))
            yield str(store.names[row]), *numbers, fields, digest(store.stored_bytes(row))
            if on_progress is not None:
                on_progress(row + 1, len(store))

    found = fingerprint(store.skeleton, store.fields, store.has_confidence, samples())
    if found != store.fingerprint:
        raise StoreError(
            f"{store.path} is not what was prepared: its content has the fingerprint {found[:12]}..., its meta.json "
            f"says {store.fingerprint[:12]}...; a file in it was changed or damaged, prepare it again"
        )
