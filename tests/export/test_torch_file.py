from __future__ import annotations

import json
from pathlib import Path

import torch

from dualhead.export.checking import random_clips
from dualhead.export.torch_file import FACTS, load_torch, write_torch

from .making import make_model, traced_stgcn


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
