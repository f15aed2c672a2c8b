from __future__ import annotations

import hashlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.fingerprint import digest, fingerprint
from dualhead.data.store.store import Store, open_store
from dualhead.data.store.verify import verify
from dualhead.runtime.errors import StoreError
from dualhead.skeleton import NTU25
from tests.data.small_store import make_store
from tests.formats.kinetics.test_parse import write_tree


def _change_index(store: Store, **columns: np.ndarray) -> None:
    """Write another index, and the digest that belongs to it."""
    path = store.path / "index.npz"
    with np.load(path) as index:
        arrays = {**index, **columns}
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    path.write_bytes(stream.getvalue())
    meta = json.loads((store.path / "meta.json").read_text())
    (store.path / "meta.json").write_text(json.dumps(meta | {"index_digest": digest(stream.getvalue())}))


def test_the_hash_is_that_of_json_lines() -> None:
    sample = ("a", 1, 2, 3, (4, 5), digest(b"xyz"))
    assert sample[-1] == hashlib.blake2b(b"xyz", digest_size=16).hexdigest()
    text = json.dumps([NTU25.to_dict(), ["x", "y"], False]) + json.dumps(["a", 1, 2, 3, [4, 5], sample[-1]])
    assert fingerprint(NTU25, ("x", "y"), False, [sample]) == hashlib.sha256(text.encode()).hexdigest()


def test_a_store_is_what_was_prepared(tmp_path: Path) -> None:
    store, steps = make_store(tmp_path, subjects=(1, 2)), []
    verify(store, lambda done, total: steps.append((done, total)))
    assert steps == [(row + 1, 18) for row in range(18)]
    prepare("kinetics", write_tree(tmp_path / "kinetics"), tmp_path / "flat", workers=1, quiet=True)
    verify(open_store(tmp_path / "flat"))  # with confidence, and a clip without anybody


def test_a_changed_coordinate_is_noticed(tmp_path: Path) -> None:
    store = make_store(tmp_path, subjects=(1,))
    data = bytearray((store.path / "joints.npy").read_bytes())
    data[-1] ^= 1
    (store.path / "joints.npy").write_bytes(data)
    with pytest.raises(StoreError, match=r"is not what was prepared: .* its meta\.json says .* prepare it again"):
        verify(open_store(store.path))


@pytest.mark.parametrize("column", ["label", "subject"])
def test_a_changed_column_is_noticed(tmp_path: Path, column: str) -> None:
    store = make_store(tmp_path, subjects=(1, 2))
    values = (store.labels if column == "label" else store.fields[column])[::-1].copy()
    _change_index(store, **{column: values})
    with pytest.raises(StoreError, match="is not what was prepared"):
        verify(open_store(store.path))


def test_any_change_of_the_metadata_is_noticed(tmp_path: Path) -> None:
    path = make_store(tmp_path, subjects=(1,)).path
    file = path / "meta.json"
    meta = json.loads(file.read_text())
    verify(open_store(path))
    rule = {**meta["protocols"]["xview"], "train": [3], "test": [1, 2]}
    for change in ({"protocols": {"xview": rule}}, {"body_selection": "tracked"}, {"notes": ["x"]}, {"more": 1}):
        file.write_text(json.dumps(meta | change))
        with pytest.raises(StoreError, match=r"its meta\.json was changed"):
            verify(open_store(path))
    del meta["meta_digest"]  # as earlier versions wrote it
    file.write_text(json.dumps(meta))
    verify(open_store(path))
