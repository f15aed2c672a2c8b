"""Models as folders and repositories."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from huggingface_hub import PyTorchModelHubMixin, hub_mixin
from huggingface_hub.errors import LocalEntryNotFoundError

from dualhead import deploy
from dualhead.models import hub
from dualhead.models.agcn import AGCN
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import save_checkpoint
from dualhead.models.stgcn import STGCN
from dualhead.runtime.errors import CheckpointError, ConfigError
from tests.models.test_battery import build, clips


@pytest.fixture
def checkpoint(tmp_path: Path) -> tuple[Path, SkeletonModel]:
    model = build("agcn").eval()
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, model, {"stream": "bone", "seed": 3, "classes": list("abcdefg")})
    return path, model


def test_folder(checkpoint: tuple[Path, SkeletonModel], tmp_path: Path) -> None:
    path, model = checkpoint
    folder = tmp_path / "folder"
    assert SkeletonModel.from_pretrained(path).save_pretrained(folder) is None
    assert {file.name for file in folder.iterdir()} == {"model.safetensors", "config.json", "README.md"}
    again = SkeletonModel.from_pretrained(folder)
    assert again.provenance["stream"] == "bone"
    with torch.no_grad():
        assert torch.equal(again(clips(model)), model(clips(model)))
    facts = json.loads((folder / "config.json").read_text())
    assert facts["model"]["skeleton"]["joints"] == ["a", "b", "c", "d", "e"]
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: dualhead\n")
    assert "| stream | bone |" in card
    assert "CVPR 2019" in card
    assert f'from_pretrained("{folder}")' in card


def test_models_load_and_save_themselves(checkpoint: tuple[Path, SkeletonModel], tmp_path: Path) -> None:
    path, model = checkpoint
    loaded = AGCN.from_pretrained(path)
    assert loaded.provenance["stream"] == "bone"
    loaded.save_pretrained(tmp_path / "folder", repo_id="me/model")
    assert 'from_pretrained("me/model")' in (tmp_path / "folder" / "README.md").read_text()
    again = SkeletonModel.from_pretrained(tmp_path / "folder")
    assert isinstance(again, AGCN)
    assert (again.config, again.provenance) == (model.config, loaded.provenance)
    with torch.no_grad():
        assert torch.equal(again(clips(model)), model(clips(model)))
    model.save_pretrained(tmp_path / "fresh")
    assert SkeletonModel.from_pretrained(tmp_path / "fresh").provenance == {}
    with pytest.raises(CheckpointError, match=r"AGCN.*STGCN.*AGCN\.from_pretrained"):
        STGCN.from_pretrained(tmp_path / "folder")


def test_upload(checkpoint: tuple[Path, SkeletonModel], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    calls: dict[str, Any] = {}

    class Api:
        def __init__(self, **_: Any):
            pass

        def create_repo(self, repo_id: str, **options: Any) -> SimpleNamespace:
            calls["created"] = (repo_id, options)
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(self, *, repo_id: str, folder_path: Path, commit_message: str, **_: Any) -> str:
            calls["files"] = sorted(file.name for file in Path(folder_path).iterdir())
            calls["card"] = Path(folder_path, "README.md").read_text()
            calls["message"] = commit_message
            return f"address/of/{repo_id}"

    monkeypatch.setattr(hub_mixin, "HfApi", Api)
    model = SkeletonModel.from_pretrained(checkpoint[0])
    assert model.push_to_hub("me/model", private=True) == "address/of/me/model"
    assert calls["created"] == ("me/model", {"private": True, "exist_ok": True})
    assert calls["files"] == ["README.md", "config.json", "model.safetensors"]
    assert 'SkeletonModel.from_pretrained("me/model")' in calls["card"]
    assert "| seed | 3 |" in calls["card"]
    assert model.push_to_hub("me/other", commit_message="again") == "address/of/me/other"
    assert calls["message"] == "again"
    assert model.save_pretrained(tmp_path / "both", repo_id="me/both", push_to_hub=True) == "address/of/me/both"

    asked: list[tuple[str, str]] = []

    def download(name: str, filename: str, **_: Any) -> str:
        asked.append((name, filename))
        return str(checkpoint[0])

    def no_config(*_: Any, **__: Any) -> str:
        raise hub.HfHubHTTPError("404", response=SimpleNamespace(headers={}, request=None))  # type: ignore[arg-type]

    monkeypatch.setattr(hub, "hf_hub_download", download)
    monkeypatch.setattr(hub_mixin, "hf_hub_download", no_config)
    assert SkeletonModel.from_pretrained("me/model").provenance["seed"] == 3
    assert asked == [("me/model", "model.safetensors")]


def test_refusals(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: Any, **__: Any) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(hub, "hf_hub_download", refuse)
    monkeypatch.setattr(hub_mixin, "hf_hub_download", refuse)
    with pytest.raises(CheckpointError, match="me/absent is not"):
        SkeletonModel.from_pretrained("me/absent")
    with pytest.raises(CheckpointError, match="is not a file"):
        SkeletonModel.from_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"repository of version 0\.1 is now repo_id"):
        build("agcn").save_pretrained(tmp_path / "folder", repository="me/model")
    with pytest.raises(ConfigError, match=r"message of version 0\.1 is now commit_message"):
        build("agcn").push_to_hub("me/model", message="old")
    with pytest.raises(ConfigError, match="deployed"):
        deploy(build("agcn")).push_to_hub("me/model")


def test_the_hub_s_mixin_is_imported_by_those_who_use_it() -> None:
    assert issubclass(hub.HubModel, PyTorchModelHubMixin)
    look = "import sys, dualhead.models.base, dualhead.inference.predictor; sys.exit('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
