"""Models as folders."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError

from dualhead.models import hub
from dualhead.models.agcn import AGCN
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.stgcn import STGCN
from dualhead.runtime.errors import CheckpointError
from tests.models.test_battery import build, clips


@pytest.fixture
def checkpoint(tmp_path: Path) -> tuple[Path, SkeletonModel]:
    model = build("agcn").eval()
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, model, {"stream": "bone", "seed": 3, "classes": list("abcdefg")})
    return path, model


def test_folder(checkpoint: tuple[Path, SkeletonModel], tmp_path: Path) -> None:
    path, model = checkpoint
    folder = hub.save_pretrained(path, tmp_path / "folder")
    assert {file.name for file in folder.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    again, provenance = hub.from_pretrained(folder)
    assert provenance["stream"] == "bone"
    with torch.no_grad():
        assert torch.equal(again(clips(model)), model(clips(model)))
    facts = json.loads((folder / "config.json").read_text())
    assert facts["model"]["skeleton"]["joints"] == ["a", "b", "c", "d", "e"]
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: dualhead\n")
    assert "| stream | bone |" in card
    assert "CVPR 2019" in card
    assert hub.from_pretrained(path)[0].config == model.config


def test_models_load_and_save_themselves(checkpoint: tuple[Path, SkeletonModel], tmp_path: Path) -> None:
    path, model = checkpoint
    loaded = AGCN.from_pretrained(path)
    assert loaded.provenance["stream"] == "bone"
    folder = loaded.save_pretrained(tmp_path / "folder", repository="me/model")
    assert 'from_pretrained("me/model")' in (folder / "README.md").read_text()
    again = SkeletonModel.from_pretrained(folder)
    assert isinstance(again, AGCN)
    assert (again.config, again.provenance) == (model.config, loaded.provenance)
    with torch.no_grad():
        assert torch.equal(again(clips(model)), model(clips(model)))
    assert model.save_pretrained(tmp_path / "fresh") == tmp_path / "fresh"
    assert SkeletonModel.from_pretrained(tmp_path / "fresh").provenance == {}
    with pytest.raises(CheckpointError, match=r"holds a AGCN, no STGCN: load it with AGCN\.from_pretrained"):
        STGCN.from_pretrained(folder)


def test_upload(checkpoint: tuple[Path, SkeletonModel], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: dict[str, Any] = {}

    class Api:
        def __init__(self, **_: Any):
            pass

        def create_repo(self, name: str, **options: Any) -> None:
            calls["created"] = (name, options)

        def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> SimpleNamespace:
            calls["files"] = sorted(file.name for file in Path(folder_path).iterdir())
            calls["card"] = Path(folder_path, "README.md").read_text()
            return SimpleNamespace(commit_url=f"address/of/{repo_id}")

    monkeypatch.setattr(hub, "HfApi", Api)
    assert hub.push_to_hub(checkpoint[0], "me/model", private=True) == "address/of/me/model"
    assert calls["created"] == ("me/model", {"private": True, "exist_ok": True})
    assert calls["files"] == ["README.md", "config.json", "model.safetensors"]
    assert 'SkeletonModel.from_pretrained("me/model")' in calls["card"]
    assert checkpoint[1].push_to_hub("me/other", message="again") == "address/of/me/other"
    assert calls["created"] == ("me/other", {"private": False, "exist_ok": True})

    monkeypatch.setattr(hub, "hf_hub_download", lambda name, file, **_: str(checkpoint[0]))
    assert hub.from_pretrained("me/model")[1]["seed"] == 3


def test_refusals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(hub, "hf_hub_download", refuse)
    with pytest.raises(CheckpointError, match="me/absent is no folder or file here"):
        hub.from_pretrained("me/absent")
    with pytest.raises(CheckpointError, match="is no file"):
        hub.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="is no file"):
        hub.push_to_hub(tmp_path / "absent.safetensors", "me/model")
