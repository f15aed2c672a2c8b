from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.evaluation.fusion import find_weights, fuse
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError, MismatchError
from tests.evaluation.builders import make_scores

JOINT = [[4.0, 0, 0], [0, 0, 2], [3, 0, 0]]  # right: first
BONE = [[0.0, 1, 0], [0, 5, 0], [0, 0, 1]]  # right: second, third
LABELS = [0, 1, 2]


def joint(**fields: Any) -> Scores:
    return make_scores(JOINT, LABELS, "joint", **fields)


def bone(**fields: Any) -> Scores:
    return make_scores(BONE, LABELS, "bone", **fields)


def test_logits_are_averaged_with_equal_weights() -> None:
    result = fuse([joint(), bone()])
    assert result.scores.mean.tolist() == [[2, 0.5, 0], [0, 2.5, 1], [1.5, 0, 0.5]]
    assert result.weights == {"joint": 0.5, "bone": 0.5}
    assert (result.weighting, result.method, result.validation) == ("equal", "logits", None)
    assert result.metrics["mean"].top1 == pytest.approx(2 / 3)


def test_each_stream_reports_its_share() -> None:
    one, two = fuse([joint(), bone()], [1, 3]).streams
    assert (one.name, one.weight, two.weight) == ("joint", 0.25, 0.75)
    assert one.metrics["mean"].top1 == pytest.approx(1 / 3)
    assert two.metrics["mean"].top1 == pytest.approx(2 / 3)
    # Fused: [1, .75, 0] right, [0, 3.75, .5] right, [.75, 0, .75] a tie that goes to class 0, wrong.
    assert one.without is not None
    assert one.without.top1 == pytest.approx(2 / 3)
    assert one.drop == pytest.approx(0)
    assert two.drop == pytest.approx(1 / 3)


def test_softmax_averages_probabilities() -> None:
    first = make_scores(np.log([[0.9, 0.1]]), [0], classes=["a", "b"])
    other = make_scores(np.log([[0.2, 0.8]]), [0], "bone", classes=["a", "b"])
    result = fuse([first, other], [3, 1], method="softmax")
    np.testing.assert_allclose(result.scores.probabilities, [[0.725, 0.275]], rtol=1e-6)
    assert result.scores.heads == ("fused",)


def test_a_class_that_no_stream_gives_a_chance_keeps_finite_logits() -> None:
    first = make_scores([[2000.0, 0]], [1], classes=["a", "b"])
    result = fuse([first, make_scores([[3000.0, 0]], [1], "bone", classes=["a", "b"])], method="softmax")
    assert np.isfinite(result.scores.logits).all()


def test_heads_are_fused_apart() -> None:
    logits = np.array([[[1.0, 0], [0, 3]]], dtype=np.float32)  # (1, 2, 2)
    first = Scores(np.array(["a"]), np.array([0]), logits, ("fine", "coarse"), {"stream": "joint"})
    other = Scores(np.array(["a"]), np.array([0]), logits * 3, ("fine", "coarse"), {"stream": "bone"})
    result = fuse([first, other])
    assert result.scores.logits.tolist() == [[[2, 0], [0, 6]]]
    assert {head: metrics.top1 for head, metrics in result.metrics.items()} == {"fine": 1, "coarse": 0, "mean": 0}


def test_models_of_other_heads_are_fused_by_their_predictions() -> None:
    two = Scores(
        np.array(["a"]), np.array([0]), np.array([[[1.0, 0], [0, 3]]]), ("fine", "coarse"), {"model": "dualhead"}
    )
    one = Scores(np.array(["a"]), np.array([0]), np.array([[[4.5, 0]]]), ("only",), {"model": "msg3d"})
    result = fuse([two, one])
    assert result.scores.heads == ("fused",)
    assert result.scores.mean.tolist() == [[2.5, 0.75]]


def test_published_weights_by_stream() -> None:
    result = fuse([joint(), make_scores(BONE, LABELS, "bone_motion")], "published")
    assert result.weights == {"joint": pytest.approx(0.6), "bone_motion": pytest.approx(0.4)}


def test_weights_are_found_on_validation_only() -> None:
    held_out = {"split": "validation", "names": ["V0", "V1", "V2"]}
    # On validation bone alone is right everywhere; on test it is not: the weights must follow validation.
    val_bone = make_scores(4 * np.eye(3), LABELS, "bone", **held_out)
    val_joint = make_scores(5 * np.roll(np.eye(3), 1, axis=1), LABELS, "joint", **held_out)
    result = fuse([joint(), bone()], validation=[val_bone, val_joint])
    assert result.weights == {"joint": 0, "bone": 1}
    assert result.weighting == "validation"
    assert result.validation is not None
    assert result.validation.top1 == 1
    assert result.streams[1].drop is None
    np.testing.assert_array_equal(result.scores.mean, np.array(BONE))


