from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.data.store import Store
from dualhead.errors import ConfigError, FormatError, StoreError
from dualhead.sequence import SkeletonSequence
from dualhead.visualize.recordings import find_recording


def test_a_recording_in_memory_is_taken_as_it_is(person: SkeletonSequence) -> None:
    assert find_recording(person) == (person, "")


def test_a_sample_of_a_store_by_name(small_store: Store) -> None:
    sequence, name = find_recording(small_store.path, "S001C001P003R001A002")
    assert sequence.num_frames == 6
    assert name == small_store.classes[1]


def test_a_raw_file(small_store: Store) -> None:
    sequence, _ = find_recording(small_store.path.parent / "raw" / "S001C001P001R001A003.skeleton")
    assert (sequence.num_frames, sequence.label) == (7, 2)


def test_what_cannot_be_found(small_store: Store, person: SkeletonSequence, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"store of 6 samples: .*'S001C001P001R001A001'"):
        find_recording(small_store.path)
    with pytest.raises(StoreError, match="no sample 'S009'"):
        find_recording(small_store.path, "S009")
    with pytest.raises(ConfigError, match="only a store has samples"):
        find_recording(person, "S009")
    with pytest.raises(FormatError, match=r"absent\.skeleton"):
        find_recording(tmp_path / "absent.skeleton")
    with pytest.raises(StoreError, match="holds no store"):
        find_recording(tmp_path, "S009")
