"""Names of version 0.1 that users could have used: each gives one sentence with the present one."""

from __future__ import annotations

import pytest

from dualhead.cli import USAGE, main
from dualhead.cli_parser import RENAMED_OPTIONS
from dualhead.runtime.errors import ConfigError
from dualhead.training.config import load_experiment
from dualhead.training.experiment import RENAMED_KEYS

OPTIONS = [
    ("train", "--data", "--store"),
    ("train", "--progress", "--no-quiet"),
    ("train", "--no-progress", "--quiet"),
    ("train", "--accumulate", "--accumulate_grad_batches"),
    ("train", "--clip_norm", "--gradient_clip_norm"),
    ("train", "--workers", "--num_workers"),
    ("train", "--label_smoothing", "--objective.arguments.label_smoothing"),
    ("report", "--data", "--store"),
    ("reproduce", "--no-progress", "--quiet"),
    ("reproduce", "--clip-norm", "--gradient_clip_norm"),
    ("demo", "--no-progress", "--quiet"),
]
NAMES = [
    ("dualhead", "errors", "dualhead.runtime.errors"),
    ("dualhead", "files", "dualhead.runtime.files"),
    ("dualhead", "memory", "dualhead.runtime.memory"),
    ("dualhead", "terminal", "dualhead.runtime.terminal"),
    ("dualhead.data", "datamodule", "dualhead.data.loading.datamodule"),
    ("dualhead.data", "dataset", "dualhead.data.loading.dataset"),
    ("dualhead.data.recipes", "STREAMS", "dualhead.data.recipes.recipes.STREAMS"),
    ("dualhead.data.recipes", "get_recipe", "dualhead.get_recipe"),
    ("dualhead.data.store", "Store", "dualhead.Store"),
    ("dualhead.data.store", "open_store", "dualhead.open_store"),
]


CASES = [
    *(("option", command, old, f"option {old} is now called {new}") for command, old, new in OPTIONS),
    *(("key", "ucla/dualhead", old, f"key {old!r} has a new name: write {new!r}") for old, new in RENAMED_KEYS.items()),
    *(("name", module, old, f"{module}.{old} is now {new}") for module, old, new in NAMES),
]


@pytest.mark.parametrize(("kind", "place", "old", "sentence"), CASES)
def test_an_old_name_gives_the_new_one(
    kind: str, place: str, old: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "option":
        assert main([place, f"{old}=x"]) == USAGE
        said = capsys.readouterr().err
    elif kind == "key":
        with pytest.raises(ConfigError) as refused:
            load_experiment(place, {old: "1"})
        said = str(refused.value)
    else:
        with pytest.raises(ImportError) as missing:
            exec(f"from {place} import {old}", {})
        said = str(missing.value)
    assert sentence in said


@pytest.mark.parametrize("new", [new for *_, new in NAMES])
def test_the_new_names_are_there(new: str) -> None:
    module, _, name = new.rpartition(".")
    exec(f"from {module} import {name}", {})


def test_every_renamed_option_is_in_the_table() -> None:
    assert {old.replace("_", "-") for _, old, _ in OPTIONS} == set(RENAMED_OPTIONS)
