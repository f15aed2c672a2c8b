from pathlib import Path

import pytest
import torch

from dualhead.data.store.store import Store
from dualhead.runtime.errors import ConfigError
from dualhead.training.build import (
    build_model,
    build_provenance,
    build_trainer,
    check_precision,
    micro_batch_size,
    steps_per_epoch,
)
from dualhead.training.processes import launch_settings
from dualhead.training.run_folder import RunFolder
from tests.training.conftest import MakeExperiment

PROVENANCE = {
    "dataset", "protocol", "recipe", "stream", "skeleton", "classes", "num_bodies", "model", "variant", "experiment",
    "data_fingerprint", "version", "seed", "body_selection", "protocol_rule",
    "fps", "body_extent",
}  # fmt: skip


def test_weights_depend_on_the_seed_and_leave_the_global_generator_alone(
    make_experiment: MakeExperiment, store: Store
) -> None:
    torch.manual_seed(5)
    first = torch.cat([weight.flatten() for weight in build_model(make_experiment(), store).parameters()])
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)
    again = torch.cat([weight.flatten() for weight in build_model(make_experiment(), store).parameters()])
    other = torch.cat([weight.flatten() for weight in build_model(make_experiment(seed=1), store).parameters()])
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_model_fits_the_store_and_the_recipe(make_experiment: MakeExperiment, store: Store) -> None:
    config = build_model(make_experiment(), store).config
    assert (config.num_classes, config.skeleton, config.num_bodies, config.in_channels) == (10, store.skeleton, 1, 3)


def test_clips_that_are_too_short_are_refused(make_experiment: MakeExperiment, store: Store) -> None:
    with pytest.raises(ConfigError, match=r"'ucla7'.*7 frames.*8"):
        build_model(make_experiment(recipe="ucla7"), store)


def test_provenance_has_every_field_of_the_contract(make_experiment: MakeExperiment, store: Store) -> None:
    provenance = build_provenance(make_experiment(), store, "bone")
    assert provenance.keys() == PROVENANCE
    assert (provenance["dataset"], provenance["skeleton"], provenance["stream"]) == ("ucla", "kinect20", "bone")
    assert provenance["data_fingerprint"] == store.fingerprint


@pytest.mark.parametrize(
    ("batch_size", "accumulate", "processes", "micro"), [(64, 1, 1, 64), (64, 4, 1, 16), (64, 2, 8, 4)]
)
def test_the_batch_size_counts_over_processes_and_parts(
    make_experiment: MakeExperiment, batch_size: int, accumulate: int, processes: int, micro: int
) -> None:
    assert (
        micro_batch_size(make_experiment(batch_size=batch_size, accumulate_grad_batches=accumulate), processes) == micro
    )


def test_a_batch_that_cannot_be_shared_or_filled_is_refused(make_experiment: MakeExperiment) -> None:
    with pytest.raises(ConfigError, match="multiple of 6"):
        micro_batch_size(make_experiment(batch_size=16, accumulate_grad_batches=2), 3)
    with pytest.raises(ConfigError, match=r"batch_size.*8.*7 training"):
        steps_per_epoch(make_experiment(), 7, 1)


def test_an_epoch_has_whole_steps_only(make_experiment: MakeExperiment) -> None:
    assert steps_per_epoch(make_experiment(batch_size=8), 30, 1) == 3
    assert steps_per_epoch(make_experiment(batch_size=8, accumulate_grad_batches=4), 30, 1) == 3
    assert steps_per_epoch(make_experiment(batch_size=8), 30, 2) == 3


def test_the_trainer_has_the_experiments_numbers(make_experiment: MakeExperiment, tmp_path: Path) -> None:
    experiment = make_experiment(precision="bf16", accumulate_grad_batches=2, gradient_clip_norm=1.5)
    trainer = build_trainer(experiment, RunFolder(tmp_path), launch_settings("cpu"), [], first=0, until=3, steps=5)
    assert (trainer.precision, trainer.max_epochs, trainer.limit_train_batches) == ("bf16-mixed", 3, 10)
    assert (trainer.accumulate_grad_batches, trainer.gradient_clip_val) == (2, 1.5)


def test_fp16_needs_a_gpu(make_experiment: MakeExperiment) -> None:
    check_precision(make_experiment(precision="fp16"), "cuda")
    check_precision(make_experiment(precision="bf16"), "cpu")
    with pytest.raises(ConfigError, match="'fp16' needs a CUDA GPU"):
        check_precision(make_experiment(precision="fp16"), "cpu")
