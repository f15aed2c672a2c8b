"""From runs, scores and fusions to the score tables of a report: one for the last epoch, one for the best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dualhead.evaluation.fusion import FusionResult, fuse
from dualhead.evaluation.metrics import Metrics, measure_heads
from dualhead.evaluation.scores import Scores
from dualhead.runtime.errors import ConfigError
from dualhead.visualize.runs import Run

_TITLES = {"last": "Last epoch", "best": "Best epoch on validation"}
_WEIGHTINGS = {
    "equal": "Equal weights.",
    "published": "The weights of the publication.",
    "given": "Weights as given.",
    "validation": "Weights found on validation scores, never on these.",
}


@dataclass(frozen=True)
class Row:
    """A line of a score table; accuracies are 0 to 1, None where unknown.

    Attributes:
        name: The stream, or "fused".
        epoch: Epoch of the weights, as their provenance counts it.
        heads: Top-1 of each head of the table.
        top1: Top-1 of the prediction, the mean of the heads.
        top5: Top-5 of the prediction.
        mean_class: Mean over classes of the prediction's top-1.
        weight: Part in the fusion.
        drop: Top-1 that the fusion loses without this stream.
        fused: Whether this is the fusion.
    """

    name: str
    epoch: int | None
    heads: tuple[float | None, ...]
    top1: float
    top5: float
    mean_class: float
    weight: float | None = None
    drop: float | None = None
    fused: bool = False


@dataclass(frozen=True, eq=False)
class ResultTable:
    """The scores of one selection of epochs.

    Attributes:
        selection: "last", "best", or "" where the scores do not say.
        streams: The scores of each stream by its name.
        fused: Their fusion; None for a single stream.
    """

    selection: str
    streams: dict[str, Scores]
    fused: FusionResult | None

    @property
    def scores(self) -> Scores:
        """The scores that the rest of the report is about: fused, or those of the single stream."""
        return self.fused.scores if self.fused else next(iter(self.streams.values()))

    @property
    def title(self) -> str:
        """A heading for people."""
        return _TITLES.get(self.selection, self.selection or "Scores")

    @property
    def note(self) -> str:
        """The source of the weights."""
        if self.fused is None:
            return ""
        summed = "logits" if self.fused.method == "logits" else "probabilities"
        return f"{_WEIGHTINGS.get(self.fused.weighting, self.fused.weighting)} The fusion averages {summed}."

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads that get a column: those of the streams, if one has more than one."""
        heads = tuple(dict.fromkeys(head for item in self.streams.values() for head in item.heads))
        return heads if len(heads) > 1 else ()

    @property
    def epochs(self) -> bool:
        """True if any stream states the epoch of its scores."""
        return any(row.epoch is not None for row in self.rows)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The table: a line a stream, and the fusion last."""
        shares = {share.name: share for share in self.fused.streams} if self.fused else {}
        rows = []
        for name, item in self.streams.items():
            figures = shares[name].metrics if name in shares else measure_heads(item)
            share = shares.get(name)
            epoch = item.provenance.get("epoch")
            rows.append(
                _row(
                    name,
                    figures,
                    self.heads,
                    epoch=epoch if isinstance(epoch, int) else None,
                    weight=share.weight if share else None,
                    drop=share.drop if share else None,
                )
            )
        if self.fused:
            rows.append(_row("fused", self.fused.metrics, self.heads, fused=True))
        return tuple(rows)


def _row(
    name: str,
    figures: dict[str, Metrics],
    heads: Sequence[str],
    *,
    epoch: int | None = None,
    weight: float | None = None,
    drop: float | None = None,
    fused: bool = False,
) -> Row:
    mean = figures["mean"]
    per_head = tuple(figures[head].top1 if head in figures else None for head in heads)
    return Row(name, epoch, per_head, mean.top1, mean.top5, mean.mean_class, weight, drop, fused)


def build_result_tables(
    runs: Sequence[Run], scores: Sequence[Scores], fused: Sequence[FusionResult], *, quiet: bool = True
) -> list[ResultTable]:
    """Group everything given by selection, and fuse what is not yet fused.

    Scores of several streams without a fusion are fused here: with weights found on the runs' validation scores where
    all of them have some, else with equal weights.

    Args:
        runs: Run folders.
        scores: Further test scores.
        fused: Fusions that are already made; the streams inside a fusion are not taken twice.
        quiet: Show no progress.

    Returns:
        One for each selection, "last" first.

    Raises:
        ConfigError: If there are no scores.
        MismatchError: If scores do not match, or two fusions are of one selection.
    """
    found: dict[str, ResultTable] = {}
    for result in fused:
        selection = str(result.scores.provenance.get("selection", ""))
        if selection in found:
            raise ConfigError(f"two fusions are of selection {selection!r}: pass one fusion of each")
        found[selection] = ResultTable(selection, {share.name: share.scores for share in result.streams}, result)
    loose: dict[str, list[tuple[Scores, Scores | None]]] = {}
    for run in runs:
        for selection, item in run.test.items():
            loose.setdefault(selection, []).append((item, run.validation.get(selection)))
    for item in scores:
        loose.setdefault(str(item.provenance.get("selection", "")), []).append((item, None))
    for selection, pairs in loose.items():
        if selection not in found:
            found[selection] = _result_table(selection, pairs, quiet)
    if not found:
        raise ConfigError("a report needs scores: pass run folders, score files or a fusion")
    order = [*(name for name in _TITLES if name in found), *(name for name in found if name not in _TITLES)]
    return [found[name] for name in order]


def _result_table(selection: str, pairs: Sequence[tuple[Scores, Scores | None]], quiet: bool) -> ResultTable:
    if len(pairs) == 1:
        item = pairs[0][0]
        return ResultTable(selection, {str(item.provenance.get("stream", "scores")): item}, None)
    held_out = [validation for _, validation in pairs if validation is not None]
    complete = len(held_out) == len(pairs)
    result = fuse([item for item, _ in pairs], validation=held_out if complete else None, quiet=quiet)
    return ResultTable(selection, {share.name: share.scores for share in result.streams}, result)
