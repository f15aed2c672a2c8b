"""The file that `predict --out` writes: it grows beside its place, and can be resumed after an interruption."""

from __future__ import annotations

import csv
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, TypeVar

from dualhead.inference.prediction import Prediction
from dualhead.inference.segments import Interval, Segment
from dualhead.runtime.errors import ConfigError, FormatError, MismatchError
from dualhead.runtime.files import check_writable, replacing
from dualhead.runtime.locks import LockedError, ProcessLock

Item = TypeVar("Item", bound=Prediction | Interval | Segment)

_TOLERANCE = 1e-3  # of probabilities that are computed twice, in batches of other recordings or on another device


class Written:
    """The names of the recordings that are in a file already; the first one that is requested is computed again.

    Its predictions are then compared with those in the file, which shows whether both come from the same checkpoints
    and options.

    Args:
        figures: The probabilities in the file by recording, in their order.

    Attributes:
        figures: The value of `figures`.
        compared: The recording that is computed again, None until one is requested.
    """

    def __init__(self, figures: dict[str, list[float]]):
        self.figures = figures
        self.compared: str | None = None

    def __contains__(self, name: object) -> bool:
        if not isinstance(name, str) or name not in self.figures:
            return False
        if self.compared is None:
            self.compared = name
        return name != self.compared


