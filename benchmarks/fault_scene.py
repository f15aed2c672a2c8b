"""A small data set, a run and score files on which commands are disturbed, and processes that run a command."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dualhead import cli
from dualhead.runtime.interrupts import end_on_signals

PATIENCE = 10.0
"""Seconds within which a command has to end after a signal, on a machine that is not busy."""

SETTINGS = (
    "--epochs", "2", "--batch_size", "16", "--recipe", "resample16", "--model.arguments.width", "6",
    "--model.arguments.num_gcn_scales", "2", "--model.arguments.num_g3d_scales", "2", "--device", "cpu",
    "--validation.fraction", "0.4",
)  # fmt: skip


_FRESH = """
import os, sys
from dualhead.__main__ import main
from dualhead.runtime.interrupts import end_on_signals
ready = int(sys.argv.pop(1))
end_on_signals()
os.write(ready, b"r")
os.close(ready)
sys.exit(main())
"""
"""A fresh interpreter that reports when it handles signals, then imports and runs the command."""


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        code: Its exit code; below 0 the signal that killed it.
        error: What it wrote to standard error.
        seconds: How long it ran.
        seconds_to_end: How long it took after the signal; 0 without one.
        left: Whether processes that it had started were still there two seconds later.
        signalled: Whether it was still running when the signal came.
    """

    code: int
    error: str
    seconds: float
    seconds_to_end: float
    left: bool
    signalled: bool


