from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dualhead.data.recipes.recipes import get_recipe
from dualhead.evaluation.scores import softmax
from dualhead.inference.batch import predict_batch
from dualhead.inference.members import load_members
from dualhead.models.checkpoint import load_checkpoint
from dualhead.runtime.errors import ConfigError
from tests.inference.builders import CLASSES, sequence, write_checkpoint

CPU = torch.device("cpu")


def test_views_are_averaged_as_probabilities(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path / "views.safetensors", recipe="uniform16")
    members = load_members([path], CPU)
    found = predict_batch([sequence(1), sequence(2)], members, np.ones(1), "logits", CLASSES, CPU)
    model, _ = load_checkpoint(path)
    with torch.no_grad():
        logits = model(torch.from_numpy(get_recipe("uniform16").clips(sequence(2), "joint"))).numpy()  # (10, 2, K)
    heads = softmax(logits).mean(axis=0)  # (2, K)
    result = list(found)[1]
    np.testing.assert_allclose(result.heads["fine"], heads[0], rtol=1e-4)
    np.testing.assert_allclose(result.probabilities, softmax(np.log(heads).mean(axis=0)), rtol=1e-4)


def test_weights_count_and_streams_are_kept_apart(tmp_path: Path) -> None:
    files = [
        write_checkpoint(tmp_path / f"{name}.safetensors", name, seed) for seed, name in enumerate(("joint", "bone"))
    ]
    members = load_members(files, CPU)
    (result,) = predict_batch([sequence(1, label=59)], members, np.array([0.25, 0.75]), "softmax", CLASSES, CPU)
    mixed = 0.25 * result.streams["joint"] + 0.75 * result.streams["bone"]
    np.testing.assert_allclose(result.probabilities, mixed, rtol=1e-4)
    assert result.label == 59
    (alone,) = predict_batch([sequence(1, label=60)], members, np.array([0.0, 1.0]), "logits", CLASSES, CPU)
    assert set(alone.heads) == {"fine", "coarse"}
    np.testing.assert_allclose(alone.probabilities, result.streams["bone"], rtol=1e-4)
    assert alone.label is None  # there are 60 classes


@pytest.mark.filterwarnings("ignore:.*encountered in:RuntimeWarning")
@pytest.mark.parametrize("recipe", ["resample16", "uniform16"])
def test_logits_that_are_not_finite_are_refused(tmp_path: Path, recipe: str) -> None:
    (member,) = load_members([write_checkpoint(tmp_path / "a.safetensors", recipe=recipe)], CPU)
    good, bad = sequence(1), sequence(2)
    bad.joints[:] = np.float32(3e38) * np.sign(bad.joints)
    found = predict_batch([good, bad], [member], np.ones(1), "logits", CLASSES, CPU)
    with pytest.raises(ConfigError, match="'walk2'"):
        list(found)
