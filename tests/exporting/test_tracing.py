from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor

from dualhead.exporting.tracing import trace
from dualhead.models.base import SkeletonModel
from dualhead.models.registry import ARCHITECTURES
from dualhead.runtime.errors import ExportError

from .making import SMALL, make_model


def test_there_is_a_small_variant_of_every_architecture() -> None:
    assert set(SMALL) == set(ARCHITECTURES)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == "stgcn" else pytest.mark.slow) for name in SMALL]
)
def test_one_graph_holds_for_any_batch_and_length(name: str) -> None:
    model = make_model(name)
    traced = trace(model, 16)
    assert (traced.frames, traced.least_frames) == (16, 9)
    module = traced.program.module()
    for count, frames in ((1, 16), (3, 33), (2, 10), (5, 9)):
        clips = torch.randn(count, 3, frames, 25, 2)
        clips[0, ..., 1] = 0
        clips[-1] = 0
        with torch.no_grad():
            torch.testing.assert_close(module(clips), model(clips), atol=1e-5, rtol=1e-5)


def test_a_clip_too_short_for_an_open_length_has_a_fixed_one() -> None:
    model = make_model("stgcn")
    traced = trace(model, 8)
    assert (traced.frames, traced.least_frames) == (8, None)
    clips = torch.randn(3, 3, 8, 25, 2)
    with torch.no_grad():
        torch.testing.assert_close(traced.program.module()(clips), model(clips), atol=1e-5, rtol=1e-5)
    # Tracing leaves nothing behind.
    assert not [name for name, module in sys.modules.items() if name.startswith("dualhead.") and "len" in vars(module)]


class Looking(SkeletonModel):
    """Decides by what the clips hold, which no graph can."""

    def forward(self, clips: Tensor) -> Tensor:
        total = clips.sum().item()
        return clips.new_zeros(len(clips), 1, 2) if total > 1 else clips.new_ones(len(clips), 1, 2)


def test_what_cannot_be_traced_is_said() -> None:
    model = Looking()
    model.config = make_model("stgcn").config
    model.weight = torch.nn.Parameter(torch.zeros(1))
    with pytest.raises(ExportError, match="'stgcn'"):
        trace(model, 16)
