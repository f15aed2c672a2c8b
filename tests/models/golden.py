"""The reference cases of published models: see `../shared/MODELS.md`, "Golden cases"."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dualhead import create_model, load_published
from dualhead.models.base import SkeletonModel

NAMES_OF_SKELETONS = {25: "ntu25", 18: "openpose18", 20: "kinect20", 17: "coco17"}


@dataclass
class Case:
    """A published model, its input and its results, made again from names."""

    data: dict[str, Any]
    state: dict[str, Tensor]
    clips: Tensor

    def build(self) -> tuple[SkeletonModel, dict[str, str]]:
        """Build our model in float64 and load the published weights; also give what was mapped."""
        _, channels, _, joints, bodies = self.data["shape"]
        default = torch.get_default_dtype()
        torch.set_default_dtype(torch.float64)
        try:
            model = create_model(
                self.data["model"],
                num_classes=self.data["classes"],
                skeleton=NAMES_OF_SKELETONS[joints],
                num_bodies=bodies,
                in_channels=channels,
                **self.data.get("variant", {}),
            )
        finally:
            torch.set_default_dtype(default)
        return model, load_published(model, self.state)


def load_case(folder: Path, name: str) -> Case:
    """Read `<folder>/<name>.json` and make its weights and input with the folder's `rule.py`."""
    spec = importlib.util.spec_from_file_location("golden_rule", folder / "rule.py")
    assert spec is not None
    assert spec.loader is not None
    rule = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rule)
    data = json.loads((folder / f"{name}.json").read_text())
    state = {key: torch.as_tensor(rule.fill(key, tuple(shape), kind)) for key, shape, kind in data["manifest"] if kind}
    clips = torch.as_tensor(rule.clip(data["seed"], tuple(data["shape"]), data["empty"]))
    return Case(data, state, clips)


def assert_norms(ours: dict[str, float], recorded: dict[str, float]) -> None:
    """Compare norms to 1e-9 relative; a recorded norm below 1e-10 is a zero but for round-off."""
    assert set(recorded) <= set(ours)
    wrong = {
        key: (ours[key], norm)
        for key, norm in recorded.items()
        if not (ours[key] < 1e-10 if norm < 1e-10 else abs(ours[key] - norm) <= 1e-9 * norm)
    }
    assert not wrong
