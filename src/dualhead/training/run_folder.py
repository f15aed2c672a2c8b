"""The folder of one run: its files, and the check that it belongs to the requested run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dualhead.data.store.identity import LATER_FIELDS, difference
from dualhead.runtime.errors import ConfigError, MismatchError, TrainingError
from dualhead.runtime.files import remove_temporaries, write_text
from dualhead.runtime.json_file import read_json
from dualhead.runtime.locks import LockedError, ProcessLock
from dualhead.runtime.schema import mapping_of
from dualhead.training.config import load_experiment, save_experiment
from dualhead.training.experiment import MACHINE_FIELDS, Experiment

SELECTIONS = ("last", "best")
"""The two epochs whose weights are kept: the last one, and the one of highest validation top-1."""

_LATER_FIELDS = ("skeleton", "classes", *LATER_FIELDS)
"""Fields that run.json of earlier versions lacks."""

_IDENTITY = mapping_of(lambda value, place: None)

_BEFORE_A_CLAIM = re.compile(r"\.lock|\.run-.*")
"""Files that a run leaves behind if it is killed at its start: its lock and the temporary run.json."""


class RunFolder:
    """Paths of a run.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self.experiment = self.path / "experiment.yaml"
        self.identity = self.path / "run.json"
        self.log = self.path / "run.log"
        self.metrics = self.path / "metrics.csv"
        self.tensorboard = self.path / "tensorboard"
        self.resume = self.path / "checkpoints" / "last.ckpt"
        self.result = self.path / "result.json"

    def checkpoint(self, selection: str) -> Path:
        """Return the path of the weights of a selection, for inference."""
        return self.path / f"{selection}.safetensors"

    def scores(self, split: str, selection: str) -> Path:
        """Return the path of the scores of a split under the weights of a selection."""
        return self.path / "scores" / f"{split}_{selection}.npz"

    def check_place(self) -> None:
        """Check, before any data is read, that a run can be written here; nothing is created.

        Raises:
            ConfigError: If the path is a file, cannot be written, or holds other things than a run.
        """
        there = next(place for place in (self.path, *self.path.absolute().parents) if place.exists())
        if not there.is_dir():
            raise ConfigError(f"{there} is a file: pass a folder for the run")
        if not os.access(there, os.W_OK | os.X_OK):
            raise ConfigError(f"no permission to write to {there}: choose another folder for the run")
        if there != self.path:
            return
        foreign = sorted(entry.name for entry in self.path.iterdir() if not _BEFORE_A_CLAIM.match(entry.name))
        # looked for after the listing: run.json is the first that a run writes
        if foreign and not any(path.is_file() for path in (self.identity, self.resume, self.result)):
            raise ConfigError(
                f"{self.path} holds {foreign[0]} and no run: choose a folder that is empty or does not exist yet"
            )

    def check(self, experiment: Experiment, identity: Mapping[str, Any]) -> None:
        """Check that the folder is free or already this run's; one in which no epoch was finished is free.

        Args:
            experiment: The experiment.
            identity: The rest of the identity of a run: the stream, and the data as `describe_store` gives them.

        Raises:
            MismatchError: If the folder holds another run; names the field that differs.
            ConfigError: If `check_place` refuses it, or the folder's own records are damaged.
        """
        self.check_place()
        if self.resume.exists() or self.result.exists():
            self._compare(experiment, identity)

    def claim(self, experiment: Experiment, identity: Mapping[str, Any]) -> None:
        """Lock the folder for this run, after `check`.

        Args:
            experiment: The experiment.
            identity: The rest of the identity of a run.
        """
        write_text(self.identity, json.dumps(dict(identity), indent=1))
        save_experiment(self.experiment, experiment)

    def _compare(self, experiment: Experiment, identity: Mapping[str, Any]) -> None:
        kept = read_json(self.identity, _IDENTITY, "choose another folder for the run")
        before = {**_flat(kept), **_flat(load_experiment(self.experiment, saved=True).as_dict())}
        now = {**_flat(identity), **_flat(experiment.as_dict())}
        for key in sorted(before.keys() | now.keys()):
            old, new = before.get(key, "not given"), now.get(key, "not given")
            if key.partition(".")[0] in _LATER_FIELDS and key.partition(".")[0] not in kept:
                continue  # a run of an earlier version does not say it
            if key not in MACHINE_FIELDS and old != new:
                one, two = difference(old, new)
                raise MismatchError(
                    f"{self.path} holds another run: its {key} is {one}, here it is {two}; "
                    "choose another folder, or pass the run's own settings to resume it"
                )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder against other processes; the lock ends with the process, however it ends.

        Raises:
            TrainingError: If another process holds it.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        try:
            lock = ProcessLock(self.path / ".lock")
        except LockedError as error:
            raise TrainingError(f"{error.holder} is training in {self.path}: wait for it or stop it") from None
        try:
            remove_temporaries(self.path)
            yield
        finally:
            lock.release()


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested mappings to one of dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat.update(_flat(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat
