import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dualhead.cli import main
from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.store.store import Store, open_store
from dualhead.evaluation.clip_average import one_clip_figures
from dualhead.evaluation.metrics import measure_heads
from dualhead.evaluation.scores import Scores, softmax
from dualhead.inference.evaluate import evaluate
from dualhead.inference.predictor import Predictor
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.runtime.errors import CheckpointError, ConfigError, MismatchError, StoreError
from dualhead.training.build import build_model, build_provenance
from dualhead.training.result import load_result
from dualhead.training.run_folder import RunFolder
from dualhead.training.train import train
from dualhead.training.trained_on import digest_names
from tests.training.conftest import MakeExperiment
from tests.training.launch import one_thread, run, run_on_nodes


@pytest.fixture
def checkpoint(make_experiment: MakeExperiment, store: Store, tmp_path: Path) -> Path:
    """A model with fresh weights, on the bone stream."""
    experiment = make_experiment()
    provenance = {**build_provenance(experiment, store, "bone"), "epoch": 3, "selection": "best"}
    save_checkpoint(tmp_path / "best.safetensors", build_model(experiment, store).eval(), provenance)
    return tmp_path / "best.safetensors"


def changed(checkpoint: Path, **fields: object) -> Path:
    model, provenance = load_checkpoint(checkpoint)
    path = checkpoint.with_name("changed.safetensors")
    save_checkpoint(path, model, {**provenance, **fields})
    return path


def test_every_test_sample_is_scored_with_the_checkpoints_own_recipe_and_stream(
    checkpoint: Path, store: Store, tmp_path: Path, make_experiment: MakeExperiment
) -> None:
    scores = evaluate(checkpoint, store.path, tmp_path / "scores.npz", workers=0, quiet=True)
    rows = store.split("xview")[1]
    assert scores.names.tolist() == store.names[rows].tolist()
    assert scores.labels.tolist() == store.labels[rows].tolist()
    assert scores.heads == ("fine", "coarse")
    fields = {key: scores.provenance[key] for key in ("split", "stream", "epoch", "selection", "data_fingerprint")}
    assert fields == {
        "split": "test", "stream": "bone", "epoch": 3, "selection": "best", "data_fingerprint": store.fingerprint,
    }  # fmt: skip
    assert np.array_equal(Scores.load(tmp_path / "scores.npz").logits, scores.logits)
    model, _ = load_checkpoint(checkpoint)
    clip = torch.from_numpy(get_recipe("ucla8").clip(store[int(rows[5])], "bone"))
    with torch.no_grad():
        np.testing.assert_allclose(model(clip[None])[0].numpy(), scores.logits[5], atol=1e-6)


def test_batch_size_and_workers_change_nothing(checkpoint: Path, store: Store) -> None:
    one = evaluate(checkpoint, store, batch_size=40, workers=0, quiet=True)
    two = evaluate(checkpoint, store, batch_size=7, workers=2, quiet=True)
    assert one.names.tolist() == two.names.tolist()
    np.testing.assert_allclose(one.logits, two.logits, atol=1e-6)


