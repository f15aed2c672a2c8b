"""What a run is made of."""

from __future__ import annotations

from dualhead.data.store.store import Store
from dualhead.training.parts import build_parts
from dualhead.training.processes import launch_settings
from tests.training.conftest import MakeExperiment


def test_the_parts_of_a_run(make_experiment: MakeExperiment, store: Store) -> None:
    parts = build_parts(
        make_experiment(accumulate_grad_batches=2), store, "bone", launch_settings("cpu"), said={"freeze": ["stem"]}
    )
    assert parts.samples == {"training": 30, "validation": 10, "test": 40}
    assert (parts.steps, parts.processes) == (3, 1)  # 30 samples in steps of 8, in two parts each
    assert (parts.data.batch_size, parts.data.eval_batch_size) == (4, 4)
    assert (parts.provenance["stream"], parts.provenance["freeze"]) == ("bone", ["stem"])
    assert parts.parameters == sum(weight.numel() for weight in parts.model.parameters())
    (line,) = parts.story(first=2)
    assert "bone stream of ucla xview: 30 training, 10 validation, 40 test samples, 3 steps per epoch" in line
    assert line.endswith("1 process on cpu, going on after epoch 2")


def test_what_is_frozen_is_told(make_experiment: MakeExperiment, store: Store) -> None:
    parts = build_parts(make_experiment(), store, "joint", launch_settings("cpu"), frozen=["stem"])
    assert parts.frozen is not None
    assert parts.story(first=0)[1] == str(parts.frozen)
    assert parts.frozen.weights == sum(weight.numel() for weight in parts.model.stem.parameters())  # type: ignore[union-attr, operator]
