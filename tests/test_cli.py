"""The command: dispatch, help, and errors in one line."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

import dualhead
from dualhead import cli
from dualhead.runtime.errors import ConfigError, FormatError


def _raising(error: BaseException, monkeypatch: pytest.MonkeyPatch, resumes: bool = False) -> list[str]:
    """Put a command `fail` into the table that raises `error`; gives the words that call it."""

    def fail() -> None:
        """Fail."""
        raise error

    monkeypatch.setattr(sys.modules[__name__], "fail", fail, raising=False)
    command = cli.Command("fail", f"{__name__}:fail", "fails", resumes=resumes)
    monkeypatch.setitem(cli.COMMANDS, "fail", command)
    return ["fail"]


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["help"]])
def test_overview_names_every_command(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    text = capsys.readouterr().out
    for name in ("prepare", "train", "evaluate", "fuse", "predict", "render", "models", "demo"):
        assert f"\n  {name} " in text


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out == f"dualhead {dualhead.__version__}\n"


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["trian"], "dualhead: error: unknown command 'trian': did you mean 'train'? valid: prepare, train,"),
        (["--vers"], "dualhead: error: unknown option '--vers': did you mean '--version'?"),
        (["fuse", "a.npz", "--wieghts", "1"], "dualhead: error: unknown option '--wieghts': did you mean '--weights'?"),
        (["prepare", "ntu60", "raw"], "dualhead: error: missing: out; see dualhead prepare --help"),
    ],
)
def test_what_is_not_understood(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(line)
    assert captured.err.count("\n") == 1


def test_an_override_for_train_reaches_the_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "small.yaml"
    config.write_text("model: {name: dualhead_small}\nrecipe: resample64\nprotocol: xsub\nepochs: 1\nbatch_size: 2\n")
    words = ["--config", str(config), "--store", str(tmp_path / "none"), "--out", str(tmp_path / "run")]
    assert cli.main(["train", *words, "--optimizer.lr", "-1"]) == 1
    assert "optimizer.lr is -1.0: expected a number above 0" in capsys.readouterr().err
    assert cli.main(["train", *words, "--optimizer.lr", "1", "--model.arguments.width", "6"]) == 1
    assert "none" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (ConfigError("frames is 0:\n expected 1 or more"), 1, "error: frames is 0: expected 1 or more"),
        (FormatError("cut off", "a.skeleton", 3), 1, "error: a.skeleton, line 3: cut off"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/store"),
            1,
            "error: the disk is full: /store; free some space",
        ),
        (FileNotFoundError(errno.ENOENT, "No such file", "x.zip"), 1, "error: no such file or folder: x.zip"),
        (PermissionError(errno.EACCES, "Permission denied", "/root"), 1, "error: no permission: /root"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "out"), 1, "error: is a directory: out"),
        (FormatError("no label", "\x1b[2Jx"), 1, "error: <1b>[2Jx: no label"),
        (MemoryError(), 1, "error: out of memory: use a smaller batch size"),
    ],
)
def test_errors_are_one_line(
    error: Exception,
    code: int,
    line: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(_raising(error, monkeypatch)) == code
    text = capsys.readouterr().err
    assert text.startswith(f"dualhead: {line}")
    assert text.count("\n") == 1


@pytest.mark.parametrize(("resumes", "what"), [(True, "goes on where it stopped"), (False, "starts over")])
def test_an_interrupt_says_how_to_go_on(
    resumes: bool, what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(_raising(KeyboardInterrupt(), monkeypatch, resumes)) == 130
    assert capsys.readouterr().err == f"dualhead: interrupted: run the same command again and it {what}\n"


@pytest.mark.parametrize("words", [["--overfit", "8"], ["--overfit=8"]])
def test_an_interrupted_overfit_run_starts_over(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)
    assert cli.main(["train", "--config", "ucla/dualhead", *words]) == 130
    assert capsys.readouterr().err == "dualhead: interrupted: run the same command again and it starts over\n"
    assert cli.main(["train", "--config", "ucla/dualhead"]) == 130
    assert capsys.readouterr().err.endswith("it goes on where it stopped\n")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ([], "run the same command again and it starts over"),
        (["--out", "x"], "run the same command with --resume and it goes on where it stopped"),
        (["--out=x", "--resume"], "run the same command again and it goes on where it stopped"),
    ],
)
def test_an_interrupted_prediction_goes_on_where_it_has_a_file(
    words: list[str], what: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupt)
    assert cli.main(["predict", "a.safetensors", "raw", *words]) == 130
    assert capsys.readouterr().err == f"dualhead: interrupted: {what}\n"


def test_a_defect_leaves_its_traceback_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("DUALHEAD_DEBUG", raising=False)
    assert cli.main(_raising(ZeroDivisionError("by zero"), monkeypatch)) == 70
    (log,) = tmp_path.glob("dualhead-*.log")
    text = capsys.readouterr().err
    assert text.startswith("dualhead: error: unexpected ZeroDivisionError: by zero (traceback in ")
    assert str(log) in text
    assert "DUALHEAD_DEBUG=1" in text
    assert text.count("\n") == 1
    assert "in fail" in log.read_text()


def test_debugging_shows_the_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("DUALHEAD_DEBUG", "1")
    assert cli.main(_raising(ConfigError("no"), monkeypatch)) == 1
    text = capsys.readouterr().err
    assert "Traceback" in text
    assert text.endswith("dualhead: error: no\n")


@pytest.mark.parametrize("words", [["--help"], ["models"]])
def test_a_reader_that_goes_away_is_no_error(words: list[str]) -> None:
    """The one is printed, the other is a table of rich's."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        run = subprocess.run(
            [sys.executable, "-m", "dualhead", *words], stdout=pipe, stderr=subprocess.PIPE, check=False
        )
    assert run.returncode == 141
    assert run.stderr == b""