class PredictionsFile:
    """Writes predictions to `OUT.partial`, which becomes `OUT` when it is whole.

    Args:
        out: The file to create or replace.
        kind: "jsonl" or "csv".
        columns: The columns of CSV.
        over_time: Whether a recording may have more than one item.
        top_k: Number of classes that are written of an item.
        resume: Go on with `OUT.partial`, or with `OUT`, where there is one.

    Attributes:
        written: The items that are in the file already.
        stream: The open file.
        has_header: Whether the file holds the line of its columns.
        count: Number of items that this call has written.

    Raises:
        ConfigError: If `OUT.partial` is there and `resume` is not given, or another process is writing it.
        FormatError: If what is there does not hold such predictions.
        OSError: If it cannot be written.
    """

    def __init__(
        self,
        out: Path,
        kind: str,
        columns: tuple[str, ...],
        *,
        over_time: bool,
        top_k: int,
        resume: bool,
    ):
        self.out, self._kind, self._columns, self._over_time, self._top_k = out, kind, columns, over_time, top_k
        self.partial = out.with_name(f"{out.name}.partial")
        self.count = 0
        check_writable(out)
        self._lock_path = out.with_name(f"{self.partial.name}.lock")
        try:
            self._lock = ProcessLock(self._lock_path)
        except LockedError as error:
            raise ConfigError(f"{error.holder} is writing {out}: wait for it, or pass another file") from None
        try:
            self.stream = self._open(resume)
        except BaseException:
            self._unlock()
            raise

    def _open(self, resume: bool) -> IO[str]:
        if self.partial.exists() and not resume:
            raise ConfigError(
                f"{self.partial} holds the predictions of an interrupted call: resume with --resume, or remove it"
            )
        end = 0
        figures: dict[str, list[float]] = {}
        if resume and self.partial.exists():
            end, figures = self._read(self.partial, interrupted=True)
        elif resume and self.out.exists():
            end, figures = self._read(self.out, interrupted=False)
            with replacing(self.partial) as temporary:
                shutil.copyfile(self.out, temporary)
        self.written = Written(figures)
        self.has_header = end > 0
        self._start = end
        stream = self.partial.open("r+" if self.partial.exists() else "w+", encoding="utf-8", newline="")
        stream.truncate(end)
        stream.seek(0, os.SEEK_END)
        return stream

    def _read(self, path: Path, interrupted: bool) -> tuple[int, dict[str, list[float]]]:
        """Return where the last whole recording of a file ends, and the probabilities by recording.

        Args:
            path: The file.
            interrupted: The last recording may not be whole: where it has several lines, it is left out.
        """
        figures: dict[str, list[float]] = {}
        begin = end = 0  # of the last recording
        last: str | None = None
        with path.open("rb") as file:
            for number, line in enumerate(_lines(file, quoted=self._kind == "csv"), start=1):
                if not line.endswith(b"\n"):
                    break  # cut while it was written
                if self._kind == "csv" and number == 1:
                    if not self._is_header(line):
                        raise FormatError(f"expected the columns {','.join(self._columns)}", path, number)
                    begin = end = len(line)
                    continue
                try:
                    name, values = self._parse(line)
                except (ValueError, KeyError, TypeError, IndexError, RecursionError, OverflowError, csv.Error):
                    raise FormatError("expected a prediction, as predict --out writes it", path, number) from None
                if name != last:
                    begin, last = end, name
                figures.setdefault(name, []).extend(values)
                end += len(line)
        several = self._over_time or self._kind == "csv"
        if interrupted and several and last is not None:
            del figures[last]
            return begin, figures
        return end, figures

    def _is_header(self, line: bytes) -> bool:
        try:
            return tuple(_csv_cells(line)) == self._columns
        except (ValueError, csv.Error):
            return False

    def _parse(self, line: bytes) -> tuple[str, list[float]]:
        if self._kind == "jsonl":
            values = json.loads(line)
            return str(values["name"]), list(_probabilities(values))
        cells = dict(zip(self._columns, _csv_cells(line), strict=True))
        return cells["name"], [float(cells["probability"])]

    def new(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items that are not in the file, and compare the one recording that is computed again.

        Args:
            items: The predictions.

        Yields:
            What is to be written.

        Raises:
            MismatchError: If the file holds other predictions than these checkpoints and options give.
        """
        again: list[float] = []
        pending = bool(self.written.figures)
        for item in items:
            if pending and item.name == self.written.compared:
                values = item.to_dict() if isinstance(item, Interval) else item.to_dict(self._top_k)
                again += _probabilities(values)
                continue
            if pending and self.written.compared is not None and again:
                self._compare(again)
                pending = False
            self.count += 1
            yield item
        if pending and self.written.compared is not None:
            self._compare(again)

    def _compare(self, again: list[float]) -> None:
        name = self.written.compared
        before = self.written.figures[str(name)]
        if len(before) == len(again) and all(
            abs(one - two) <= _TOLERANCE for one, two in zip(before, again, strict=True)
        ):
            return
        self.stream.flush()
        self.stream.truncate(self._start)  # what this call has added does not belong there
        raise MismatchError(
            f"{self.out} holds other predictions of recording {name!r} than those of these checkpoints and options: "
            f"pass "
            "those that it was begun with, or another file"
        )

    def __enter__(self) -> PredictionsFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self.stream.flush()
                os.fsync(self.stream.fileno())
                self.stream.close()
                self.partial.replace(self.out)
            else:
                try:
                    self.stream.close()
                finally:
                    if not self.count and not self.written.figures:
                        self.partial.unlink(missing_ok=True)  # there is nothing to go on from
        finally:
            self._unlock()

    def _unlock(self) -> None:
        self._lock.release()
        self._lock_path.unlink(missing_ok=True)


def _lines(file: IO[bytes], quoted: bool) -> Iterator[bytes]:
    """Yield lines; in CSV a line feed inside quotes belongs to its cell."""
    parts: list[bytes] = []
    quotes = 0
    for part in file:
        parts.append(part)
        quotes += part.count(b'"') if quoted else 0
        if quotes % 2 == 0:
            yield b"".join(parts)
            parts.clear()
    if parts:
        yield b"".join(parts)


def _csv_cells(line: bytes) -> list[str]:
    (cells,) = csv.reader([line.decode("utf-8", "surrogateescape").removesuffix("\n")])
    return cells


def _probabilities(values: Any) -> Iterator[float]:
    """Yield every probability in what was written of an item, in its order."""
    if isinstance(values, dict):
        for key, value in values.items():
            if key == "probability":
                yield float(value)
            else:
                yield from _probabilities(value)
    elif isinstance(values, list):
        for value in values:
            yield from _probabilities(value)
