"""Reference cases of published models: weights and inputs made again from names, and the results in float64.

The cases of `../shared/golden` were recorded with the published code (see `../shared/MODELS.md`, "Golden cases").
Those of `tests/golden/models` are narrow ones of the same kind for everybody, recorded with the plain formulas of
`tests/models/plain.py`; `python -m tests.models.golden` writes them.
"""

from __future__ import annotations

import importlib.util
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from dualhead import create_model, load_published
from dualhead.conversion.published import to_published
from dualhead.models.base import SkeletonModel
from dualhead.skeleton import get_skeleton
from tests.models.plain import PLAIN, Published

NAMES_OF_SKELETONS = {25: "ntu25", 18: "openpose18", 20: "kinect20", 17: "coco17"}

NARROW = Path(__file__).parents[1] / "golden" / "models"

NARROW_CASES: dict[str, dict[str, Any]] = {
    "agcn": {"variant": {"width": 8, "depth": 1}, "shape": [2, 3, 9, 20, 2]},
    "ctrgcn": {"variant": {"width": 8, "depth": 1}, "shape": [2, 3, 9, 25, 2]},
    "dgstgcn": {"variant": {"width": 8, "depth": 1}, "shape": [2, 3, 9, 25, 2]},
    "dualhead": {
        "variant": {"width": 6, "depth": 2, "num_gcn_scales": 3, "num_g3d_scales": 2},
        "shape": [2, 3, 8, 18, 2],
    },
    "msg3d": {
        "variant": {"width": 6, "depth": 2, "num_gcn_scales": 4, "num_g3d_scales": 3},
        "shape": [2, 2, 9, 17, 2],
    },
    "protogcn": {"variant": {"width": 8, "depth": 1, "num_prototypes": 5}, "shape": [2, 3, 8, 17, 2]},
    "stgcn": {"variant": {"width": 8, "depth": 1}, "shape": [2, 3, 9, 18, 1]},
    "stgcnpp": {"variant": {"width": 8, "depth": 1}, "shape": [2, 3, 9, 25, 2]},
}
"""Variant and clips `(N, C, T, V, M)` of the narrow case of every architecture."""


@dataclass
class Case:
    """A published model, its input and its results, made again from names."""

    data: dict[str, Any]
    state: dict[str, Tensor]
    clips: Tensor

    def build(self) -> tuple[SkeletonModel, dict[str, str]]:
        """Build our model in float64 and load the published weights; also return what was mapped."""
        model = build(self.data)
        return model, load_published(model, self.state)


def build(data: dict[str, Any]) -> SkeletonModel:
    """Build a case's model in float64, its graphs too, with fresh weights."""
    _, channels, _, joints, bodies = data["shape"]
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        return create_model(
            data["model"],
            num_classes=data["classes"],
            skeleton=NAMES_OF_SKELETONS[joints],
            num_bodies=bodies,
            in_channels=channels,
            **data.get("variant", {}),
        )
    finally:
        torch.set_default_dtype(default)


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


def filled(key: str, shape: tuple[int, ...]) -> Tensor:
    """Draw a checkpoint entry from its published key: kernels of variance 1 / fan-in, the rest of small deviation."""
    noise = np.random.RandomState(zlib.crc32(key.encode())).standard_normal(shape)
    last = key.rpartition(".")[2]
    if last == "num_batches_tracked":
        values = np.zeros(shape)
    elif last == "weight" and len(shape) > 1:
        values = noise / np.sqrt(np.prod(shape[1:]))
    elif last == "running_var":
        values = 1 + 0.5 * np.abs(noise)
    else:
        values = (1.0 if last == "weight" else 0.0) + 0.1 * noise
    return torch.as_tensor(values)


def load_narrow_case(name: str) -> Case:
    """Read the narrow case of an architecture."""
    data = json.loads((NARROW / f"{name}.json").read_text())
    entries = dict(_leaves(data.pop("entries")))  # key to shape, then a norm
    data["grad_norms"] = {key: norm for key, (*_, norm) in entries.items() if "running_" not in key}
    data["running_norms"] = {key: norm for key, (*_, norm) in entries.items() if "running_" in key}
    state = {key: filled(key, tuple(shape)) for key, (*shape, _) in entries.items()}
    return Case(data, state, narrow_clips(data))


def _leaves(tree: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, list[Any]]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def narrow_clips(data: dict[str, Any]) -> Tensor:
    """Draw clips of which the last has no second body."""
    clips = torch.as_tensor(np.random.RandomState(1).standard_normal(data["shape"]))
    clips[-1, ..., 1:] = 0
    return clips


def plain_results(data: dict[str, Any], state: dict[str, Tensor], clips: Tensor) -> dict[str, Any]:
    """Compute the results of a case with the plain formulas."""
    skeleton = get_skeleton(NAMES_OF_SKELETONS[data["shape"][3]])
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.no_grad():
            logits = PLAIN[data["model"]](Published(state), clips, skeleton)
        learned = {
            key: value.clone().requires_grad_()
            for key, value in state.items()
            if "running_" not in key and not key.endswith("num_batches_tracked")
        }
        training = Published({**{key: value.clone() for key, value in state.items()}, **learned}, training=True)
        heads = PLAIN[data["model"]](training, clips, skeleton).unbind(dim=1)
    finally:
        torch.set_default_dtype(default)
    loss = torch.stack([F.cross_entropy(head, torch.tensor(data["labels"])) for head in heads]).mean()
    loss.backward()
    return {
        "eval_logits": logits.transpose(0, 1).tolist(),
        "train_loss": loss.item(),
        "grad_norms": {key: 0.0 if v.grad is None else v.grad.norm().item() for key, v in learned.items()},
        "running_norms": {k: v.norm().item() for k, v in training.state.items() if "running_" in k},
    }


def assert_norms(ours: dict[str, float], recorded: dict[str, float]) -> None:
    """Compare norms to 1e-9 relative; a recorded norm below 1e-10 is a zero but for round-off."""
    assert set(recorded) <= set(ours)
    wrong = {
        key: (ours[key], norm)
        for key, norm in recorded.items()
        if not (ours[key] < 1e-10 if norm < 1e-10 else abs(ours[key] - norm) <= 1e-9 * norm)
    }
    assert not wrong


def _write(name: str) -> None:
    """Record the narrow case of an architecture. Our model gives keys and shapes alone."""
    data: dict[str, Any] = {"model": name, "classes": 4, "labels": [2, 0], **NARROW_CASES[name]}
    shapes = {
        key: list(value.shape)
        for key, value in to_published(build(data)).items()
        if key != "A" and not key.endswith("num_batches_tracked")  # a constant that every port makes, and counters
    }
    results = plain_results(data, {key: filled(key, tuple(shape)) for key, shape in shapes.items()}, narrow_clips(data))
    norms = results.pop("grad_norms") | results.pop("running_norms")
    tree: dict[str, Any] = {}
    for key, shape in shapes.items():
        *path, last = key.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = [*shape, 0 if norms[key] < 1e-12 else float(f"{norms[key]:.12g}")]
    NARROW.mkdir(parents=True, exist_ok=True)
    text = json.dumps({**data, **results, "entries": tree}, separators=(",", ":"))
    (NARROW / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    for each in NARROW_CASES:
        _write(each)
