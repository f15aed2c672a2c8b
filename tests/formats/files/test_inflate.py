from __future__ import annotations

import importlib.util
import zlib
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.files import inflate as module
from dualhead.formats.files.inflate import crc32, inflate

WITH_AND_WITHOUT = [
    None,
    pytest.param(
        module._fast, marks=pytest.mark.skipif(importlib.util.find_spec("isal") is None, reason="no isal installed")
    ),
]


def deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize("fast", WITH_AND_WITHOUT)
def test_content_comes_back_and_a_bomb_stops(monkeypatch: pytest.MonkeyPatch, fast: ModuleType | None) -> None:
    monkeypatch.setattr(module, "_fast", fast)
    text = b"".join(b"%d 0.25 -1.5\n" % number for number in range(50_000))
    packed = deflate(text)
    assert inflate(packed, len(text) + 1) == text
    assert inflate(packed, 100) == text[:100]
    assert len(inflate(deflate(bytes(10**8)), 1000)) == 1000
    assert text.startswith(inflate(packed[: len(packed) // 2], len(text)))


@pytest.mark.parametrize("fast", WITH_AND_WITHOUT)
def test_damage_is_a_zlib_error_in_the_same_words(monkeypatch: pytest.MonkeyPatch, fast: ModuleType | None) -> None:
    monkeypatch.setattr(module, "_fast", fast)
    with pytest.raises(zlib.error, match="invalid block type"):
        inflate(b"\xff" * 50, 1000)


@pytest.mark.parametrize("fast", WITH_AND_WITHOUT)
def test_the_checksum_is_that_of_zip(monkeypatch: pytest.MonkeyPatch, fast: ModuleType | None) -> None:
    monkeypatch.setattr(module, "_fast", fast)
    assert crc32(b"123456789") == 0xCBF43926  # the check value of CRC-32
    assert crc32(b"") == 0


@given(st.binary(max_size=2000), st.integers(0, 3000))
@settings(max_examples=50, deadline=None)
def test_it_is_what_zlib_gives(data: bytes, most: int) -> None:
    packed = deflate(data)
    assert inflate(packed, max(most, 1)) == data[: max(most, 1)]
