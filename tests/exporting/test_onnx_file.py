from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from dualhead.exporting import onnx_file
from dualhead.exporting.checking import random_clips
from dualhead.exporting.onnx_file import NEEDED, check_installed, load_onnx, write_onnx
from dualhead.exporting.tracing import trace
from dualhead.runtime.errors import ConfigError

from .making import SMALL, make_model


def need_onnx() -> None:
    for name in NEEDED:
        pytest.importorskip(name, reason="ONNX needs the extra `export`: pip install 'dualhead[export]'")


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_onnx_runtime_says_the_same_for_any_batch_and_length(name: str, tmp_path: Path) -> None:
    need_onnx()
    import onnxruntime

    model = make_model(name)
    write_onnx(trace(model, 16), tmp_path / "model.onnx", {"stream": "bone", "classes": '["wäve"]'})
    run = load_onnx(tmp_path / "model.onnx")
    for frames in (16, 9, 21):
        clips = random_clips(model, frames)
        with torch.no_grad():
            expected = model(torch.from_numpy(clips)).numpy()
        np.testing.assert_allclose(run(clips), expected, atol=1e-4 * max(1, np.abs(expected).max()))
        np.testing.assert_allclose(run(clips[:1]), expected[:1], atol=1e-4 * max(1, np.abs(expected).max()))
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"))
    assert session.get_inputs()[0].shape == ["batch", 3, "frames", 25, 2]
    assert session.get_outputs()[0].shape == ["batch", len(model.heads), 3]
    assert session.get_modelmeta().custom_metadata_map == {"stream": "bone", "classes": '["wäve"]'}
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]


def test_what_is_missing_is_said_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "find_spec", lambda name: None if name == "onnxscript" else object())
    with pytest.raises(ConfigError, match=r"'onnx'.*'dualhead\[export\]'"):
        check_installed()
