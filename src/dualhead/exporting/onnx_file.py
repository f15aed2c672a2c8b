"""ONNX: writing a graph, and running it with ONNX Runtime."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch

from dualhead.exporting.checking import Clips, Runtime
from dualhead.exporting.tracing import Traced
from dualhead.runtime.errors import ConfigError, ExportError

NEEDED = ("onnx", "onnxscript", "onnxruntime")
"""Packages that writing and checking ONNX needs: the extra `export`."""


def check_installed() -> None:
    """Raise if a required package is not installed.

    Raises:
        ConfigError: If one of `NEEDED` is not installed.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"format 'onnx' needs {', '.join(missing)}: pip install 'dualhead[export]', or use --format torch"
        )


def write_onnx(traced: Traced, path: Path, facts: Mapping[str, str]) -> None:
    """Write a graph with input `clips` and output `logits`, in the operator set that PyTorch recommends.

    Args:
        traced: The model.
        path: The file to write.
        facts: Its metadata.

    Raises:
        ExportError: If the graph cannot be expressed in ONNX.
    """
    with _quiet():
        try:
            program = torch.onnx.export(
                traced.program,
                dynamo=True,
                verbose=False,
                input_names=["clips"],
                output_names=["logits"],
                dynamic_shapes=traced.shapes,
            )
        except (RuntimeError, ValueError, TypeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ExportError(f"the model cannot be expressed in ONNX ({reason}): use --format torch") from error
    assert program is not None  # what it gives with dynamo=True
    program.model.metadata_props.update(facts)
    program.save(path)


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the packages' messages about operators that are not installed or not simplified."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def load_onnx(path: Path) -> Runtime:
    """Load an exported model into ONNX Runtime on the CPU.

    Args:
        path: The file.

    Returns:
        The model.
    """
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def run(clips: Clips) -> Clips:
        return np.asarray(session.run(["logits"], {"clips": clips})[0], dtype=np.float32)

    return run
