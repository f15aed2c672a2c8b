from __future__ import annotations

import json
import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.evaluation.scores import Scores, as_scores, log_softmax, softmax
from dualhead.runtime.errors import ConfigError, DualheadError, FormatError
from tests.evaluation.builders import make_scores

TWO_HEADS = np.array([[[0, 2, 1], [4, 0, 1]], [[1, 1, 0], [0, 0, 5]]], dtype=np.float32)  # (2, 2, 3)


def two_heads() -> Scores:
    return Scores(np.array(["a", "b"]), np.array([0, 2]), TWO_HEADS, ("fine", "coarse"), {"classes": ["x", "y", "z"]})


def test_the_mean_of_the_heads_predicts() -> None:
    scores = two_heads()
    assert scores.mean.tolist() == [[2, 1, 1], [0.5, 0.5, 2.5]]
    assert scores.predictions.tolist() == [0, 2]
    assert scores.head("fine").argmax(axis=1).tolist() == [1, 0]
    assert scores.head("mean").tolist() == scores.mean.tolist()
    assert scores.classes == ("x", "y", "z")
    assert (len(scores), scores.num_classes) == (2, 3)


def test_probabilities_are_the_softmax_of_the_mean() -> None:
    scores = make_scores([[np.log(1), np.log(3)], [0, 0]], [0, 1])
    np.testing.assert_allclose(scores.probabilities, [[0.25, 0.75], [0.5, 0.5]], rtol=1e-6)


def test_softmax_keeps_large_logits_finite() -> None:
    assert softmax([1000.0, 0.0]).tolist() == [1, 0]
    assert log_softmax([1000.0, 0.0]).tolist() == [0, -1000]


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    before = two_heads()
    before.save(tmp_path / "scores.npz")
    after = Scores.load(tmp_path / "scores.npz")
    assert after.names.tolist() == ["a", "b"]
    assert after.labels.tolist() == [0, 2]
    assert after.labels.dtype == np.int64
    np.testing.assert_array_equal(after.logits, TWO_HEADS)
    assert after.logits.dtype == np.float32
    assert after.heads == ("fine", "coarse")
    assert after.provenance == {"classes": ["x", "y", "z"]}
    assert [path.name for path in tmp_path.iterdir()] == ["scores.npz"]


def test_the_same_scores_are_the_same_bytes(tmp_path: Path) -> None:
    two_heads().save(tmp_path / "one.npz")
    two_heads().save(tmp_path / "two.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def test_a_file_holds_no_pickle(tmp_path: Path) -> None:
    two_heads().save(tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as archive:
        assert all(archive[name].dtype.kind != "O" for name in archive.files)
        assert json.loads(str(archive["provenance"])) == {"classes": ["x", "y", "z"]}


def test_no_samples_are_saved_and_read(tmp_path: Path) -> None:
    Scores(np.array([], dtype=np.str_), np.array([], dtype=np.int64), np.zeros((0, 1, 4)), ("only",)).save(
        tmp_path / "s"
    )
    assert len(Scores.load(tmp_path / "s")) == 0


def test_arrays_are_read_only_but_the_callers_stay_writable() -> None:
    logits = TWO_HEADS.copy()
    scores = Scores(np.array(["a", "b"]), np.array([0, 2]), logits, ("fine", "coarse"))
    with pytest.raises(ValueError, match="read-only"):
        scores.logits[0, 0, 0] = 1
    logits[0, 0, 0] = 7
    assert logits[0, 0, 0] == 7


def test_take_keeps_names_labels_and_logits_together() -> None:
    part = two_heads().take([1])
    assert (part.names.tolist(), part.labels.tolist()) == (["b"], [2])
    np.testing.assert_array_equal(part.logits, TWO_HEADS[1:])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"names": ["a", "a"]}, "'a' comes 2 times"),
        ({"names": [["a", "b"]]}, "one name per sample"),
        ({"labels": [0]}, "labels of shape"),
        ({"labels": [0, 3]}, "'b' has label 3: 3 classes are numbered 0 to 2"),
        ({"labels": [-1, 0]}, "'a' has label -1"),
        ({"labels": [0.5, 1.0]}, "integers"),
        ({"logits": np.zeros((2, 3))}, "logits of shape"),
        ({"logits": np.full((2, 2, 3), np.nan)}, "'a' has a logit that is not finite"),
        ({"heads": ("fine",)}, "logits of shape"),
        ({"heads": ("fine", "fine")}, "none twice"),
        ({"heads": ("fine", "mean")}, "none 'mean'"),
        ({"provenance": {"classes": ["x"]}}, "name 1 classes but have logits of 3"),
        ({"provenance": {"classes": "xyz"}}, "one name each"),
        ({"provenance": {"path": Path()}}, "not a dict of text, numbers and lists"),
        ({"provenance": {"lr": float("nan")}}, "not a dict of text, numbers and lists"),
    ],
)
def test_what_does_not_fit_is_refused(change: dict[str, object], words: str) -> None:
    fields: dict[str, object] = {
        "names": ["a", "b"], "labels": [0, 2], "logits": TWO_HEADS, "heads": ("fine", "coarse"), "provenance": {}
    }  # fmt: skip
    with pytest.raises(ConfigError, match=words):
        Scores(**{**fields, **change})  # type: ignore[arg-type]


