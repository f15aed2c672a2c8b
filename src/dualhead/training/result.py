"""The result of a run: result.json, in which the last and the best epoch are never mixed up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dualhead.evaluation.metrics import Metrics
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.files import write_text
from dualhead.runtime.json_file import read_json
from dualhead.runtime.schema import mapping_of, nullable, number, record, text, whole
from dualhead.training.run_folder import SELECTIONS, RunFolder

SCHEMA = 1
"""Version of result.json."""

_FIGURES = {"count": whole(0), "top1": number, "top5": number, "mean_class": number, "cross_entropy": number}
_SPLIT = nullable(mapping_of(record(_FIGURES)))
_SELECTION = record({"epoch": whole(0), "checkpoint": text}, {"validation": _SPLIT, "test": _SPLIT, "one_clip": _SPLIT})
_RESULT = record(
    {"epochs": whole(0), "last": _SELECTION, "best": nullable(_SELECTION)}, {"samples": mapping_of(whole(0))}
)
"""The form of result.json."""


@dataclass(frozen=True)
class SelectionResult:
    """The figures of the weights of one epoch.

    Attributes:
        epoch: The epoch, counted from 1.
        checkpoint: The weights.
        validation: Figures on the validation split by head, the prediction as "mean"; None without one.
        test: The same on the test split; None while the run has not finished, or without a test split.
        one_clip: The same of the first test clip of each sample, where `test` averages several; else None.
    """

    epoch: int
    checkpoint: Path
    validation: dict[str, Metrics] | None = None
    test: dict[str, Metrics] | None = None
    one_clip: dict[str, Metrics] | None = None


@dataclass(frozen=True)
class TrainResult:
    """The result of a run.

    Attributes:
        out: The run's folder.
        finished: Whether all epochs are done and the test split is scored.
        epochs: Epochs that are done.
        last: The last epoch; what published tables without a validation split should be compared with.
        best: The epoch of highest validation top-1; None without a validation split.
        details: Further facts, such as the stream, parameters and seconds.
    """

    out: Path
    finished: bool
    epochs: int
    last: SelectionResult
    best: SelectionResult | None
    details: Mapping[str, Any] = field(default_factory=dict)


def save_result(folder: RunFolder, result: TrainResult) -> None:
    """Write result.json: a run that has it has finished.

    Args:
        folder: The run's folder.
        result: The result of the run.
    """
    values: dict[str, Any] = {"schema": SCHEMA, **result.details, "epochs": result.epochs}
    for name in SELECTIONS:
        selection: SelectionResult | None = getattr(result, name)
        values[name] = None
        if selection is not None:
            values[name] = {**asdict(selection), "checkpoint": selection.checkpoint.name}
    write_text(folder.result, json.dumps(values, indent=1) + "\n")


def load_result(folder: RunFolder) -> TrainResult:
    """Read what `save_result` wrote.

    Args:
        folder: The run's folder.

    Returns:
        The result.

    Raises:
        ConfigError: If the file is damaged or of a later version.
    """
    remedy = "remove it, and the run scores itself again"
    values = read_json(folder.result, record({"schema": whole(1)}, {"version": text}), remedy)
    if values.pop("schema") > SCHEMA:
        version = values.get("version", "(a later one)")
        raise ConfigError(f"{folder.result} is of a later version: install dualhead {version} or later")
    read_json(folder.result, _RESULT, remedy)
    last, best = (_selection(folder, values.pop(name)) for name in SELECTIONS)
    assert last is not None  # as its form says
    return TrainResult(folder.path, True, values.pop("epochs"), last, best, values)


def _selection(folder: RunFolder, values: dict[str, Any] | None) -> SelectionResult | None:
    if values is None:
        return None
    splits = {
        split: _figures(values[split]) if values.get(split) else None for split in ("validation", "test", "one_clip")
    }
    return SelectionResult(values["epoch"], folder.path / values["checkpoint"], **splits)


def _figures(heads: dict[str, Any]) -> dict[str, Metrics]:
    return {head: Metrics(**{name: numbers[name] for name in _FIGURES}) for head, numbers in heads.items()}


def summary(result: TrainResult) -> list[str]:
    """Describe the result in one line a selection, last and best epoch apart.

    Args:
        result: The result of the run.

    Returns:
        The lines.
    """
    lines = []
    if result.best is not None:
        lines.append(f"best epoch by validation top-1 ({result.best.epoch}): {_splits(result.best)}")
    lines.append(f"last epoch ({result.last.epoch}): {_splits(result.last)}")
    if not result.finished:
        lines.append(f"stopped after epoch {result.epochs}; the same command goes on")
    return lines


def _splits(selection: SelectionResult) -> str:
    words = [
        f"{split} top-1 {100 * heads['mean'].top1:.2f} %"
        for split, heads in (
            ("validation", selection.validation),
            ("test", selection.test),
            ("one clip", selection.one_clip),
        )
        if heads is not None
    ]
    return ", ".join([*words, selection.checkpoint.name])
