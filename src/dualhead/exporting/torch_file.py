"""PyTorch's own exported programs (.pt2): writing a graph, and running it without this package."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from dualhead.exporting.checking import Clips, Runtime
from dualhead.exporting.tracing import Traced

FACTS = "dualhead.json"
"""Name of the metadata inside the file, as `torch.export.load` takes it in `extra_files`."""


def write_torch(traced: Traced, path: Path, facts: Mapping[str, str]) -> None:
    """Write a graph.

    Args:
        traced: The model.
        path: The file to write, .pt2.
        facts: Its metadata.

    Raises:
        OSError: If it cannot be written.
    """
    content = io.BytesIO()  # not the file: PyTorch ends the process where a disk is full
    torch.export.save(traced.program, content, extra_files={FACTS: json.dumps(dict(facts), sort_keys=True)})
    path.write_bytes(content.getbuffer())


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