def test_the_test_clips_of_a_recipe_are_averaged_and_one_clip_stands_beside(
    make_experiment: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    experiment = make_experiment(recipe="uniform8")
    model = build_model(experiment, store).eval()
    provenance = {**build_provenance(experiment, store, "joint"), "epoch": 1, "selection": "last"}
    save_checkpoint(tmp_path / "last.safetensors", model, provenance)
    scores = evaluate(tmp_path / "last.safetensors", store, workers=0, quiet=True)
    clips = torch.from_numpy(get_recipe("uniform8").clips(store[int(store.split("xview")[1][3])], "joint"))
    with torch.no_grad():
        probabilities = model(clips).softmax(-1).mean(0).numpy()  # (H, K), mean of 10 test clips
    own = np.exp(scores.logits[3]) / np.exp(scores.logits[3]).sum(-1, keepdims=True)
    np.testing.assert_allclose(own, probabilities, atol=1e-6)
    assert (scores.provenance["test_clips"], scores.provenance["clip_average"]) == (10, "probabilities")
    rows = store.split("xview")[1]
    single = torch.from_numpy(np.stack([get_recipe("uniform8").clip(store[int(row)], "joint") for row in rows]))
    with torch.no_grad():
        right = (model(single).mean(1).argmax(-1).numpy() == scores.labels).mean()
    figures = one_clip_figures(scores)
    assert figures is not None and figures["mean"].top1 == pytest.approx(right)
    assert set(figures) == {"fine", "coarse", "mean"}


INLINE = {
    "name": "strong",
    "base": "ucla52",
    "frames": 8,
    "sample": "linear",
    "augment": ["time_crop", {"rotate_view": {"yaw": 30}}],
    "test_clips": {"yaws": [0, -20, 20], "average": "logits"},
}


def test_an_inline_recipe_and_a_composite_stream_are_read_back_by_evaluate_and_predict(
    make_experiment: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    experiment = make_experiment(recipe=INLINE, epochs=1)
    result = train(experiment, store, tmp_path / "run", stream="relative+angle", device="cpu", quiet=True)
    model, provenance = load_checkpoint(result.last.checkpoint)
    assert (provenance["recipe"], provenance["stream"], model.config.in_channels) == (INLINE, "relative+angle", 4)
    scores = evaluate(result.last.checkpoint, store, workers=0, quiet=True)
    assert (scores.provenance["test_clips"], scores.provenance["clip_average"]) == (3, "logits")
    row = int(store.split("xview")[1][3])
    clips = torch.from_numpy(get_recipe(INLINE).clips(store[row], "relative+angle"))
    assert clips.shape == (3, 4, 8, 20, 1)
    with torch.no_grad():
        np.testing.assert_allclose(model.eval()(clips).mean(0).numpy(), scores.logits[3], atol=1e-5)
    predicted = Predictor.from_checkpoint(result.last.checkpoint).predict(store[row])
    np.testing.assert_allclose(predicted.probabilities, softmax(scores.logits[3].mean(0)), atol=1e-5)
    assert result.last.one_clip is not None and result.last.test is not None
    assert load_result(RunFolder(tmp_path / "run")).last.one_clip == result.last.one_clip


def test_the_validation_side_is_the_one_that_training_kept_back(checkpoint: Path, store: Store) -> None:
    scores = evaluate(checkpoint, store, split="validation", workers=0, quiet=True)
    subjects = {store[store.index_of(str(name))].fields["subject"] for name in scores.names}
    assert (len(scores), len(subjects)) == (10, 1)
    with pytest.raises(MismatchError, match="data_fingerprint"):
        evaluate(changed(checkpoint, data_fingerprint="other"), store, split="validation", quiet=True)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("skeleton", "ntu25", "skeleton is 'ntu25' there and 'kinect20' in the store"),
        ("dataset", "ntu60", "dataset is 'ntu60' there and 'ucla'"),
        ("classes", [f"other {number}" for number in range(10)], "classes"),
        ("body_selection", "tracked", "body_selection is 'tracked' there and 'energy'"),
    ],
)
def test_a_store_of_another_kind_is_refused_by_the_field(
    checkpoint: Path, store: Store, field: str, value: object, words: str
) -> None:
    with pytest.raises(MismatchError, match=words):
        evaluate(changed(checkpoint, **{field: value}), store, quiet=True)