def test_an_unknown_head_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'finer'.*'fine'"):
        two_heads().head("finer")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"none\.npz: no such score file"):
        Scores.load(tmp_path / "none.npz")


def test_a_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", x=np.zeros(3))
    (tmp_path / "empty.npz").touch()
    with pytest.raises(FormatError, match=r"empty\.npz: score file of 0 bytes"):
        Scores.load(tmp_path / "empty.npz")
    with pytest.raises(FormatError, match=r"text\.npz: not a score file"):
        Scores.load(tmp_path / "text.npz")
    with pytest.raises(FormatError, match=r"other\.npz.*'schema'"):
        Scores.load(tmp_path / "other.npz")


def test_a_pickle_inside_is_not_opened(tmp_path: Path) -> None:
    two_heads().save(tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "scores.npz", **{**arrays, "names": np.array([{"a": 1}, None], dtype=object)})
    with pytest.raises(FormatError, match="damaged score file"):
        Scores.load(tmp_path / "scores.npz")


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    two_heads().save(tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz") as archive:
        arrays = dict(archive)
    arrays["names"] = np.array(["a", "b" + 10**6 * " " + "b"])
    np.savez_compressed(tmp_path / "scores.npz", **arrays)
    with pytest.raises(FormatError, match="grows more than a hundredfold"):
        Scores.load(tmp_path / "scores.npz")


def test_a_newer_schema_says_which_version_to_install(tmp_path: Path) -> None:
    two_heads().save(tmp_path / "scores.npz")
    with np.load(tmp_path / "scores.npz") as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "scores.npz", **{**arrays, "schema": np.array(2), "version": np.array("3.1")})
    with pytest.raises(FormatError, match=r"2.*1.*3\.1"):
        Scores.load(tmp_path / "scores.npz")


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two_heads().save(tmp_path / "scores.npz")
    old = (tmp_path / "scores.npz").read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="No space left"):
        make_scores([[0, 1]], [0]).save(tmp_path / "scores.npz")
    assert (tmp_path / "scores.npz").read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def test_paths_and_scores_mix(tmp_path: Path) -> None:
    two_heads().save(tmp_path / "scores.npz")
    one, two = as_scores([tmp_path / "scores.npz", make_scores([[0, 1]], [0])])
    assert (len(one), len(two)) == (2, 1)


@pytest.fixture(scope="module")
def good_bytes(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "scores.npz"
    two_heads().save(path)
    return path.read_bytes()


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_raise_only_our_errors(
    data: st.DataObject, good_bytes: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    damaged = bytearray(good_bytes)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(damaged)))
    path = tmp_path_factory.getbasetemp() / "damaged.npz"
    path.write_bytes(bytes(damaged[:cut] if data.draw(st.booleans()) else damaged))
    try:
        scores = Scores.load(path)
    except DualheadError as error:
        assert "\n" not in str(error)
    else:
        np.testing.assert_array_equal(scores.logits, TWO_HEADS)


def test_a_member_with_a_wrong_checksum_is_damage(good_bytes: bytes, tmp_path: Path) -> None:
    path = tmp_path / "scores.npz"
    at = good_bytes.index(TWO_HEADS.tobytes())
    path.write_bytes(good_bytes[:at] + b"\xff" + good_bytes[at + 1 :])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() == "logits.npy"
    with pytest.raises(FormatError, match="damaged score file"):
        Scores.load(path)


@pytest.mark.skipif(sys.platform == "win32", reason="files are not mapped there")
def test_a_score_file_that_is_cut_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    logits = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    Scores(np.array(list("abcd")), np.arange(4) % 3, logits, ("fine", "coarse")).save(path)
    scores = Scores.load(path)
    assert np.array_equal(scores.rows(slice(1, 3)), logits[1:3])
    assert scores.mean.tolist() == logits.mean(axis=1).tolist()
    os.truncate(path, 100)
    with pytest.raises(FormatError):
        _ = scores.mean
