from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from dualhead.data.store.store import Store
from dualhead.exporting import export as module
from dualhead.exporting.checking import Clips
from dualhead.exporting.export import export
from dualhead.exporting.torch_file import FACTS
from dualhead.models.checkpoint import save_checkpoint
from dualhead.runtime.errors import CheckpointError, ConfigError, ExportError

from ..visualize.conftest import small_store  # noqa: F401
from .making import CLASSES, make_checkpoint, make_model, traced_stgcn
from .test_onnx_file import need_onnx

PAGE = Path(__file__).parents[2] / "docs" / "export.md"


def test_a_checkpoint_becomes_a_program_that_says_what_it_is(
    small_store: Store,  # noqa: F811
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import torch

    checkpoint = make_checkpoint(tmp_path / "bone.safetensors", "stgcn")
    out = export(checkpoint, format="torch", recordings=small_store.path)
    assert out == tmp_path / "bone.pt2"
    said = " ".join(capsys.readouterr().err.split())
    assert re.search(r"bone\.pt2: any batch, 9 frames or more; differs from the model by \S+e[+-]\d+ at most", said)
    extra = {FACTS: ""}
    program = torch.export.load(out, extra_files=extra)
    weights = make_model("stgcn").state_dict()
    assert {name: held.shape for name, held in program.state_dict.items()} == {
        name: weight.shape for name, weight in weights.items()
    }  # each once
    facts = json.loads(extra[FACTS])
    assert {key: facts[key] for key in ("format", "schema", "recipe", "stream", "frames", "least_frames")} == {
        "format": "dualhead", "schema": "1", "recipe": "resample16", "stream": "bone",
        "frames": "16", "least_frames": "9",
    }  # fmt: skip
    assert json.loads(facts["classes"]) == CLASSES
    assert json.loads(facts["heads"]) == ["main"]
    assert json.loads(facts["skeleton"])["name"] == "ntu25"
    assert json.loads(facts["provenance"])["dataset"] == "ntu60"


def test_a_model_that_computes_something_else_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = make_checkpoint(tmp_path / "bone.safetensors", "stgcn")

    def load_wrong(_: Path) -> object:
        def run(clips: Clips) -> Clips:
            return np.full((len(clips), 1, 3), 7, np.float32)

        return run

    monkeypatch.setattr(module, "trace", lambda *_: traced_stgcn())
    monkeypatch.setattr(module, "load_torch", load_wrong)
    (tmp_path / "bone.pt2").write_text("kept")
    with pytest.raises(ExportError, match=r"differs by .* on random clips of 9 frames"):
        export(checkpoint, format="torch")
    assert (tmp_path / "bone.pt2").read_text() == "kept"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bone.pt2", "bone.safetensors"]


def test_what_cannot_be_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"'onxx'.*'onnx'"):
        export(tmp_path / "a.safetensors", format="onxx")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"a\.onnx' has not the ending of format 'torch': expected a name with \.pt2"):
        export(tmp_path / "a.safetensors", format="torch", out=tmp_path / "a.onnx")
    with pytest.raises(CheckpointError, match="is not a file"):
        export(tmp_path / "a.safetensors", format="torch")
    save_checkpoint(tmp_path / "a.safetensors", make_model("stgcn"), {})
    with pytest.raises(CheckpointError, match="does not record its recipe"):
        export(tmp_path / "a.safetensors", format="torch")
    assert [file.name for file in tmp_path.iterdir()] == ["a.safetensors"]


def test_the_example_of_the_page_runs(
    small_store: Store,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    need_onnx()
    monkeypatch.chdir(tmp_path)
    export(str(make_checkpoint(tmp_path / "joint.safetensors", "stgcn")), out="joint.onnx")
    raw = small_store.path.parent / "raw" / "S001C001P001R001A001.skeleton"
    (tmp_path / raw.name).write_bytes(raw.read_bytes())
    (block,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len([line for line in block.splitlines() if line and not line.startswith(("import", "from"))]) <= 10
    capsys.readouterr()
    exec(compile(block, "export.md", "exec"), {})
    assert capsys.readouterr().out.strip() in CLASSES


def test_a_model_is_not_written_over_what_is_read(small_store: Store, tmp_path: Path) -> None:  # noqa: F811
    checkpoint = make_checkpoint(tmp_path / "odd.pt2", "stgcn")
    with pytest.raises(ConfigError, match=r"odd\.pt2 is an input and would be overwritten"):
        export(checkpoint, format="torch")
    with pytest.raises(ConfigError, match=r"model\.pt2 is inside .*store"):
        export(checkpoint, format="torch", out=small_store.path / "model.pt2", recordings=small_store.path)
