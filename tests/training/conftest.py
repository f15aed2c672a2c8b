"""A small store of generated recordings in the syntax of Northwestern-UCLA, and experiments that train on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import Store, open_store
from dualhead.training.config import parse_experiment
from dualhead.training.experiment import Experiment
from tests.training.plain import forget_plain, register_plain

ACTIONS = (1, 2, 3, 4, 5, 6, 8, 9, 11, 12)
"""Action numbers of the data set; the label in a file is the place among them, from 1."""

MakeExperiment = Callable[..., Experiment]


@pytest.fixture(scope="session")
def store_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """80 recordings: 10 classes, each another moving joint; 4 performers; views 1 (training) and 3 (test)."""
    folder = tmp_path_factory.mktemp("data")
    raw = folder / "all_sqe"
    raw.mkdir()
    rng = np.random.default_rng(0)
    pose = rng.normal(size=(20, 3))
    for place, action in enumerate(ACTIONS):
        for subject in (1, 2, 3, 4):
            for view in (1, 3):
                joints = np.repeat(pose[None], 14, axis=0) + 0.02 * rng.normal(size=(14, 20, 3))
                joints[:, place + 4, 1] += np.sin(np.linspace(0, 6, 14)) * 3
                name = f"a{action:02d}_s{subject:02d}_e00_v{view:02d}"
                content = {"file_name": name, "skeletons": joints.tolist(), "label": place + 1}
                (raw / f"{name}.json").write_text(json.dumps(content))
    prepare("ucla", raw, folder / "store", workers=1, quiet=True)
    return folder / "store"


@pytest.fixture(scope="session")
def store(store_path: Path) -> Store:
    return open_store(store_path)


@pytest.fixture(scope="session")
def make_experiment() -> MakeExperiment:
    """Build a small experiment; keyword arguments replace its keys."""

    def make(**changes: Any) -> Experiment:
        values: dict[str, Any] = {
            "dataset": "ucla",
            "protocol": "xview",
            "recipe": "ucla8",
            "model": {
                "name": "dualhead",
                "arguments": {"width": 6, "num_gcn_scales": 2, "num_g3d_scales": 2, "dropout": 0.3},
            },
            "epochs": 4,
            "batch_size": 8,
            "optimizer": {"lr": 0.05},
            "schedule": {"name": "onecycle"},
            "validation": {"by": "subject", "fraction": 0.25},
            "num_workers": 0,
        }
        return parse_experiment({**values, **changes})

    return make


@pytest.fixture
def make_plain(make_experiment: MakeExperiment) -> Iterator[MakeExperiment]:
    """Build experiments with the model without batch norm, which trains in a fraction of a second."""
    register_plain()

    def make(**changes: Any) -> Experiment:
        return make_experiment(**{"model": {"name": "plain"}, "optimizer": {"lr": 0.2}, **changes})

    yield make
    forget_plain()
