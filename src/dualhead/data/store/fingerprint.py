"""The fingerprint of a store: a hash of its content, written by `prepare` and checked by `verify`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from dualhead.skeleton import Skeleton

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
        meta: Its content; its own digest does not count.
    """
    content = {key: value for key, value in meta.items() if key != "meta_digest"}
    return digest(json.dumps(content, sort_keys=True).encode())
