"""Every experiment that comes with the package, trained for two steps on data of its shape."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dualhead.data.recipes.recipes import get_recipe
from dualhead.data.store.store import Store, open_store
from dualhead.data.store.writer import Chunk, Row, StoreWriter
from dualhead.formats.source import SplitRule
from dualhead.models.checkpoint import load_checkpoint
from dualhead.reading.sources import get_source
from dualhead.training.build import build_model
from dualhead.training.config import list_configs, load_experiment
from dualhead.training.schedule import learning_rate
from dualhead.training.train import train
from tests.models.test_battery import NARROW

TRAIN, TEST, FRAMES, BODIES = 4, 1, 20, 1  # the second body is absent, which is cheap


def make_store(dataset: str, protocol: str, folder: Path) -> Store:
    """Write a store of noise with the skeleton, classes, fields and protocols of a data set."""
    source = get_source(dataset)
    if not source.protocols:  # what its recordings decide
        rules = {protocol: SplitRule(protocol, (0,), (1,))}
        source = replace(source, classes=("one", "two"), fields=(protocol,), protocols=rules)
    rule = source.protocols[protocol]
    outside = next(value for value in range(100) if value not in rule.train)
    splits = [rule.train[0]] * TRAIN + [rule.test[0] if rule.test else outside] * TEST
    channels = source.skeleton.dimensions + source.has_confidence
    joints = np.random.default_rng(0).normal(size=(TRAIN + TEST, BODIES, FRAMES, source.skeleton.num_joints, channels))
    rows = tuple(
        Row(
            name=f"sample{number}",
            label=number % len(source.classes),
            frames=FRAMES,
            bodies=BODIES,
            fields=tuple(split if name == rule.field else 0 for name in source.fields),
            digest=str(number),
        )
        for number, split in enumerate(splits)
    )
    with StoreWriter(folder, {"what": "noise"}) as writer:
        writer.append(Chunk(joints.astype("<f4").tobytes(), rows, ()))
        counts = {"samples": len(rows), "frames": FRAMES * len(rows)}
        writer.finish(source, {"dataset": dataset, "identity": "", "body_selection": "order", "counts": counts})
    return open_store(folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", list_configs())
def test_two_steps_of_every_experiment(name: str, tmp_path: Path) -> None:
    plain = load_experiment(name)
    arguments = {**plain.model.arguments, **NARROW[plain.model.name]}
    changes = {"model.arguments": arguments, "batch_size": 2, "validation.by": "none", "num_workers": 0}
    changes |= {"accumulate_grad_batches": 1, "repeat": 1, "bodies": None}
    experiment = load_experiment(name, changes)
    assert experiment.dataset is not None
    store = make_store(experiment.dataset, experiment.protocol, tmp_path / "store")
    assert [len(split) for split in store.split(experiment.protocol)] == [TRAIN, TEST]
    result = train(experiment, store, tmp_path / "run", stop_after=1, device="cpu", quiet=True)
    assert (result.finished, result.epochs) == (False, 1)

    header, row = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    figures = dict(zip(header.split(","), map(float, row.split(",")), strict=True))
    assert math.isfinite(figures["train_loss"])
    assert figures["lr"] == pytest.approx(
        learning_rate(experiment.schedule, experiment.optimizer.lr, 1, 2, experiment.epochs)
    )
    model, provenance = load_checkpoint(result.last.checkpoint)
    assert (provenance["dataset"], provenance["recipe"]) == (plain.dataset, plain.recipe)
    fresh = build_model(experiment, store)
    # the bias of a convolution has no gradient where a norm behind it takes it away again
    convolutions = [part for part in fresh.modules() if isinstance(part, (torch.nn.Conv2d, torch.nn.Conv3d))]
    unfelt = {id(part.bias) for part in convolutions}
    pairs = zip(fresh.parameters(), model.parameters(), strict=True)
    moved = [not torch.equal(old, new) for old, new in pairs if id(old) not in unfelt]
    assert sum(moved) > 0.9 * len(moved)
    recipe = get_recipe(plain.recipe)
    clip = torch.from_numpy(recipe.clip(store[0], "joint"))[None]
    assert clip.shape == (1, 3, recipe.frames, store.skeleton.num_joints, recipe.num_bodies(store.skeleton))
    assert model.config.num_classes == len(store.classes)