class Scene:
    """Generated recordings, their store, two trained streams, and the commands that work on them.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path):
        from importlib import import_module

        import_module("dualhead.cli_parser")
        for command in cli.COMMANDS.values():
            import_module(command.target.split(":")[0])
        from dualhead.synthetic.generate import generate

        self.folder = folder
        self.raw, self.store = folder / "raw", folder / "store"
        generate(self.raw, num_performers=3, num_actions=6, quiet=True)
        self.commands = {
            "prepare": ["prepare", "synthetic", str(self.raw), "OUT", "--workers", "2"],
            "train": [
                "train", "--config", "synthetic_xsub/dualhead", "--store", str(self.store), "--out", "OUT", "--stream",
                "bone", *SETTINGS,
            ],
        }  # fmt: skip
        self.run(self.commands["prepare"], self.store)
        runs = {stream: folder / "runs" / stream for stream in ("joint", "bone")}
        for stream, run in runs.items():
            self.run([stream if word == "bone" else word for word in self.commands["train"]], run)
        scores = [str(run / "scores" / "test_last.npz") for run in runs.values()]
        held_out = [str(run / "scores" / "validation_last.npz") for run in runs.values()]
        checkpoint = str(runs["joint"] / "last.safetensors")
        self.commands |= {
            "evaluate": [
                "evaluate", checkpoint, str(self.store), "--out", "OUT.npz", "--device", "cpu", "--workers", "2",
            ],
            "fuse": ["fuse", *scores, "--validation", *held_out, "--out", "OUT.npz"],
            "report": ["report", *map(str, runs.values()), "--out", "OUT.html", "--store", str(self.store)],
            "inspect": ["inspect", str(self.store), "--verify", "--out", "OUT.html"],
            "predict": ["predict", checkpoint, str(self.raw / "ntu_synthetic.zip"), "--device", "cpu"],
            "convert": ["convert", checkpoint, "OUT.pt"],
            "export-pyskl": ["export-pyskl", str(self.store), "OUT.pkl"],
            "export-arrays": [
                "export-arrays", str(self.store), "OUT", "--protocol", "xsub", "--streams", "joint", "--recipe",
                "resample16",
            ],
        }  # fmt: skip
        archives = [str(path) for path in self.raw.glob("*.zip")]
        self.commands["predict"][2] = archives[0]

    def run(self, words: list[str], out: Path, **disturbance: object) -> Ended:
        """Run a command to its end; see `run_command`. Raises `RuntimeError` if it fails undisturbed."""
        ended = run_command([word.replace("OUT", str(out)) for word in words], **disturbance)  # type: ignore[arg-type]
        if not disturbance and ended.code:
            raise RuntimeError(f"{' '.join(words)}: {ended.code}: {ended.error}")
        return ended

    def clear(self, out: Path) -> None:
        """Remove what a command left under a name, and beside it."""
        for path in out.parent.glob(f"{out.name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def run_command(
    words: list[str],
    *,
    after: float | None = None,
    number: int = signal.SIGKILL,
    fault: Callable[[], None] | None = None,
    imports: bool = False,
    patience: float = PATIENCE,
) -> Ended:
    """Run a command in a process of its own.

    Args:
        words: The command line.
        after: Seconds after which it gets a signal.
        number: The signal.
        fault: Called in the process before anything else, to disturb it.
        imports: Start a fresh interpreter instead of a copy of this process, so that signals meet imports too.
        patience: Seconds to end after a signal; three times as long, and the command is killed.

    Returns:
        How it ended.
    """
    # pipes, which no limit of files cuts
    (told, tell), (awaited, ready) = os.pipe(), os.pipe()
    pid = os.fork()
    if pid == 0:
        _become_command(words, (tell, ready), fault, imports)
    os.close(tell)
    os.close(ready)
    os.read(awaited, 1)
    os.close(awaited)
    begun = time.monotonic()
    error: list[bytes] = []
    reader = threading.Thread(target=lambda: error.extend(iter(lambda: os.read(told, 2**16), b"")))
    reader.start()
    signalled, sent = False, 0.0
    while True:
        done, status, _ = os.wait4(pid, os.WNOHANG)
        now = time.monotonic()
        if done:
            break
        if after is not None and not signalled and now - begun >= after:
            os.kill(pid, number)
            signalled, sent = True, now
        if (signalled and now - sent > 3 * patience) or now - begun > 12 * patience:
            os.killpg(pid, signal.SIGKILL)
        time.sleep(0.002)
    ended = time.monotonic()
    left = _is_left(pid)
    reader.join()
    os.close(told)
    return Ended(
        code=os.waitstatus_to_exitcode(status),
        error=b"".join(error).decode("utf-8", "replace"),
        seconds=ended - begun,
        seconds_to_end=ended - sent if signalled else 0.0,
        left=left,
        signalled=signalled,
    )


def _become_command(words: list[str], pipes: tuple[int, int], fault: Callable[[], None] | None, imports: bool) -> None:
    """Turn this process, a copy, into the command; never returns."""
    code = 99
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(pipes[0], 2)
        sys.stdout, sys.stderr = (open(number, "w", encoding="utf-8", closefd=False) for number in (1, 2))  # noqa: SIM115
        if imports:
            os.set_inheritable(pipes[1], True)
            os.execv(sys.executable, [sys.executable, "-c", _FRESH, str(pipes[1]), *words])
        end_on_signals()  # as `python -m dualhead` does first; what precedes it is Python's own start
        os.write(pipes[1], b"r")
        os.close(pipes[1])
        sys.argv = ["dualhead", *words]
        if fault is not None:
            fault()
        code = cli.main()
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:  # noqa: BLE001 - whatever comes out of the command is what is looked for
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _is_left(group: int) -> bool:
    """Look whether a process of a group is still there after two seconds, and end it then."""
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except (ProcessLookupError, PermissionError):
            return False
        time.sleep(0.02)
    os.killpg(group, signal.SIGKILL)
    return True


def limit_files(size: int) -> None:
    """Let writing a file fail beyond a size, as on a full disk.

    Args:
        size: Bytes.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def fail_at(call: int, number: int) -> None:
    """Let one call of `os.fsync` fail.

    Args:
        call: Which, from 1.
        number: The error.
    """
    real, calls = os.fsync, [0]

    def fsync(file: int) -> None:
        calls[0] += 1
        if calls[0] == call:
            raise OSError(number, os.strerror(number))
        real(file)

    os.fsync = fsync  # type: ignore[assignment]
