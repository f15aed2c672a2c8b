"""docs/recipes.md: its recipes are built, its table is that of the registry, its example runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pytest
import yaml

from dualhead.data.recipes import step as step_module
from dualhead.data.recipes import streams as streams_module
from dualhead.data.recipes.recipes import RECIPES, Recipe, get_recipe
from dualhead.data.recipes.step import Step
from dualhead.sequence import SkeletonSequence
from dualhead.skeleton import NTU25

PAGE = (Path(__file__).parents[3] / "docs" / "recipes.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def argument(kind: type[Step], name: str) -> str:
    """An argument as the table writes it."""
    default = next(entry.default for entry in fields(kind) if entry.name == name)
    return f"`{name}`" if default is MISSING else f"`{name}: {_yaml(default)}`"


def _yaml(value: object) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    return str(yaml.safe_dump(plain, default_flow_style=True)).splitlines()[0]


@pytest.fixture
def registries(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Forget what the page registers."""
    for registry in (step_module._STEPS, streams_module._STREAMS):
        monkeypatch.setattr(registry, "_values", dict(registry._values))
    yield


def test_every_recipe_of_the_page_is_one() -> None:
    recipes = [get_recipe(yaml.safe_load(block)) for block in blocks("yaml")]
    assert [recipe.name for recipe in recipes][:1] == ["ucla64_strong"]
    assert [recipe.num_test_clips for recipe in recipes] == [9, 10, 10, 1]
    assert all(f"`{name}`" in PAGE for name in RECIPES)


def test_the_table_is_that_of_the_registry() -> None:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PAGE.splitlines() if line.count("|") == 6]
    table = {row[0].strip("`"): row[1:4] for row in rows if row[0].startswith("`")}
    assert table == {
        name: [
            kind.stage.name.lower(),
            "yes" if kind.train_only else "",
            ", ".join(argument(kind, entry.name) for entry in fields(kind) if entry.name != "only"),
        ]
        for name, kind in step_module._STEPS.items()
        if not kind.__module__.startswith("tests.")
    }


@pytest.mark.usefixtures("registries")
def test_the_example_runs() -> None:
    names: dict[str, object] = {}
    (code,) = blocks("python")
    exec(compile(code, "recipes.md", "exec"), names)
    recipe = names["recipe"]
    assert isinstance(recipe, Recipe)
    sequence = SkeletonSequence(np.random.default_rng(0).normal(size=(1, 70, 25, 3)).astype(np.float32), NTU25)
    shifts = []
    for seed in range(50):
        shifted, plain = (
            one.clip(sequence, "height", train=True, rng=np.random.default_rng(seed))[..., 0]
            for one in (recipe, get_recipe({"base": "resample64", "augment": []}))
        )
        assert shifted.shape == (1, 64, 25)
        np.testing.assert_allclose(shifted - plain, (shifted - plain)[0, 0, 0], atol=1e-5)
        shifts.append(float((shifted - plain).mean()))
    assert -0.2 <= min(shifts) < -0.1 and 0.1 < max(shifts) <= 0.2
