from pathlib import Path

import pytest
import torch
from torch import Tensor

from dualhead.data.store.store import Store
from dualhead.layers.bodies import DistinctBodies
from dualhead.runtime.errors import TrainingError
from dualhead.training.train import train
from tests.training.conftest import MakeExperiment
from tests.training.plain import Plain


def named(text: str, store: Store) -> list[str]:
    return [str(name) for name in store.names if str(name) in text]


def test_a_loss_that_is_not_finite_stops_the_run_with_the_batchs_names(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_forward, calls = Plain.forward, []

    def forward(self: Plain, clips: Tensor, _: DistinctBodies) -> Tensor:
        calls.append(len(clips))
        logits = plain_forward(self, clips)
        return logits * torch.nan if self.training and len(calls) == 2 else logits

    monkeypatch.setattr(Plain, "forward", forward)
    with pytest.raises(TrainingError, match="the loss is not finite in epoch 1") as caught:
        train(make_plain(), store, tmp_path / "run", quiet=True)
    assert len(named(str(caught.value), store)) == 8
    assert len(calls) == 2
    assert not (tmp_path / "run" / "last.safetensors").exists()
    assert "the loss is not finite" in (tmp_path / "run" / "run.log").read_text()


def test_a_gradient_that_is_not_finite_names_all_samples_of_the_step(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain_forward = Plain.forward

    def forward(self: Plain, clips: Tensor, _: DistinctBodies) -> Tensor:
        logits = plain_forward(self, clips)
        if self.training:
            logits.register_hook(lambda gradient: gradient * torch.inf)
        return logits

    monkeypatch.setattr(Plain, "forward", forward)
    with pytest.raises(TrainingError, match="the gradient is not finite in epoch 1") as caught:
        train(make_plain(accumulate_grad_batches=4), store, tmp_path / "run", quiet=True)
    assert len(named(str(caught.value), store)) == 8
    assert "smaller optimizer.lr" in str(caught.value)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_a_broken_clip_is_told_from_the_others_of_its_batch(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = str(store.names[store.split("xview")[0][-1]])
    item = type(store).__getitem__

    def with_damage(self: Store, index: int):  # type: ignore[no-untyped-def]
        sequence = item(self, index)
        if sequence.name == broken:
            joints = sequence.joints.copy()
            joints[0, 0, 0, 0] = torch.inf
            object.__setattr__(sequence, "joints", joints)
        return sequence

    monkeypatch.setattr(type(store), "__getitem__", with_damage)
    with pytest.raises(TrainingError, match=rf"the clips of {broken} hold values that are not finite"):
        train(make_plain(validation={"by": "none"}), store, tmp_path / "run", quiet=True)


def test_a_run_that_stopped_goes_on_after_the_cause_is_mended(
    make_plain: MakeExperiment, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = make_plain()
    with monkeypatch.context() as broken:
        broken.setattr(Plain, "forward", lambda self, clips, _: torch.full((len(clips), 2, 10), torch.nan))
        with pytest.raises(TrainingError):
            train(experiment, store, tmp_path / "run", quiet=True)
    assert train(experiment, store, tmp_path / "run", quiet=True).finished
