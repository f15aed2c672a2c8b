from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from dualhead.cli import main
from dualhead.data.export.arrays import export_arrays
from dualhead.data.export.pyskl import export_pyskl
from dualhead.data.prepare.prepare import prepare
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.store.store import Store, open_store
from dualhead.runtime.errors import ConfigError, StoreError
from dualhead.skeleton import COCO17
from tests.formats.kinetics.test_parse import write_tree
from tests.formats.making import make_ntu_tree
from tests.formats.test_pyskl import annotation, write


def make_store(folder: Path) -> Store:
    prepare("ntu60", make_ntu_tree(folder / "raw", 9), folder / "store", workers=1, quiet=True)
    return open_store(folder / "store")


def same(first: Store, second: Store) -> None:
    assert first.names.tolist() == second.names.tolist()
    assert first.labels.tolist() == second.labels.tolist()
    assert first.classes == second.classes
    assert first.skeleton == second.skeleton
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one.joints, other.joints)
        assert (one.confidence is None) == (other.confidence is None)
        if one.confidence is not None and other.confidence is not None:
            np.testing.assert_array_equal(one.confidence, other.confidence)


def test_the_pickle_is_plain_and_its_arrays_can_be_written_to(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    path = export_pyskl(store, tmp_path / "a.pkl", quiet=True).path
    data = path.read_bytes()
    assert b"_core" not in data and b"dualhead" not in data
    content = pickle.loads(data)  # noqa: S301
    assert list(content["split"]) == ["xsub_train", "xsub_val", "xview_train", "xview_val"]
    assert content["split"]["xview_val"] == store.names[store.split("xview")[1]].tolist()
    first = content["annotations"][1]
    assert (first["frame_dir"], first["label"], first["total_frames"]) == (store.names[1], 0, store.frames[1])
    assert first["keypoint"].flags.writeable
    np.testing.assert_array_equal(first["keypoint"], store[1].joints)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    export_pyskl(store.path, tmp_path / "a.pkl", quiet=True)
    prepare("pyskl", tmp_path / "a.pkl", tmp_path / "back", workers=2, quiet=True)
    back = open_store(tmp_path / "back")
    same(store, back)
    assert back.fields["subject"].tolist() == store.fields["subject"].tolist()
    for protocol in ("xsub", "xview"):
        for ours, theirs in zip(back.split(protocol), store.split(protocol), strict=True):
            assert ours.tolist() == theirs.tolist()


def test_flat_data_come_back_with_scores_and_image_size(tmp_path: Path) -> None:
    scores = np.linspace(0.5, 1, 4 * 17, dtype=np.float16).reshape(1, 4, 17)
    more = {"keypoint_score": scores, "img_shape": (480, 640)}
    content = {
        "split": {"train": ["a"], "val": ["b"]},
        "annotations": [annotation(name, 0, (1, 4, 17, 2), **more) for name in "ab"],
    }
    prepare("pyskl", write(tmp_path / "a.pkl", content), tmp_path / "store", workers=1, quiet=True)
    store = open_store(tmp_path / "store")
    export_pyskl(store, tmp_path / "b.pkl", quiet=True)
    prepare("pyskl", tmp_path / "b.pkl", tmp_path / "back", workers=1, quiet=True)
    back = open_store(tmp_path / "back")
    same(store, back)
    assert back.fields["width"].tolist() == [640, 640]
    assert back.skeleton == COCO17
    # half an image right of its centre is 1: x = 640 gives 1, by the recipe that these files are made for
    clip = get_recipe("uniform100").clip(back[0], "joint")
    np.testing.assert_allclose(clip[0, 0, :, 0], back[0].joints[0, 0, :, 0] / 320 - 1, atol=1e-6)


def test_kinetics_comes_back_with_those_without_anybody(tmp_path: Path) -> None:
    prepare("kinetics", write_tree(tmp_path / "raw"), tmp_path / "store", workers=1, quiet=True)
    path = export_pyskl(tmp_path / "store", tmp_path / "a.pkl", quiet=True).path
    second = pickle.loads(path.read_bytes())["annotations"][1]  # noqa: S301
    assert not second["keypoint"].any() and not second["keypoint_score"].any()
    report = prepare("pyskl", path, tmp_path / "back", workers=1, quiet=True)
    store, back = open_store(tmp_path / "store"), open_store(tmp_path / "back")
    assert report.rejected == ()
    assert (store.names[1], store.bodies[1], back.bodies[1]) == ("b", 0, 0)
    assert second["keypoint"].shape == (1, store.frames[1], 18, 2)
    same(store, back)


def test_half_precision(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    path = export_pyskl(store, tmp_path / "a.pkl", precision="float16", quiet=True).path
    keypoint = pickle.loads(path.read_bytes())["annotations"][0]["keypoint"]  # noqa: S301
    assert keypoint.dtype == np.float16
    np.testing.assert_allclose(keypoint, store[0].joints, rtol=1e-3)


def test_names_of_protocols_are_shown_and_never_obeyed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meta = make_store(tmp_path).path / "meta.json"
    meta.write_text(meta.read_text(encoding="utf-8").replace('"xview"', '"[red]a\\u001b[2J\\u0007"'), encoding="utf-8")
    assert main(["export-pyskl", str(tmp_path / "store"), str(tmp_path / "a.pkl")]) == 0
    assert "[red]a<1b>[2J<07>_train, [red]a<1b>[2J<07>_val\n" in capsys.readouterr().out


@pytest.mark.filterwarnings("error")
def test_half_precision_has_an_end(tmp_path: Path) -> None:
    far = np.full((1, 4, 17, 2), 70000, np.float32)
    content = {
        "split": {"train": ["a"], "val": ["b"]},
        "annotations": [annotation("a", 0, (1, 4, 17, 2)), {**annotation("b", 0, (1, 4, 17, 2)), "keypoint": far}],
    }
    prepare("pyskl", write(tmp_path / "a.pkl", content), tmp_path / "store", workers=1, quiet=True)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ConfigError, match=r"'b'.*70000.*65504.*float32"):
        export_pyskl(tmp_path / "store", tmp_path / "b.pkl", precision="float16", quiet=True)
    assert sorted(tmp_path.iterdir()) == before
    export_pyskl(tmp_path / "store", tmp_path / "b.pkl", quiet=True)


def test_what_cannot_be_done_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(tmp_path)
    export_pyskl(store, tmp_path / "a.pkl", quiet=True)
    with pytest.raises(StoreError, match="already exists"):
        export_pyskl(store, tmp_path / "a.pkl", quiet=True)
    export_arrays(store, tmp_path / "xsub", protocol="xsub", streams=["joint"], recipe="dualhead", quiet=True)
    prepare("published", tmp_path / "xsub", tmp_path / "back", workers=1, quiet=True)
    with pytest.raises(ConfigError, match="recipe 'dualhead' normalised and padded"):
        export_pyskl(tmp_path / "back", tmp_path / "b.pkl", quiet=True)
    assert not (tmp_path / "b.pkl").exists()
