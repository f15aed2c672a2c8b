"""The values that the functions of commands return, rendered for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console

from dualhead.runtime.terminal import print_line

if TYPE_CHECKING:
    from pathlib import Path

    from dualhead.conversion.convert import Conversion
    from dualhead.data.export.pyskl import PysklFile
    from dualhead.data.prepare.report import PrepareReport
    from dualhead.evaluation.detection import Untrimmed
    from dualhead.evaluation.fusion import FusionResult
    from dualhead.evaluation.scores import Scores
    from dualhead.inspection.file_story import FileStory
    from dualhead.inspection.store_inspection import StoreInspection
    from dualhead.models.listing import ModelCard


def show(command: str, result: Any, arguments: Mapping[str, Any]) -> None:
    """Print what a command returned, where its function does not report while it works.

    Args:
        command: The name of the command.
        result: The result of its function.
        arguments: Every argument of the function by name.
    """
    if command in _SHOWN:
        _SHOWN[command](Console(), result, arguments)


def show_error(error: Exception, arguments: Mapping[str, Any]) -> None:
    """Print what an error of a command carries beside its message: the keys of a checkpoint that were not understood.

    Args:
        error: The exception of the function of a command.
        arguments: Every argument of the function by name.
    """
    if (report := getattr(error, "report", None)) is not None:
        from dualhead.conversion.tables import keys_table

        Console().print(keys_table(report, str(arguments["source"])))


def _prepare(console: Console, report: PrepareReport, arguments: Mapping[str, Any]) -> None:
    print_line(console, report)


def _evaluate(console: Console, result: Scores | Untrimmed, arguments: Mapping[str, Any]) -> None:
    from dualhead.evaluation.detection import Untrimmed
    from dualhead.evaluation.tables import scores_table, untrimmed_table
    from dualhead.training.processes import is_main

    if not is_main():
        return
    if isinstance(result, Untrimmed):
        console.print(untrimmed_table(result, str(arguments["store"])))
    else:
        facts = result.provenance
        name = f"{facts['stream']}, {facts.get('selection')} epoch ({facts.get('epoch')})"
        console.print(
            scores_table({name: result}, f"{facts.get('dataset')} {facts.get('protocol')} {arguments['split']}")
        )
    if arguments["out"] is not None:
        print_line(console, f"{'figures' if isinstance(result, Untrimmed) else 'scores'}: {arguments['out']}")


def _fuse(console: Console, result: FusionResult, arguments: Mapping[str, Any]) -> None:
    from dualhead.evaluation.tables import print_fusion

    print_fusion(result, console)
    if arguments["out"] is not None:
        print_line(console, f"fused scores: {arguments['out']}")


def _report(console: Console, page: Path, arguments: Mapping[str, Any]) -> None:
    print_line(Console(stderr=True), f"report: {page}")


def _render(console: Console, picture: Path, arguments: Mapping[str, Any]) -> None:
    print_line(Console(stderr=True), f"wrote {picture}")


def _export_arrays(console: Console, files: list[Path], arguments: Mapping[str, Any]) -> None:
    print_line(console, f"{arguments['out']}: {', '.join(path.name for path in files)}")


def _export_pyskl(console: Console, file: PysklFile, arguments: Mapping[str, Any]) -> None:
    print_line(console, f"{file.path}: {file.annotations} annotations, splits {', '.join(file.splits)}")


def _inspect(console: Console, found: StoreInspection | FileStory, arguments: Mapping[str, Any]) -> None:
    from dualhead.inspection.file_story import FileStory
    from dualhead.visualize.inspection_tables import print_file, print_store

    if isinstance(found, FileStory):
        print_file(found, console, arguments["top"])
        return
    if arguments["verify"]:
        print_line(console, f"content as it was prepared: fingerprint {found.store.fingerprint}")
    print_store(found, console, arguments["top"])
    if arguments["out"] is not None:
        print_line(console, f"page: {arguments['out']}")


def _convert(console: Console, done: Conversion, arguments: Mapping[str, Any]) -> None:
    from dualhead.conversion.convert import OUR_SUFFIX
    from dualhead.conversion.tables import keys_table, lacking

    console.print(keys_table(done.keys, str(arguments["source"]), done.aside))
    print_line(console, f"{done.out}: {done.arguments}")
    if done.out.suffix == OUR_SUFFIX:
        for line in lacking(done.provenance):
            print_line(console, line)


def _models(console: Console, cards: list[ModelCard], arguments: Mapping[str, Any]) -> None:
    from dualhead.models.table import model_details, models_table

    console.print(models_table(cards))
    for card in cards:
        console.print()
        console.print(model_details(card))


_SHOWN: Mapping[str, Callable[[Console, Any, Mapping[str, Any]], None]] = {
    "prepare": _prepare,
    "evaluate": _evaluate,
    "fuse": _fuse,
    "report": _report,
    "render": _render,
    "export-arrays": _export_arrays,
    "export-pyskl": _export_pyskl,
    "inspect": _inspect,
    "convert": _convert,
    "models": _models,
}
