"""A published checkpoint's shapes say how its model was built."""

from __future__ import annotations

import pytest
import torch

from dualhead.errors import CheckpointError
from dualhead.models.published import to_published
from dualhead.models.published_shapes import infer_arguments
from dualhead.models.registry import model_entries, variant_arguments
from dualhead.skeleton import NTU25, OPENPOSE18
from tests.models.test_battery import EVERY, NARROW, build


@EVERY
def test_arguments_are_found(name: str) -> None:
    model = build(name, OPENPOSE18, num_bodies=3, in_channels=2)
    found = infer_arguments(name, to_published(model), OPENPOSE18)
    bodies = {} if name == "stgcn" else {"num_bodies": 3}
    published = {"depth": variant_arguments(model_entries()[name])["depth"]}
    want = {"num_classes": 7, "in_channels": 2, **bodies, **published, **NARROW[name]}
    assert {**published, **found} == want


@EVERY
def test_another_skeleton_is_refused(name: str) -> None:
    state = to_published(build(name, OPENPOSE18))
    with pytest.raises(CheckpointError, match=r"25 joints|has 25"):
        infer_arguments(name, state, NTU25)


def test_another_model_is_refused() -> None:
    with pytest.raises(
        CheckpointError, match=r"no 'l1\.gcn1\.conv_d\.0\.weight', so it is no published checkpoint of agcn"
    ):
        infer_arguments("agcn", {"fc.weight": torch.zeros(2, 3)}, NTU25)
