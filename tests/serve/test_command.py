"""The command `serve`: what it refuses, and that Ctrl-C ends it and leaves nothing behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path

import pytest

from dualhead.cli import main
from tests.inference.builders import write_checkpoint


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("serve") / "a.safetensors")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--port", "70000"], "port is 70000"),
        (["--window", "never"], "window is 'never'"),
        (["--max-upload", "0"], "max_upload is 0"),
        (["--max-people", "0"], "max_people is 0"),
        (["--pose-weights", "nowhere"], "nowhere has no"),
    ],
)
def test_wrong_options_are_one_sentence(
    checkpoint: Path, words: list[str], names: str, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("ai_edge_litert")
    assert main(["serve", str(checkpoint), "--no-browser", *words]) == 1
    said = capsys.readouterr().err
    assert names in said and len(said.splitlines()) == 1


def test_ctrl_c_ends_it_and_nothing_stays(checkpoint: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "dualhead", "serve", str(checkpoint), "--no-browser", "--device", "cpu"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{20,}", url)
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0 and "Traceback" not in said
    assert not list(tmp_path.glob("dualhead-serve-*"))
    assert tempfile.gettempdir() != str(tmp_path)
