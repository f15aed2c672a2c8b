"""Predictions by the workers of a cluster, each of which writes shards of its own."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import IO, Any, Literal

from dualhead.data.prepare.partial_folder import claim, discard, put_in_place
from dualhead.data.reader import Note
from dualhead.inference.job import Job
from dualhead.inference.predictor import Predictor
from dualhead.inference.segments import Interval
from dualhead.runtime.cluster import on_cluster
from dualhead.runtime.errors import ConfigError, FormatError, MismatchError, printable_line
from dualhead.runtime.files import check_apart, replacing, write_text
from dualhead.runtime.progress import show_progress
from dualhead.runtime.terminal import print_json
from dualhead.version import __version__

ShardFormat = Literal["jsonl", "parquet"]
"""File formats of shards."""

_PLAN = "plan.json"
_SHARD = 256  # files or rows at most: reading the list of a large archive anew for each must not count


@dataclass(frozen=True)
class ShardJob:
    """The work of the workers, as it is sent to them.

    Attributes:
        job: What is predicted.
        folder: The folder of the shards.
        format: "jsonl" or "parquet".
    """

    job: Job
    folder: Path
    format: ShardFormat

    def path(self, number: int) -> Path:
        """Return the path of a shard."""
        return self.folder / f"part-{number:05d}.{self.format}"


@dataclass(frozen=True)
class Shard:
    """The outcome of one part.

    Attributes:
        count: Predictions in it.
        rejected: Why recordings were left out.
        notes: Decisions by evidence: pairs of a recording and a sentence.
    """

    count: int
    rejected: tuple[str, ...]
    notes: tuple[tuple[str, str], ...]


def predict_on_cluster(
    address: str,
    job: Job,
    out: Path,
    *,
    form: ShardFormat,
    resume: bool,
    quiet: bool,
    on_note: Note,
) -> tuple[int, list[str]]:
    """Predict on a cluster.

    Shards `part-00000.jsonl` and so on, in the order in which one machine would write their lines, grow in
    `OUT.partial`, which becomes `out` when all are there. Each is written in one step, so that a part that is computed
    again after a worker was killed is there once.

    Args:
        address: As for `on_cluster`.
        job: What is predicted.
        out: The folder to create.
        form: "jsonl" or "parquet".
        resume: Go on with `OUT.partial`, if it was begun with the same checkpoints, options and source.
        quiet: Show no progress.
        on_note: Called with what was decided by evidence.

    Returns:
        How many predictions this call has written, and why recordings were left out.

    Raises:
        ClusterError: If the cluster cannot be reached, or its workers die.
        ConfigError: If `out` is there already, or `OUT.partial` and `resume` is not given.
        FormatError: If the source cannot be listed.
        MismatchError: If `OUT.partial` was begun with something else.
        StoreError: If another process is writing it.
    """
    check_apart(out, [job.source, *job.checkpoints])
    partial_folder = out.with_name(f"{out.name}.partial")
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ConfigError(f"{out} is there already: pass a folder that does not exist yet")
    if partial_folder.exists() and not resume:
        raise ConfigError(f"{partial_folder} is of an interrupted call: go on with --resume, or remove it")
    names = job.reader.list_parts(job.source)
    plan = {"version": __version__, "checkpoints and options": _digest(job, form), "recordings": _digest_names(names)}
    lock = claim(partial_folder, _PLAN, {"shards"}, "predicting into")
    try:
        _begin(partial_folder, plan)
        shards = ShardJob(job, (partial_folder / "shards").absolute(), form)
        resumed = len(list(shards.folder.iterdir()))
        count, rejected = _fill(address, shards, len(names), quiet, on_note)
        if not count and rejected and resumed == 0:
            discard(partial_folder, lock)  # there is nothing to go on from
            raise FormatError(f"none of {len(rejected)} recordings could be used: see the reasons above", job.source)
        put_in_place(shards.folder, out)
    except BaseException:
        lock.release()
        raise
    discard(partial_folder, lock)
    return count, rejected


def _begin(folder: Path, plan: dict[str, str]) -> None:
    """Write what is being done, or check that it is what was begun."""
    (folder / "shards").mkdir(exist_ok=True)
    if not (folder / _PLAN).exists():
        write_text(folder / _PLAN, json.dumps(plan))
        return
    begun = json.loads((folder / _PLAN).read_text(encoding="utf-8"))
    changed = [key for key in plan if begun.get(key) != plan[key]]
    if changed:
        raise MismatchError(
            f"{folder} was begun with other {changed[0]}: pass the same as then, or another folder to write"
        )


def _fill(address: str, shards: ShardJob, total: int, quiet: bool, on_note: Note) -> tuple[int, list[str]]:
    """Write the shards that are not there yet."""
    job = shards.job
    bounds = [(first, min(first + _SHARD, total)) for first in range(0, total, _SHARD)]
    todo = [(number, part) for number, part in enumerate(bounds) if not shards.path(number).exists()]
    count, rejected = 0, dict[str, None]()
    gpus = job.device is None or job.device.startswith("cuda")
    with (
        on_cluster(address, partial(_start, shards), todo, gpus=gpus, needs=[job.source, *job.checkpoints]) as results,
        show_progress(quiet) as new_bar,
    ):
        bar = new_bar("predicting", total)
        bar.update(total - sum(last - first for _, (first, last) in todo))
        for shard, (_, (first, last)) in zip(results, todo, strict=True):
            count += shard.count
            for note in shard.notes:
                on_note(*note)
            for reason in shard.rejected:
                if reason not in rejected:  # an archive that is damaged as a whole is met by every part
                    print(f"dualhead: left out: {printable_line(reason)}", file=sys.stderr)
                rejected[reason] = None
            bar.advance(last - first)
    return count, list(rejected)


def _digest_names(names: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(names).encode("utf-8", "backslashreplace")).hexdigest()


def _digest(job: Job, form: ShardFormat) -> str:
    """Hash what decides the predictions, except the recordings themselves."""
    state = hashlib.sha256()
    for path in job.checkpoints:
        state.update(hashlib.sha256(path.read_bytes()).digest())
    if isinstance(job.weights, Path):
        state.update(job.weights.read_bytes())
    plain = replace(job, checkpoints=(), weights=None if isinstance(job.weights, Path) else job.weights, device=None)
    plain = replace(plain, reader=replace(job.reader, poses=None, bar=_NO_BAR))
    state.update(repr((plain, form)).encode("utf-8", "replace"))
    return state.hexdigest()


class _NoBar:
    def __repr__(self) -> str:
        return ""


_NO_BAR: Any = _NoBar()


def _start(shards: ShardJob) -> Callable[[tuple[int, tuple[int, int]]], Shard]:
    """Load the checkpoints in a worker."""
    job = shards.job
    predictor = Predictor.from_checkpoint(job.checkpoints, weights=job.weights, device=job.device)
    return partial(_compute, shards, predictor)


def _compute(shards: ShardJob, predictor: Predictor, task: tuple[int, tuple[int, int]]) -> Shard:
    job = shards.job
    number, part = task
    rejected: list[str] = []
    notes: list[tuple[str, str]] = []
    items = job.items(
        predictor,
        replace(job.reader, part=part),
        on_rejected=lambda error: rejected.append(str(error)),
        on_note=lambda where, sentence: notes.append((where, sentence)),
    )
    values = (item.to_dict() if isinstance(item, Interval) else item.to_dict(job.top_k) for item in items)
    with replacing(shards.path(number)) as path:
        if shards.format == "parquet":
            count = _write_parquet(values, path, job)
        else:
            with path.open("w", encoding="utf-8") as file:
                count = _write_lines(values, file)
    return Shard(count, tuple(rejected), tuple(notes))


def _write_lines(rows: Iterator[dict[str, Any]], file: IO[str]) -> int:
    count = 0
    for row in rows:
        print_json(row, file)
        count += 1
    return count


def _write_parquet(rows: Iterator[Mapping[str, Any]], path: Path, job: Job) -> int:
    """Write rows with the columns of JSON lines; `heads` is a map from head to classes."""
    import pyarrow
    import pyarrow.parquet

    number, text, share = pyarrow.int64(), pyarrow.string(), pyarrow.float64()
    entries = pyarrow.list_(pyarrow.struct([("label", number), ("class", text), ("probability", share)]))
    times: Sequence[tuple[str, Any]] = (
        ("body", number), ("start", number), ("stop", number), ("start_s", share), ("stop_s", share),
    )  # fmt: skip
    label: Sequence[tuple[str, Any]] = (("label", number), ("class", text))
    named: Sequence[tuple[str, Any]] = (("top", entries), ("heads", pyarrow.map_(text, entries)))
    if job.window is None:
        columns = [("name", text), *label, *named]
    elif job.every_window:
        columns = [("name", text), *times, *label, *named]
    else:
        columns = [("name", text), *times, *label, ("probability", share), ("windows", number)]
    values = [{**row, "heads": list(row["heads"].items())} if "heads" in row else row for row in rows]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(values, pyarrow.schema(columns)), path)
    return len(values)
