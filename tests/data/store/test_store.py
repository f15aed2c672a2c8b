from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import NoSuchRowError, open_store, read_meta
from dualhead.formats.ntu.parse import parse_skeleton
from dualhead.runtime.errors import ConfigError, StoreError
from dualhead.skeleton import NTU25
from tests.formats.making import make_ntu_tree


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare("ntu60", make_ntu_tree(tmp_path / "raw", 12), tmp_path / "store", workers=1, quiet=True)
    return tmp_path / "store"


def _change_meta(folder: Path, **values: Any) -> None:
    meta = json.loads((folder / "meta.json").read_text())
    (folder / "meta.json").write_text(json.dumps({**meta, **values}))


def test_samples_come_back_as_they_were_recorded(folder: Path) -> None:
    store = open_store(folder)
    assert len(store) == 12
    assert store.names.tolist() == sorted(store.names.tolist())
    assert store.skeleton == NTU25
    for sequence in store:
        recording = parse_skeleton((folder.parent / "raw" / f"{sequence.name}.skeleton").read_bytes())
        whole = recording.dense(range(sequence.num_bodies))
        order = [0, 1] if np.array_equal(sequence.joints[0], whole[0]) else [1, 0]
        assert np.array_equal(sequence.joints, whole[order[: sequence.num_bodies]])
        assert sequence.label == 0
        assert sequence.fields["subject"] == int(sequence.name[9:12])
        assert list(sequence.fields) == ["setup", "camera", "subject", "repeat"]


def test_columns_agree_with_samples(folder: Path) -> None:
    store = open_store(folder)
    for index in range(-12, 12):
        sequence = store[index]
        assert (sequence.num_bodies, sequence.num_frames) == (store.bodies[index], store.frames[index])
        assert store.index_of(sequence.name) == index % 12
        assert store.fields["camera"][index] == sequence.fields["camera"]
    for beyond in (12, -13):
        with pytest.raises(NoSuchRowError, match=f"has no row {beyond}: its 12 samples are 0 to 11") as caught:
            store[beyond]
        assert isinstance(caught.value, IndexError)
    with pytest.raises(StoreError, match="no sample 'S999'"):
        store.index_of("S999")


def test_joints_cannot_be_written(folder: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        open_store(folder)[0].joints[:] = 0


def test_split_follows_the_rule(folder: Path) -> None:
    store = open_store(folder)
    train, test = store.split("xview")
    assert set(store.fields["camera"][train]) == {2, 3}
    assert set(store.fields["camera"][test]) == {1}
    assert sorted([*train, *test]) == list(range(12))
    with pytest.raises(ConfigError, match="valid: xsub, xview"):
        store.split("xset")


def test_a_store_travels_as_its_path(folder: Path) -> None:
    store = open_store(folder)
    data = pickle.dumps(store)
    assert len(data) < 500
    copy = pickle.loads(data)  # noqa: S301
    assert copy.fingerprint == store.fingerprint
    assert np.array_equal(copy[3].joints, store[3].joints)


def test_another_schema_says_what_to_do(folder: Path) -> None:
    _change_meta(folder, schema=99, version="9.9")
    with pytest.raises(StoreError, match=r"99.*1.*9\.9"):
        open_store(folder)


def test_a_folder_without_a_store_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no meta\.json"):
        open_store(tmp_path)
    with pytest.raises(StoreError, match=r"no meta\.json"):
        read_meta(tmp_path / "nothing")


def test_a_damaged_store_is_a_sentence(folder: Path) -> None:
    joints = (folder / "joints.npy").read_bytes()
    (folder / "joints.npy").write_bytes(joints[:-100])
    with pytest.raises(StoreError, match="damaged store"):
        open_store(folder)
    (folder / "joints.npy").write_bytes(joints)
    assert len(open_store(folder)) == 12
    _change_meta(folder, counts={"samples": 11})
    with pytest.raises(StoreError, match="index and its arrays differ"):
        open_store(folder)
    _change_meta(folder, skeleton={})
    with pytest.raises(StoreError, match="damaged store"):
        open_store(folder)
    (folder / "index.npz").write_bytes(b"nothing")
    with pytest.raises(StoreError, match="damaged store"):
        open_store(folder)
    (folder / "meta.json").write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        open_store(folder)


def test_coordinates_of_neighbours_are_one_view(folder: Path) -> None:
    store = open_store(folder)
    values = store.coordinates(2, 5)
    assert values.shape == (int((store.frames * store.bodies)[2:5].sum()), 25, 3)
    assert np.shares_memory(values, store[3].joints)
    np.testing.assert_array_equal(values[: store[2].joints[..., 0, 0].size], store[2].joints.reshape(-1, 25, 3))
    assert store.coordinates(0, len(store)).size == sum(sequence.joints.size for sequence in store)
    assert store.coordinates(len(store), len(store)).shape == (0, 25, 3)


@pytest.mark.parametrize(
    "change", [(b"PK\x03\x04", b"PK\x03\x05"), (b"PK\x01\x02", b"PK\x01\x03"), (b"\x93NUMPY", b"\x93NUMPI")]
)
def test_a_damaged_index_is_a_sentence(folder: Path, change: tuple[bytes, bytes]) -> None:
    index = (folder / "index.npz").read_bytes()
    (folder / "index.npz").write_bytes(index.replace(*change, 1))
    with pytest.raises(StoreError, match="damaged store"):
        open_store(folder)


def test_another_index_of_the_same_shape_is_noticed_when_it_is_opened(folder: Path) -> None:
    with np.load(folder / "index.npz") as index:
        columns = dict(index)
    np.savez(folder / "index.npz", **{**columns, "label": columns["label"] + 1})
    with pytest.raises(StoreError, match=r"damaged store \(its index\.npz was changed after it was prepared\)"):
        open_store(folder)
    meta = json.loads((folder / "meta.json").read_text())
    del meta["index_digest"]  # as older versions wrote it
    (folder / "meta.json").write_text(json.dumps(meta))
    assert open_store(folder).labels.tolist() == [1] * 12


@pytest.mark.parametrize(
    ("dataset", "why"),
    [
        ("pyskl", "the pickle has no 'split' with"),
        ("custom", "dataset.yaml has no 'protocols': add one"),
        ("ntu60", "the data that it was made of name none$"),
    ],
)
def test_a_store_without_protocols_says_so_and_why(folder: Path, dataset: str, why: str) -> None:
    _change_meta(folder, protocols={}, dataset=dataset)
    with pytest.raises(ConfigError, match=f"unknown protocol 'xsub': .* has no protocol at all, because {why}"):
        open_store(folder).split("xsub")


def test_a_header_that_is_no_python_is_a_sentence(folder: Path) -> None:
    joints = (folder / "joints.npy").read_bytes()
    (folder / "joints.npy").write_bytes(joints.replace(b"{'descr'", b"{((('d'"))
    with pytest.raises(StoreError, match="damaged store"):
        open_store(folder)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"classes": []}, "a label is outside the 0 classes"),
        ({"protocols": {"x": {"field": "room", "train": [1]}}}, "rule over the field 'room', which it does not have"),
        ({"protocols": {"x": {"field": "camera", "train": ["a"]}}}, "damaged store"),
        ({"protocols": []}, "damaged store"),
        ({"fields": ["room"]}, "damaged store"),
        ({"counts": {}}, "damaged store"),
    ],
)
def test_facts_that_do_not_fit_are_a_sentence(folder: Path, change: dict[str, Any], reason: str) -> None:
    _change_meta(folder, **change)
    with pytest.raises(StoreError, match=reason):
        open_store(folder)


def test_a_folder_without_a_store_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"contains no store \(no meta\.json\): make one with `dualhead prepare`$"):
        open_store(tmp_path)


@pytest.mark.parametrize(("column", "value"), [("frames", 2**62), ("bodies", 2**61), ("frames", 2**40)])
def test_sizes_that_overflow_are_a_sentence(folder: Path, column: str, value: int) -> None:
    with np.load(folder / "index.npz") as index:
        columns = dict(index)
    columns[column][3] = value  # times 25 joints of 3 coordinates, in 64 bits, that may be any number
    np.savez(folder / "index.npz", **columns)
    meta = json.loads((folder / "meta.json").read_text())
    del meta["index_digest"]
    (folder / "meta.json").write_text(json.dumps(meta))
    with pytest.raises(StoreError, match="more coordinates than there are"):
        open_store(folder)


def test_a_store_that_is_cut_while_it_is_read_is_a_sentence(folder: Path) -> None:
    store = open_store(folder)
    assert store[11].joints.size
    with (folder / "joints.npy").open("rb+") as file:
        file.truncate(200)
    for read in (lambda: store[11], lambda: store.coordinates(0, 12), lambda: store.stored_bytes(3)):
        with pytest.raises(StoreError, match="was cut while it was read"):
            read()


@pytest.mark.parametrize(
    "change",
    [
        {"classes": 5},
        {"classes": [1, 2]},
        {"dataset": None},
        {"body_selection": 3},
        {"counts": {"samples": 12, "skipped": "x"}},
        {"counts": {"samples": 10**40}},
        {"rejected": [{}]},
        {"rejected": 5},
        {"prepared": 5},
        {"confidence": "no"},
        {"fingerprint": []},
        {"fields": [["camera"]]},
        {"protocols": {"x": {"field": "camera", "train": [10**30]}}},
        {"schema": True},
    ],
)
def test_odd_values_in_the_metadata_are_a_sentence(folder: Path, change: dict[str, Any]) -> None:
    _change_meta(folder, **change)
    with pytest.raises(StoreError, match=next(iter(change))):
        open_store(folder)