def test_weights_are_never_found_on_the_test_split() -> None:
    with pytest.raises(MismatchError, match="only be found on split 'validation'"):
        fuse([joint(), bone()], validation=[joint(), bone()])
    with pytest.raises(MismatchError, match="only be found on split 'validation'"):
        find_weights([joint(), bone()], "logits")


def test_given_and_found_weights_exclude_each_other() -> None:
    with pytest.raises(ConfigError, match="one of the two"):
        fuse([joint(), bone()], [1, 1], validation=[joint(), bone()])


def test_an_unknown_method_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'logit'.*'logits'"):
        fuse([joint(), bone()], method="logit")  # type: ignore[arg-type]


def test_the_same_file_twice_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    joint().save(tmp_path / "joint.npz")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MismatchError, match=r"joint\.npz is given twice"):
        fuse([tmp_path / "joint.npz", "joint.npz"])


def test_a_fusion_is_a_score_file_with_its_weights(tmp_path: Path) -> None:
    joint(epoch=7).save(tmp_path / "joint.npz")
    result = fuse([tmp_path / "joint.npz", bone()], [3, 1], out=tmp_path / "fused.npz")
    again = Scores.load(tmp_path / "fused.npz")
    np.testing.assert_array_equal(again.logits, result.scores.logits)
    assert again.provenance["weights"] == {"joint": 0.75, "bone": 0.25}
    assert again.provenance["stream"] == "joint+bone"
    assert again.provenance["data_fingerprint"] == "aa"
    assert "epoch" not in again.provenance
    assert again.provenance["fused_from"]["joint"]["epoch"] == 7
    assert again.provenance["fused_from"]["bone"]["epoch"] == 9


def test_nothing_is_written_when_fusion_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MismatchError, match="protocol differs"):
        fuse([joint(), bone(protocol="xview")], out=tmp_path / "fused.npz")
    assert list(tmp_path.iterdir()) == []


def test_two_models_of_one_stream_get_names_of_their_own() -> None:
    result = fuse([joint(), make_scores(BONE, LABELS, "joint", model="msg3d")])
    assert list(result.weights) == ["joint dualhead", "joint msg3d"]
    seeds = fuse([joint(), make_scores(BONE, LABELS, "joint", seed=2)], [2, 2], allow_same_stream=True)
    assert list(seeds.weights) == ["joint dualhead 1", "joint dualhead 2"]


def test_one_stream_is_its_own_fusion() -> None:
    result = fuse([joint()])
    np.testing.assert_array_equal(result.scores.logits, joint().logits)
    assert result.streams[0].drop is None


def test_a_fusion_is_not_fused_with_one_of_its_own_members() -> None:
    both = fuse([joint(), bone()]).scores
    with pytest.raises(MismatchError, match="both hold the joint stream of the same run"):
        fuse([both, joint()])
    motion = make_scores([[0.0, 1, 2], [1, 0, 2], [2, 1, 0]], LABELS, "joint_motion")
    assert fuse([both, motion]).weights == {"joint+bone": 0.5, "joint_motion": 0.5}


def test_one_file_is_not_taken_for_a_list_of_letters(tmp_path: Path) -> None:
    joint().save(tmp_path / "a.npz")
    with pytest.raises(ConfigError, match=r"scores is '.*a\.npz', .*expected \['joint\.npz', 'bone"):
        fuse(str(tmp_path / "a.npz"))
    with pytest.raises(ConfigError, match=r"scores is scores 1 \(joint\), one instead of a list"):
        fuse(joint())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"validation is 'b\.npz', one instead of a list"):
        fuse([joint(), bone()], validation="b.npz")


def test_scores_without_a_sample_are_named(tmp_path: Path) -> None:
    for name, scores in (("a", joint()), ("b", bone())):
        scores.take([]).save(tmp_path / f"{name}.npz")
    with pytest.raises(ConfigError, match=r"a\.npz contains no sample"):
        fuse([tmp_path / "a.npz", tmp_path / "b.npz"])
    with pytest.raises(ConfigError, match=r"b\.npz contains no sample"):
        fuse([joint(), tmp_path / "b.npz"])


def test_a_fusion_is_not_written_over_what_it_is_made_of(tmp_path: Path) -> None:
    joint().save(tmp_path / "joint.npz")
    bone().save(tmp_path / "bone.npz")
    before = (tmp_path / "joint.npz").read_bytes()
    for out in (tmp_path / "joint.npz", tmp_path / "bone.npz"):
        with pytest.raises(ConfigError, match=r"\.npz is an input and would be overwritten"):
            fuse([tmp_path / "joint.npz", str(tmp_path / "bone.npz")], out=out)
    with pytest.raises(ConfigError, match=r"held\.npz is an input"):
        fuse([joint(), bone()], validation=[tmp_path / "held.npz"], out=tmp_path / "held.npz")
    assert (tmp_path / "joint.npz").read_bytes() == before
