"""The multiplications that a model states are those of its plain formulas, counted by PyTorch."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from dualhead import create_model, list_models
from dualhead.conversion.published import published_keys
from dualhead.models.registry import model_entries
from dualhead.skeleton import NTU25
from tests.models.plain import PLAIN, Published


@pytest.mark.parametrize("name", list_models())
def test_gmacs(name: str) -> None:
    entry = model_entries()[name]
    with torch.device("meta"):  # where tensors have shapes and no numbers
        model = create_model(name, num_classes=60, skeleton=NTU25)
    own = model.state_dict()
    state = {theirs: own[ours] for ours, theirs in published_keys(model).items()}
    architecture = {"dualhead_small": "dualhead"}.get(name, name)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        PLAIN[architecture](Published(state), torch.empty(1, 3, entry.frames, 25, 2, device="meta"), NTU25)
    gmacs = counter.get_total_flops() / 2 / 1e9  # a multiplication and an addition are two operations
    assert entry.gmacs == pytest.approx(gmacs, abs=0.005)
