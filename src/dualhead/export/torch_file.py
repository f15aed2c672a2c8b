"""PyTorch's own exported programs (.pt2): writing a graph, and running it without this package."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch

from dualhead.export.checking import Clips, Runtime
from dualhead.export.tracing import Traced

FACTS = "dualhead.json"
"""Name of the metadata inside the file, as `torch.export.load` takes it in `extra_files`."""


def write_torch(traced: Traced, path: Path, facts: Mapping[str, str]) -> None:
    """Write a graph.

    Args:
        traced: The model.
        path: The file to write, .pt2.
        facts: Its metadata.
    """
    torch.export.save(traced.program, path, extra_files={FACTS: json.dumps(dict(facts), sort_keys=True)})


def load_torch(path: Path) -> Runtime:
    """Load an exported model on the CPU.

    Args:
        path: The file; one that this process has just written, or that is trusted.

    Returns:
        The model.
    """
    module = torch.export.load(path).module()

    def run(clips: Clips) -> Clips:
        with torch.inference_mode():
            logits: Clips = module(torch.from_numpy(clips)).numpy()
        return logits

    return run
