"""The command `dualhead`: each subcommand is a library function, found by name and imported when it is requested."""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dualhead.runtime.errors import DualheadError, printable_line, unknown
from dualhead.runtime.interrupts import Terminated, end_on_signals, interruption, raise_on_signals, was_interrupted
from dualhead.runtime.plugins import import_plugins, imported
from dualhead.version import __version__

if TYPE_CHECKING:
    from dualhead.cli_parser import FunctionParser

OK, FAILED, USAGE, UNEXPECTED, INTERRUPTED, BROKEN_PIPE, TERMINATED = 0, 1, 2, 70, 130, 141, 143
"""Exit codes; 70 is `EX_SOFTWARE`, those above 128 are 128 plus the signal that a shell would report."""


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Attributes:
        name: The word that is typed.
        target: The function behind it, "module:function".
        summary: One line for the list of commands.
        resumes: Whether the same command goes on where an interrupted one stopped.
        unless: Options with which it starts over all the same.
        resumes_with: Options without which it starts over.
        as_options: Parameters without a default that are given as options.
        as_positional: Parameters with a default that are positional.
        experiment: The parameter that takes an experiment, which is changed by key; as an option it is `--config`.
        changes: Keys of the experiment that the command changes where the user does not.
    """

    name: str
    target: str
    summary: str
    resumes: bool = False
    unless: tuple[str, ...] = ()
    resumes_with: tuple[str, ...] = ()
    as_options: tuple[str, ...] = ()
    as_positional: tuple[str, ...] = ()
    experiment: str | None = None
    changes: Mapping[str, str] = field(default_factory=dict)


COMMANDS = {
    command.name: command
    for command in (
        Command("prepare", "dualhead.data.prepare.prepare:prepare", "raw recordings to a store", resumes=True),
        Command(
            "train",
            "dualhead.training.train:train",
            "train one stream on a store",
            resumes=True,
            unless=("--overfit",),
            as_options=("experiment", "store", "out"),
            experiment="experiment",
        ),
        Command("evaluate", "dualhead.inference.evaluate:evaluate", "score a store, or untrimmed recordings"),
        Command("fuse", "dualhead.evaluation.fusion:fuse", "fuse the scores of several streams or models"),
        Command(
            "predict",
            "dualhead.inference.predict:predict",
            "name the action in a recording, a folder or a store",
            resumes=True,
            resumes_with=("--out", "--resume"),
        ),
        Command(
            "poses",
            "dualhead.poses.command:poses",
            "videos to recordings of skeletons",
            resumes=True,
            as_positional=("source", "out"),
        ),
        Command("render", "dualhead.visualize.animation:render", "draw a recording as GIF, MP4 or HTML"),
        Command("serve", "dualhead.serve.command:serve", "a page in the browser: webcam and files"),
        Command("report", "dualhead.visualize.report_command:report", "runs or score files as one HTML page"),
        Command("export", "dualhead.exporting.export:export", "a checkpoint for another runtime: ONNX or torch.export"),
        Command(
            "export-arrays",
            "dualhead.data.export.arrays:export_arrays",
            "write a store in the published layout",
            resumes=True,
            as_options=("protocol",),
        ),
        Command("export-pyskl", "dualhead.data.export.pyskl:export_pyskl", "write a store as a PYSKL pickle"),
        Command(
            "inspect",
            "dualhead.visualize.inspect:inspect",
            "show the content and the anomalies of a store or a raw file",
        ),
        Command("convert", "dualhead.conversion.convert:convert", "published weights to a checkpoint, and back"),
        Command("models", "dualhead.models.listing:describe_models", "list the models"),
        Command(
            "reproduce",
            "dualhead.reproduction:reproduce",
            "reproduce a published table and compare the figures",
            resumes=True,
            as_options=("out",),
            experiment="experiment",
            changes={"validation.by": "none", "validation.value": "null"},
        ),
        Command("demo", "dualhead.demo:demo", "run the whole pipeline on generated data, with a report", resumes=True),
    )
}


def overview() -> str:
    """Return the help page of `dualhead` itself."""
    width = max(map(len, COMMANDS))
    lines = "\n".join(f"  {command.name:<{width}}  {command.summary}" for command in COMMANDS.values())
    return f"""usage: dualhead [-h] [--version] COMMAND ...

