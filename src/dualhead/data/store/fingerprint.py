"""What a store holds as one hash, written when it is prepared and checked on demand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dualhead.runtime.errors import StoreError
from dualhead.skeleton import Skeleton

if TYPE_CHECKING:
    from dualhead.data.store.store import Store

SampleFacts = tuple[str, int, int, int, tuple[int, ...], str]
"""Name, label (-1: unknown), T, M, fields in the order of the store's, and `digest` of the coordinates."""


def digest(data: bytes | memoryview) -> str:
    """Hash bytes, fast.

    Args:
        data: Of one sample, its coordinates as they are stored, little-endian float32.
    """
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def fingerprint(skeleton: Skeleton, fields: Iterable[str], has_confidence: bool, samples: Iterable[SampleFacts]) -> str:
    """Hash the content of a store: it depends neither on the machine nor on the path or time.

    Args:
        skeleton: The layout of the joints.
        fields: Names of the fields.
        has_confidence: Whether each joint has a confidence.
        samples: In the order of the store.

    Returns:
        The hash, 64 hexadecimal digits.
    """
    state = hashlib.sha256(json.dumps([skeleton.to_dict(), list(fields), has_confidence]).encode())
    for sample in samples:
        state.update(json.dumps(sample).encode())
    return state.hexdigest()


def digest_meta(meta: Mapping[str, Any]) -> str:
    """Hash the content of `meta.json`.

    Args:
        meta: What is in it; its own digest does not count.
    """
    content = {key: value for key, value in meta.items() if key != "meta_digest"}
    return digest(json.dumps(content, sort_keys=True).encode())


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
