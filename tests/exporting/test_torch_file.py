from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dualhead.exporting.checking import random_clips
from dualhead.exporting.torch_file import FACTS, load_torch, write_torch

from .making import make_checkpoint, make_model, traced_stgcn


def test_what_is_written_runs_and_says_what_it_is(tmp_path: Path) -> None:
    model = make_model("stgcn")
    write_torch(traced_stgcn(), tmp_path / "model.pt2", {"stream": "bone", "classes": '["wäve"]'})
    clips = random_clips(model, 20)
    with torch.no_grad():
        expected = model(torch.from_numpy(clips))
    torch.testing.assert_close(torch.from_numpy(load_torch(tmp_path / "model.pt2")(clips)), expected)
    extra = {FACTS: ""}
    torch.export.load(tmp_path / "model.pt2", extra_files=extra)
    assert json.loads(extra[FACTS]) == {"stream": "bone", "classes": '["wäve"]'}


@pytest.mark.skipif(sys.platform == "win32", reason="no limits of files")
def test_a_full_disk_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    checkpoint = make_checkpoint(tmp_path / "model.safetensors", "stgcn")
    script = (
        "import resource, sys; from dualhead.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000))\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = [sys.executable, "-c", script, "export", checkpoint, "--format", "torch"]
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    run = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    assert (run.returncode, run.stderr) == (1, f"dualhead: error: file too large: {tmp_path / 'model.pt2'}\n")
    assert list(tmp_path.iterdir()) == [checkpoint]
