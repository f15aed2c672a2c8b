"""Nothing but tensors is read from files that others wrote."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from dualhead.conversion.files import read_published
from dualhead.runtime.errors import CheckpointError


def test_plain_and_nested(tmp_path: Path) -> None:
    state = {"a.weight": torch.arange(3.0)}
    torch.save(state, tmp_path / "plain.pt")
    torch.save({"epoch": 3, "state_dict": {"model": state, "step": 1}, "lr": 0.1}, tmp_path / "nested.pth")
    save_file(state, tmp_path / "bare.safetensors")
    for name, aside in {"plain.pt": (), "nested.pth": ("epoch", "lr", "step"), "bare.safetensors": ()}.items():
        tensors, beside = read_published(tmp_path / name)
        assert torch.equal(tensors["a.weight"], state["a.weight"])
        assert beside == aside


class Dangerous:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> object:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("raw", [True, False])
def test_code_is_never_run(tmp_path: Path, raw: bool) -> None:
    state = {"a": torch.zeros(1), "b": Dangerous(tmp_path / "made")}
    path = tmp_path / "evil.pt"
    if raw:
        path.write_bytes(pickle.dumps(Dangerous(tmp_path / "made"), protocol=2))
    else:
        torch.save(state, path)
    with pytest.raises(CheckpointError, match="holds more than tensors"):
        read_published(path)
    assert not (tmp_path / "made").exists()


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not a file"):
        read_published(tmp_path / "absent.pt")
    torch.save({"a": torch.zeros(1), "b": "text"}, tmp_path / "mixed.pt")
    with pytest.raises(CheckpointError, match="holds 'b', a str"):
        read_published(tmp_path / "mixed.pt")
    torch.save(torch.zeros(2), tmp_path / "tensor.pt")
    with pytest.raises(CheckpointError, match="contains no state dict, but a Tensor"):
        read_published(tmp_path / "tensor.pt")
    torch.save({"a": torch.zeros(1000)}, tmp_path / "cut.pt")
    (tmp_path / "cut.pt").write_bytes((tmp_path / "cut.pt").read_bytes()[:900])
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "bad.safetensors").write_bytes(b"12345678901")
    for name in ("cut.pt", "empty.pt", "bad.safetensors"):
        with pytest.raises(CheckpointError, match=r"is damaged or no checkpoint: expected a published one"):
            read_published(tmp_path / name)


def test_a_file_that_holds_itself_comes_to_an_end(tmp_path: Path) -> None:
    content: dict[str, object] = {"a": torch.zeros(1)}
    content["model"] = content
    torch.save(content, tmp_path / "circle.pt")
    with pytest.raises(CheckpointError, match="holds 'model', a dict"):
        read_published(tmp_path / "circle.pt")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_damage_of_the_older_layout_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    torch.save({"state_dict": {"a": torch.ones(2)}}, path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    places = {
        "the protocol": 0,
        "a function of PyTorch": data.index(b"_rebuild_tensor_v2") + 17,
        "the name of a storage": data.rindex(b"q\x01a.") - 1,
    }
    for place in places.values():
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(CheckpointError, match="is damaged or no checkpoint"):
            read_published(path)
