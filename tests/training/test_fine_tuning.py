"""Starting from other weights, and keeping parts of a model as they are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from dualhead.data.store.store import Store
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.models.registry import create_model
from dualhead.runtime.errors import CheckpointError, ConfigError, MismatchError
from dualhead.training.fine_tuning import describe_start, freeze, hold_frozen_norms, init_identity
from dualhead.training.train import train
from tests.training.conftest import MakeExperiment

VARIANT = {"width": 6, "num_gcn_scales": 2, "num_g3d_scales": 2, "dropout": 0.3}


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DualHead-Net for 4 classes instead of the store's 10."""
    torch.manual_seed(7)
    model = create_model("dualhead", num_classes=4, skeleton="kinect20", num_bodies=1, **VARIANT)
    path = tmp_path_factory.mktemp("init") / "four.safetensors"
    save_checkpoint(path, model, {"classes": ["a", "b", "c", "d"]})
    return path


def small() -> nn.Module:
    return nn.ModuleDict({
        "stem": nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2)),
        "stem2": nn.Sequential(nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2)),
        "head": nn.Linear(2, 3),
    })  # fmt: skip


def test_a_pattern_is_a_parameter_or_a_module_with_all_in_it() -> None:
    model = small()
    report = freeze(model, ["stem"])
    assert report.parameters == ("stem.0.weight", "stem.0.bias", "stem.1.weight", "stem.1.bias")
    assert report.norms == ("stem.1",)
    assert (report.weights, report.total) == (2 + 2 + 2 + 2, 8 + 4 + 2 + 2 + 2 + 6 + 3)
    assert {name for name, weight in model.named_parameters() if weight.requires_grad} == {
        "stem2.0.weight", "stem2.0.bias", "stem2.1.weight", "stem2.1.bias", "head.weight", "head.bias",
    }  # fmt: skip
    assert freeze(small(), ["stem*"]).norms == ("stem.1", "stem2.1")
    assert freeze(small(), ["stem.1.bias"]).norms == ()  # its weight still learns


def test_frozen_batch_norms_are_held_in_evaluation_mode() -> None:
    model = small()
    freeze(model, ["stem"])
    model.train()
    hold_frozen_norms(model)
    modes = {name: module.training for name, module in model.named_modules() if isinstance(module, nn.BatchNorm2d)}
    assert modes == {"stem.1": False, "stem2.1": True}


def test_what_matches_nothing_or_everything_is_refused() -> None:
    with pytest.raises(ConfigError, match="'steem': did you mean 'stem'"):
        freeze(small(), ["head", "steem"])
    with pytest.raises(ConfigError, match="leaves nothing to train"):
        freeze(small(), ["*"])


def test_the_identity_is_the_content(checkpoint: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(checkpoint.read_bytes())
    assert init_identity(copy) == init_identity(checkpoint)
    assert describe_start(None, []) == {}
    assert describe_start(None, ["stem", "fine2", "stem"]) == {"freeze": ["fine2", "stem"]}
    (tmp_path / "theirs.pt").write_bytes(b"")
    with pytest.raises(CheckpointError, match="dualhead convert"):
        init_identity(tmp_path / "theirs.pt")


@pytest.mark.slow
def test_a_fine_tuned_run_keeps_what_is_frozen_and_resumes_bit_for_bit(
    checkpoint: Path, make_experiment: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    experiment = make_experiment(epochs=2, ema_decay=0.5)
    settings = {"init": checkpoint, "freeze": ["stem", "input_norm"], "device": "cpu", "quiet": True}
    whole = train(experiment, store, tmp_path / "whole", **settings)
    before, now = load_checkpoint(checkpoint)[0].state_dict(), load_checkpoint(whole.last.checkpoint)[0].state_dict()
    kept = [key for key in now if key.split(".")[0] in ("stem", "input_norm")]
    assert any(key.endswith("running_var") for key in kept)
    assert all(torch.equal(before[key], now[key]) for key in kept)  # statistics and step counters too
    learned = [key for key in now if key not in kept and before[key].shape == now[key].shape and "weight" in key]
    assert sum(not torch.equal(before[key], now[key]) for key in learned) == len(learned) > 20
    assert now["fine_classifier.weight"].shape == (10, 12)

    log = (whole.out / "run.log").read_text()
    assert "4 replaced (fine_classifier.weight, fine_classifier.bias, coarse_classifier.weight" in log
    assert "frozen by stem input_norm:" in log
    provenance = load_checkpoint(whole.last.checkpoint)[1]
    assert (provenance["init"], provenance["freeze"]) == (init_identity(checkpoint), ["input_norm", "stem"])
    assert whole.details["frozen_parameters"] == sum(before[key].numel() for key in kept if key in dict(
        load_checkpoint(checkpoint)[0].named_parameters()))  # fmt: skip

    train(experiment, store, tmp_path / "parts", stop_after=1, **settings)
    with pytest.raises(MismatchError, match=r"its init is 'sha256:.*here it is 'not given'"):
        train(experiment, store, tmp_path / "parts", **(settings | {"init": None}))
    with pytest.raises(MismatchError, match="freeze"):
        train(experiment, store, tmp_path / "parts", **(settings | {"freeze": ["stem"]}))
    rest = train(experiment, store, tmp_path / "parts", **settings)
    resumed = load_checkpoint(rest.last.checkpoint)[0].state_dict()
    assert all(torch.equal(resumed[key], now[key]) for key in now)


def test_other_classes_of_the_same_number_are_told(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = train(make_plain(epochs=1), store, tmp_path / "first", quiet=True)
    model, provenance = load_checkpoint(first.last.checkpoint)
    provenance["classes"] = [f"other {number}" for number in range(10)]
    save_checkpoint(tmp_path / "other.safetensors", model, provenance)
    train(make_plain(epochs=1), store, tmp_path / "second", init=tmp_path / "other.safetensors")
    assert "was trained on 10 other classes" in capsys.readouterr().out


def test_what_cannot_be_started_from_leaves_no_trace(
    checkpoint: Path, make_plain: MakeExperiment, store: Store, tmp_path: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"'dualhead'.*'plain'"):
        train(make_plain(), store, tmp_path / "run", init=checkpoint, quiet=True)
    with pytest.raises(CheckpointError, match="is not a file"):
        train(make_plain(), store, tmp_path / "run", init=tmp_path / "none.safetensors", quiet=True)
    with pytest.raises(ConfigError, match="'stem'"):
        train(make_plain(), store, tmp_path / "run", freeze=["stem"], quiet=True)
    assert not (tmp_path / "run").exists()
