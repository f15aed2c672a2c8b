import dataclasses
import json

import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.training.config import parse_experiment
from dualhead.training.experiment import MACHINE_FIELDS, Experiment, ModelChoice, Optimizer, Schedule, Validation

SMALLEST = {"model": {"name": "dualhead"}, "recipe": "ucla52", "protocol": "xview", "epochs": 60, "batch_size": 12}


def test_an_experiment_survives_a_trip_through_json() -> None:
    experiment = Experiment(
        ModelChoice("dualhead", {"width": 24}), "ucla52", "xview", 60, 12, schedule=Schedule(milestones=(35, 55))
    )
    values = experiment.as_dict()
    assert values["schedule"]["milestones"] == [35, 55]
    assert parse_experiment(json.loads(json.dumps(values))) == experiment


def test_machine_fields_are_fields() -> None:
    assert set(MACHINE_FIELDS) <= {field.name for field in dataclasses.fields(Experiment)}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"epochs": 0}, ["epochs", "0", "1 to 10"]),
        ({"batch_size": 12, "accumulate_grad_batches": 5}, ["accumulate_grad_batches", "divisor of batch_size 12"]),
        ({"gradient_clip_norm": 0}, ["gradient_clip_norm", "above 0"]),
        ({"ema_decay": 1.0}, ["ema_decay", "below 1"]),
        ({"seed": -1}, ["seed", "0 to 2"]),
        ({"seed": 2**62}, ["seed", "0 to 2"]),
        ({"num_workers": -1}, ["num_workers", "0 to 1024"]),
        ({"num_workers": 10**6}, ["num_workers", "0 to 1024"]),
        ({"eval_batch_size": 0}, ["eval_batch_size", "1 or more"]),
        ({"schedule": {"warmup_epochs": 60}}, ["warmup_epochs", "less than epochs 60"]),
    ],
)
def test_values_out_of_range_are_refused_with_a_valid_one(changes: dict[str, object], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_experiment({**SMALLEST, **changes})
    assert all(word in str(caught.value) for word in words)


@pytest.mark.parametrize(
    ("build", "word"),
    [
        (lambda: Optimizer(lr=0), "optimizer.lr"),
        (lambda: Optimizer(weight_decay=-1), "weight_decay"),
        (lambda: Optimizer(momentum=0), "nesterov"),
        (lambda: Optimizer(beta2=1), "beta2"),
        (lambda: Schedule(milestones=(55, 35)), "rising order"),
        (lambda: Schedule(gamma=0), "gamma"),
        (lambda: Schedule("cosine", milestones=(1,)), "multistep"),
        (lambda: Schedule(final_fraction=0.1), "cosine"),
        (lambda: Schedule("onecycle", warmup_epochs=1), "onecycle"),
        (lambda: Validation(fraction=1), "validation.fraction"),
    ],
)
def test_parts_check_themselves(build: type[Optimizer], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        build()
