from dataclasses import replace

import numpy as np
import pytest
import torch

from dualhead.data.store.store import Store
from dualhead.runtime.errors import StoreError
from dualhead.training.build import build_model
from dualhead.training.experiment import Validation
from dualhead.training.scoring import score_split
from tests.training.conftest import MakeExperiment

CPU = torch.device("cpu")


def test_the_scores_of_a_side_name_it_and_count_its_batches(make_plain: MakeExperiment, store: Store) -> None:
    experiment = replace(make_plain(), validation=Validation(by="subject", value=2))
    started: list[int] = []
    counted: list[int] = []
    scores = score_split(
        build_model(experiment, store),
        store,
        experiment,
        {"stream": "joint"},
        split="validation",
        batch_size=4,
        device=CPU,
        on_start=started.append,
        on_batch=counted.append,
    )
    train, _ = store.split("xview")
    held = train[store.fields["subject"][train] == 2]
    assert scores.names.tolist() == np.asarray(store.names)[held].tolist()
    assert scores.provenance["split"] == "validation"
    assert started == [len(held)] == [sum(counted)]
    assert max(counted) == 4


def test_a_side_without_samples_cannot_be_scored(make_plain: MakeExperiment, store: Store) -> None:
    experiment = replace(make_plain(), validation=Validation(by="none"))
    with pytest.raises(StoreError, match="no validation samples"):
        score_split(
            build_model(experiment, store), store, experiment, {"stream": "joint"}, split="validation", device=CPU
        )