Skeleton-based action recognition: raw recordings in; trained, evaluated, fused multi-stream models out.

commands:
{lines}

options:
  -h, --help  Show this page; `dualhead COMMAND --help` shows the arguments of a command.
  --version   Show the version.
  --import MODULE  Before or after any command: import a module that registers models, streams, recipes,
              objectives, mixing rules or formats; repeatable.

Set DUALHEAD_DEBUG=1 to see the traceback of an error.
"""


def build(command: Command) -> tuple[Callable[..., object], FunctionParser]:
    """Import the function of a command and make its parser.

    Args:
        command: One of `COMMANDS`.

    Returns:
        The function and the parser of its arguments.
    """
    from dualhead.cli_parser import FunctionParser

    module, name = command.target.split(":")
    function: Callable[..., object] = getattr(import_module(module), name)
    options: dict[str, Any] = {"as_options": command.as_options, "as_positional": command.as_positional}
    if command.experiment is not None:
        from dualhead.training.experiment import Experiment

        renamed = {command.experiment: "config"} if command.experiment in command.as_options else {}
        options |= {"renamed": renamed, "keys": Experiment, "open_keys": ("model.arguments", "objective.arguments")}
    return function, FunctionParser(f"dualhead {command.name}", function, **options)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        words: The words after `dualhead`; the words of the process by default.

    Returns:
        The exit code: 0, 1 for an error that the user can mend, 2 for a command line that is not understood, 70 for a
        defect of the package, 130 after Ctrl-C, 143 after SIGTERM, 141 when the reader of the output went away.
    """
    process_is_ours = words is None
    if process_is_ours:
        end_on_signals()  # as long as nothing has begun
    words, plugins = _take_plugins(list(sys.argv[1:] if words is None else words))
    command = COMMANDS.get(words[0]) if words else None
    if sys.stdout is None:
        _say("standard output is closed: leave it open, or send it to a file or to /dev/null")
        return FAILED
    try:
        if process_is_ours:
            _take_any_text()
            _silence_libraries()
            if command is not None:
                _import_for_good(command)
                raise_on_signals()
        if plugins:
            import_plugins(plugins)
        code = _top_level(words) if command is None else _run(command, words[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # What is left in the buffer would be written once more at exit, and fail again, loudly.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except SystemExit as error:
        if isinstance(error.__context__, BrokenPipeError):  # rich makes one of the other, and has seen to the buffer
            return BROKEN_PIPE
        raise
    except KeyboardInterrupt as error:
        if process_is_ours:
            end_on_signals()
        return _interrupted(command, words, error)
    except Exception as error:  # noqa: BLE001  (the last door before the user: everything becomes one line and a log)
        if process_is_ours:
            end_on_signals()
        return _interrupted(command, words, interruption()) if was_interrupted() else _report(error)
    finally:
        if process_is_ours:
            end_on_signals()
    return code


def _interrupted(command: Command | None, words: Sequence[str], interruption: KeyboardInterrupt) -> int:
    """Print how to resume after Ctrl-C or SIGTERM, and return the exit code."""
    given = {word.split("=")[0] for word in words}
    again = command is not None and command.resumes and not given & {*command.unless}
    missing = [] if command is None else [option for option in command.resumes_with if option not in given]
    if again and missing == ["--resume"]:
        _say("run the same command with --resume and it goes on where it stopped", "interrupted")
    else:
        what = "goes on where it stopped" if again and not missing else "starts over"
        _say(f"run the same command again and it {what}", "interrupted")
    return TERMINATED if isinstance(interruption, Terminated) else INTERRUPTED


def _take_plugins(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words without every `--import MODULE`, which any command takes anywhere, and those modules."""
    rest, modules = [], []
    given = iter(words)
    for word in given:
        name, equals, value = word.partition("=")
        if name != "--import":
            rest.append(word)
        else:
            modules.append(value if equals else next(given, ""))
    return rest, modules


def _silence_libraries() -> None:
    """Suppress warnings of libraries on the terminal, which are for programmers; `python -W` shows them."""
    if not sys.warnoptions:
        warnings.filterwarnings("ignore")
        warnings.filterwarnings("default", module=r"dualhead(\.|$)")


def _take_any_text() -> None:
    """Replace characters that the encoding of standard output lacks by escape codes instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _import_for_good(command: Command) -> None:
    """Import what a command needs, and take it from the garbage collector: it would look through it for 0.5 s."""
    gc.disable()
    try:
        import_module("dualhead.cli_parser")
        import_module(command.target.split(":")[0])
    finally:
        gc.freeze()
        gc.enable()


def _top_level(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview(), end="")
        return OK
    if words[0] == "--version":
        print(f"dualhead {__version__}")
        return OK
    kind, valid = ("option", ["--help", "--version"]) if words[0].startswith("-") else ("command", list(COMMANDS))
    _say(str(unknown(kind, words[0], valid)))
    return USAGE


def _run(command: Command, words: Sequence[str]) -> int:
    from dualhead.cli_output import show, show_error
    from dualhead.cli_parser import UsageError

    function, parser = build(command)
    if any(word in ("-h", "--help") for word in words):
        print(parser.help(), end="")
        return OK
    try:
        arguments, keys = parser.parse(words)
    except UsageError as error:
        _say(f"{error}; see dualhead {command.name} --help")
        return USAGE
    if command.experiment is not None:
        from dualhead.training.config import load_experiment

        changes: dict[str, object] = {**command.changes, **keys}
        if modules := imported():
            changes["imports"] = list(modules)
        arguments[command.experiment] = load_experiment(arguments[command.experiment], changes)
    given = signature(function).bind(**arguments)
    given.apply_defaults()
    try:
        result = function(**arguments)
    except DualheadError as error:
        show_error(error, given.arguments)
        raise
    if not arguments.get("quiet"):
        show(command.name, result, given.arguments)
    return int(getattr(result, "exit_code", OK))


def _report(error: Exception) -> int:
    if os.environ.get("DUALHEAD_DEBUG", "0") not in ("", "0"):
        traceback.print_exception(error)
    if isinstance(error, DualheadError):
        _say(str(error))
        return FAILED
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        _say("out of memory: use a smaller batch size, or for training a larger `--accumulate_grad_batches`")
        return FAILED
    if isinstance(error, OSError) and error.errno is not None:
        _say(_sentence(error))
        return FAILED
    if isinstance(error, RuntimeError) and "DataLoader" in str(error):  # PyTorch has no type for it
        reason = str(error).strip().splitlines()[0][:200]
        _say(f"a process that loads data died or failed ({reason}): pass fewer workers, or 0")
        return FAILED
    _say(f"unexpected {type(error).__name__}: {error} ({_keep(error)}; DUALHEAD_DEBUG=1 shows it here)")
    return UNEXPECTED


def _sentence(error: OSError) -> str:
    """Describe an operating system error: the reason and the path."""
    where = "" if error.filename is None else f": {error.filename}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full{where}; free some space and run the same command again"
    if isinstance(error, FileNotFoundError):
        return f"no such file or folder{where}"
    if isinstance(error, PermissionError):
        return f"no permission{where}"
    return f"{(error.strerror or 'input or output error').lower()}{where}"


def _keep(error: Exception) -> str:
    """Write the traceback to a file of its own and say where."""
    try:
        with tempfile.NamedTemporaryFile("w", prefix="dualhead-", suffix=".log", delete=False, encoding="utf-8") as log:
            log.write(f"dualhead {__version__}\n{' '.join(sys.argv)}\n\n")
            traceback.print_exception(error, file=log)
        return f"traceback in {Path(log.name)}"
    except OSError:
        return "its traceback could not be written"


def _say(message: str, kind: str = "error") -> None:
    """Print one line to standard error."""
    print(f"dualhead: {kind}: {printable_line(message)}", file=sys.stderr)