def test_a_closed_output_is_said_before_anything_is_done(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "dualhead", "prepare", "ntu60", str(tmp_path), str(tmp_path / "store")]
    run = subprocess.run(["sh", "-c", '"$@" >&-', "sh", *words], stderr=subprocess.PIPE, check=False, text=True)
    assert run.returncode == 1
    assert run.stderr == (
        "dualhead: error: standard output is closed: leave it open, or send it to a file or to /dev/null\n"
    )


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_has_complete_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    _, parser = cli.build(cli.COMMANDS[name])
    silent = [item.flag for item in parser.parameters if len(item.help) < 5]
    silent += [key for key, meaning in parser.keys.items() if len(meaning) < 5]
    assert silent == [], "these have no line in the docstring's Args"
    assert cli.main([name, "--help"]) == 0
    assert capsys.readouterr().out.startswith(f"usage: dualhead {name} ")


def test_a_process_of_its_own_keeps_what_it_imports_from_the_garbage_collector() -> None:
    script = (
        "import gc, sys; from dualhead.cli import main; sys.argv = ['dualhead', 'fuse', '--help']; main(WORDS); "
        "print(gc.isenabled(), gc.get_freeze_count() > 10000)"
    )
    for words, frozen in (("None", True), ("['fuse', '--help']", False)):  # the second as a library calls it
        done = subprocess.run(
            [sys.executable, "-c", script.replace("WORDS", words)], capture_output=True, text=True, check=True
        )
        assert done.stdout.splitlines()[-1] == f"True {frozen}"


def test_warnings_of_libraries_do_not_reach_the_terminal() -> None:
    script = (
        "import sys, warnings\n"
        "from dualhead import cli\n"
        "def warn():\n"
        "    'Warn.'\n"
        "    warnings.warn_explicit('use more workers', UserWarning, 'x.py', 1, module='torch.utils.data')\n"
        "    warnings.warn_explicit('ours', UserWarning, 'y.py', 1, module='dualhead.inference.deploy')\n"
        "sys.modules['warning_command'] = sys.modules['__main__']\n"
        "cli.COMMANDS['warn'] = cli.Command('warn', 'warning_command:warn', 'warns')\n"
        "sys.argv = ['dualhead', 'warn']\n"
        "sys.exit(cli.main())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "ours" in done.stderr and "use more workers" not in done.stderr


def test_a_loading_process_that_died_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = RuntimeError("DataLoader worker (pid(s) 5) exited unexpectedly\nmore")
    assert cli.main(_raising(error, monkeypatch)) == 1
    assert "pass fewer workers" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["fuse", "a.npz", "b.npz"], ["report", "a.npz"], ["inspect", "."], ["export", "a.safetensors"]]
)
def test_a_place_that_cannot_be_written_is_told_before_any_work(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    out = tmp_path / "file" / f"out.{'onnx' if words[0] == 'export' else 'html'}"
    assert cli.main([*words, "--out", str(out)]) == 1
    assert str(out) in capsys.readouterr().err
