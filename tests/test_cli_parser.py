"""From a signature to a command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from dualhead.cli import COMMANDS, build
from dualhead.cli_parser import FunctionParser, UsageError


@dataclass(frozen=True)
class Optimizer:
    """How to step.

    Attributes:
        lr: Learning rate, above 0.
    """

    lr: float = 0.05


@dataclass(frozen=True)
class Experiment:
    """What to do.

    Attributes:
        epochs: Passes.
        optimizer: How to step.
        arguments: Anything.
    """

    epochs: int
    optimizer: Optimizer = field(default_factory=Optimizer)
    arguments: dict[str, Any] = field(default_factory=dict)


def cut(
    sources: Sequence[str | Path],
    out: str | Path,
    *,
    top_k: int = 5,
    rate: float | None = None,
    shares: Sequence[float] | Mapping[str, float] | Literal["equal", "published"] | None = None,
    method: Literal["logits", "softmax"] = "logits",
    strict: bool = False,
    progress: bool = True,
    console: Mapping[str, int] | None = None,
) -> None:
    """Cut clips from recordings.

    A second paragraph that says more.

    Args:
        sources: Files to cut.
        out: Folder to create.
        top_k: How many to keep, at most 100 %.
        rate: Frames a second.
        shares: Numbers or a word.
        method: How.
        strict: Stop at the first.
        progress: Show a bar.
        console: Not for the command line.

    Raises:
        ConfigError: Never shown on the help page.
    """


def train(experiment: Experiment | str | Path, data: str | Path, *, stream: str = "joint") -> None:
    """Train.

    Args:
        experiment: What and how.
        data: A store.
        stream: A stream.
    """


@pytest.fixture
def parser() -> FunctionParser:
    return FunctionParser("dualhead cut", cut)


@pytest.fixture
def keyed() -> FunctionParser:
    return FunctionParser(
        "dualhead train",
        train,
        as_options=("experiment", "data"),
        renamed={"experiment": "config"},
        keys=Experiment,
        open_keys=("arguments",),
    )


def test_positionals_lists_and_defaults(parser: FunctionParser) -> None:
    assert parser.parse(["a", "b", "c"]) == ({"sources": [Path("a"), Path("b")], "out": Path("c")}, {})


def test_options_of_every_type(parser: FunctionParser) -> None:
    words = ["a", "b", "--top-k", "3", "--rate", "2.5", "--method=softmax", "--strict", "--no-progress"]
    arguments, _ = parser.parse(words)
    assert arguments == {
        "sources": [Path("a")],
        "out": Path("b"),
        "top_k": 3,
        "rate": 2.5,
        "method": "softmax",
        "strict": True,
        "progress": False,
    }


@pytest.mark.parametrize("words", [["--top-k", "7"], ["--top_k", "7"], ["--top_k=7"]])
def test_underscores_and_dashes_are_the_same(parser: FunctionParser, words: list[str]) -> None:
    assert parser.parse(["a", "b", *words])[0]["top_k"] == 7


@pytest.mark.parametrize(
    ("given", "meant"),
    [(["0.6", "0.4"], [0.6, 0.4]), (["1"], [1.0]), (["equal"], "equal"), (["published"], "published")],
)
def test_numbers_or_a_word(parser: FunctionParser, given: list[str], meant: object) -> None:
    assert parser.parse(["a", "b", "--shares", *given])[0]["shares"] == meant


def test_numbers_stay_text_in_paths(parser: FunctionParser) -> None:
    assert parser.parse(["1e3", "null"])[0] == {"sources": [Path("1e3")], "out": Path("null")}


def test_nothing_is_an_option_behind_two_dashes(parser: FunctionParser) -> None:
    assert parser.parse(["--", "--a", "b"])[0] == {"sources": [Path("--a")], "out": Path("b")}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["a", "b", "--topk", "3"], "unknown option '--topk': did you mean '--top-k'? valid: --help, --top-k"),
        (["a", "b", "--top-k", "x"], "--top-k is 'x': expected an integer"),
        (["a", "b", "--top-k", "2.5"], "--top-k is '2.5': expected an integer"),
        (["a", "b", "--rate", "fast"], "--rate is 'fast': expected a number"),
        (["a", "b", "--method", "logit"], "unknown --method 'logit': did you mean 'logits'? valid: logits, softmax"),
        (["a", "b", "--console", "{}"], "unknown option '--console'"),
        (["a", "b", "--top-k"], "argument --top-k: expected one argument"),
        (["a"], "missing: out"),
    ],
)
def test_what_cannot_be_used_is_one_sentence(parser: FunctionParser, words: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parser.parse(words)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_help_says_everything_that_the_docstring_says(parser: FunctionParser) -> None:
    text = " ".join(parser.help().split())
    for part in (
        "usage: dualhead cut",
        "Cut clips from recordings. A second paragraph that says more.",
        "Files to cut.",
        "--top-k INT How many to keep, at most 100 % (default: 5).",
        "--rate NUMBER Frames a second.",
        "--method logits|softmax How (default: logits).",
        "--strict, --no-strict Stop at the first (default: false).",
    ):
        assert part in text
    assert "console" not in text
    assert "ConfigError" not in text


def test_paragraphs_of_the_help_stay_apart(parser: FunctionParser) -> None:
    assert "Cut clips from recordings.\n\nA second paragraph" in parser.help()


def test_keys_of_an_experiment_come_as_text(keyed: FunctionParser) -> None:
    words = ["--config", "x.yaml", "--data", "s", "--epochs", "20", "--optimizer.lr", "5e-2", "--arguments.width=32"]
    arguments, keys = keyed.parse(words)
    assert arguments == {"experiment": Path("x.yaml"), "data": Path("s")}
    assert keys == {"epochs": "20", "optimizer.lr": "5e-2", "arguments.width": "32"}


def test_null_for_a_key_is_kept(keyed: FunctionParser) -> None:
    assert keyed.parse(["--config", "x", "--data", "s", "--epochs", "null"])[1] == {"epochs": "null"}


def test_an_unknown_key_names_the_nearest(keyed: FunctionParser) -> None:
    with pytest.raises(UsageError, match=re.escape("unknown option '--optimiser.lr': did you mean '--optimizer.lr'?")):
        keyed.parse(["--config", "x", "--data", "s", "--optimiser.lr", "1"])


def test_a_required_option_is_required(keyed: FunctionParser) -> None:
    with pytest.raises(UsageError, match="missing: --data"):
        keyed.parse(["--config", "x"])


def test_help_lists_the_keys(keyed: FunctionParser) -> None:
    text = " ".join(keyed.help().split())
    assert "--optimizer.lr VALUE Learning rate, above 0 (default: 0.05)." in text
    assert "Also --arguments.NAME" in text


@pytest.mark.parametrize(
    ("command", "old", "new"),
    [
        ("train", "--data", "--store"),
        ("train", "--no-progress", "--quiet"),
        ("report", "--data", "--store"),
        ("train", "--accumulate", "--accumulate_grad_batches"),
        ("train", "--clip_norm", "--gradient_clip_norm"),
        ("train", "--workers", "--num_workers"),
        ("reproduce", "--label_smoothing", "--objective.arguments.label_smoothing"),
    ],
)
def test_an_option_of_an_earlier_version_is_told_by_its_new_name(command: str, old: str, new: str) -> None:
    _, parser = build(COMMANDS[command])
    with pytest.raises(UsageError, match=f"{old} .*{new}"):
        parser.parse([old, "x"])