def test_other_data_of_the_same_kind_is_scored_with_a_warning(
    checkpoint: Path, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    scores = evaluate(changed(checkpoint, data_fingerprint="other"), store, workers=0, quiet=True)
    assert scores.provenance["data_fingerprint"] == store.fingerprint
    assert "data_fingerprint differs" in caplog.text


def test_wrong_arguments_are_refused(
    checkpoint: Path, store: Store, tmp_path: Path, make_experiment: MakeExperiment
) -> None:
    with pytest.raises(ConfigError, match="did you mean 'test'"):
        evaluate(checkpoint, store, split="tests")
    with pytest.raises(ConfigError, match="batch_size is 0"):
        evaluate(checkpoint, store, batch_size=0)
    with pytest.raises(ConfigError, match="workers is -1: expected 0"):
        evaluate(checkpoint, store, workers=-1)
    with pytest.raises(CheckpointError):
        evaluate(tmp_path / "absent.safetensors", store)
    with pytest.raises(StoreError):
        evaluate(checkpoint, tmp_path)
    experiment = make_experiment(validation={"by": "none"})
    nothing = changed(checkpoint, experiment=replace(experiment, num_workers=0).as_dict())
    with pytest.raises(StoreError, match="no validation samples"):
        evaluate(nothing, store, split="validation", quiet=True)


def test_a_checkpoint_that_does_not_say_enough_is_refused(checkpoint: Path, store: Store, tmp_path: Path) -> None:
    model, provenance = load_checkpoint(checkpoint)
    for field in ("experiment", "stream"):
        save_checkpoint(tmp_path / "bare.safetensors", model, {k: v for k, v in provenance.items() if k != field})
        with pytest.raises(CheckpointError, match=f"does not record its {field}: .* --experiment and --stream"):
            evaluate(tmp_path / "bare.safetensors", store, quiet=True)


def test_a_place_that_cannot_be_written_is_refused_before_anything_is_scored(
    checkpoint: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("dualhead.training.evaluate.score_split")
    (tmp_path / "folder").mkdir()
    for place, error in ((tmp_path / "folder", IsADirectoryError), (checkpoint / "scores.npz", NotADirectoryError)):
        with pytest.raises(error) as caught:
            evaluate(checkpoint, store, place, workers=0, quiet=True)
        assert caught.value.filename == str(place)


def test_the_table_shows_every_head(
    checkpoint: Path, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "scores.npz"
    assert main(["evaluate", str(checkpoint), str(store.path), "--out", str(out), "--workers", "0"]) == 0
    scores = Scores.load(out)
    printed = capsys.readouterr().out
    for head, metrics in measure_heads(scores).items():
        assert head in printed
        assert f"{100 * metrics.top1:.2f}" in printed
    assert "bone, best epoch (3)" in printed


@pytest.mark.slow
def test_two_processes_give_the_scores_of_one(checkpoint: Path, store: Store, tmp_path: Path) -> None:
    with one_thread():
        one = evaluate(checkpoint, store, batch_size=6, workers=0, quiet=True)
    program = (
        "import sys\n"
        "from dualhead.inference.evaluate import evaluate\n"
        "evaluate(*sys.argv[1:4], batch_size=6, workers=0, device='cpu')\n"
    )
    printed = run(program, checkpoint, store.path, tmp_path / "two.npz", processes=2)
    two = Scores.load(tmp_path / "two.npz")
    assert two.names.tolist() == one.names.tolist()
    assert np.array_equal(two.logits, one.logits)  # to the last bit
    assert "arning" not in printed


@pytest.mark.slow
def test_two_nodes_give_the_scores_of_one_process(checkpoint: Path, store: Store, tmp_path: Path) -> None:
    with one_thread():
        one = evaluate(checkpoint, store, batch_size=6, workers=0, device="cpu", quiet=True)
    words = ["evaluate", checkpoint, store.path, "--out", tmp_path / "two.npz", "--batch-size", "6", "--workers", "0"]
    printed = run_on_nodes("-m", "dualhead", *words, "--device", "cpu")
    two = Scores.load(tmp_path / "two.npz")
    assert two.names.tolist() == one.names.tolist()
    assert np.array_equal(two.logits, one.logits)  # to the last bit
    assert printed.count("bone, best epoch (3)") == 1


def test_scores_are_not_written_over_what_is_read(checkpoint: Path, store: Store) -> None:
    weights, meta = checkpoint.read_bytes(), (store.path / "meta.json").read_bytes()
    with pytest.raises(ConfigError, match=r"best\.safetensors is an input and would be overwritten"):
        evaluate(checkpoint, store.path, checkpoint, workers=0, quiet=True)
    with pytest.raises(ConfigError, match=r"meta\.json is inside "):
        evaluate(checkpoint, store, store.path / "meta.json", workers=0, quiet=True)
    assert (checkpoint.read_bytes(), (store.path / "meta.json").read_bytes()) == (weights, meta)


def test_a_protocol_whose_sides_were_swapped_is_refused(checkpoint: Path, store: Store, tmp_path: Path) -> None:
    other = with_meta(store, tmp_path / "swapped", protocols={"xview": {"field": "camera", "train": [3], "test": [1]}})
    with pytest.raises(MismatchError, match="protocol_rule is "):
        evaluate(checkpoint, other, workers=0, quiet=True)
    older = changed(checkpoint, protocol_rule=None)  # as checkpoints of earlier versions are
    assert len(evaluate(older, other, workers=0, quiet=True)) == 40


def test_samples_that_were_trained_on_are_told(
    checkpoint: Path, store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [str(name) for name in store.names[store.split("xview")[1][:3]]]
    scores = evaluate(changed(checkpoint, trained_on=digest_names(names)), store, workers=0, quiet=True)
    assert scores.provenance["trained_on_samples"] == 3
    assert "trained_on" not in scores.provenance
    assert names[0] in caplog.text and " 3 of the 40 " in caplog.text


def with_meta(store: Store, folder: Path, **fields: object) -> Store:
    shutil.copytree(store.path, folder)
    (folder / "meta.json").write_text(json.dumps(store.meta | fields))
    return open_store(folder)
