"""A published checkpoint's shapes say how its model was built."""

from __future__ import annotations

import pytest
import torch

from dualhead.conversion.published import load_published, to_published
from dualhead.conversion.shapes import infer_arguments
from dualhead.models.registry import create_model, model_entries, variant_arguments
from dualhead.runtime.errors import CheckpointError, DualheadError
from dualhead.skeleton import NTU25, OPENPOSE18
from tests.models.test_battery import EVERY, NARROW, build

_WINDOWED = "gcn3d1.gcn3d.0.gcn3d.1.A_res"


@EVERY
def test_arguments_are_found(name: str) -> None:
    model = build(name, OPENPOSE18, num_bodies=3, in_channels=2)
    found = infer_arguments(name, to_published(model), OPENPOSE18)
    shared = model.input_norm.shared  # any number of bodies has the same weights
    bodies = {} if shared else {"num_bodies": 3}
    published = {"depth": variant_arguments(model_entries()[name])["depth"]}
    want = {"num_classes": 7, "in_channels": 2, **bodies, **published, **NARROW[name]}
    assert {**published, **found} == want


@EVERY
def test_another_skeleton_is_refused(name: str) -> None:
    state = to_published(build(name, OPENPOSE18))
    with pytest.raises(CheckpointError, match=r"25 joints|has 25"):
        infer_arguments(name, state, NTU25)


def test_another_model_is_refused() -> None:
    absent = r"no 'l1\.gcn1\.conv_d\.0\.weight', so it is not a published checkpoint of agcn"
    with pytest.raises(CheckpointError, match=f"{absent}: pass its model"):
        infer_arguments("agcn", {"fc.weight": torch.zeros(2, 3)}, NTU25)
    with pytest.raises(CheckpointError, match=f"{absent}: its keys are those of ctrgcn"):
        infer_arguments("agcn", to_published(build("ctrgcn")), NTU25)
    with pytest.raises(CheckpointError, match=f"{absent}: it is a checkpoint of this package already"):
        infer_arguments("agcn", build("agcn", NTU25).state_dict(), NTU25)
    cut = {key: value for key, value in to_published(build("agcn", NTU25)).items() if key != "data_bn.weight"}
    with pytest.raises(CheckpointError, match=r"no 'data_bn\.weight', .* agcn"):
        infer_arguments("agcn", cut, NTU25)


@EVERY
@pytest.mark.parametrize("shape", [(), (0,), (1,), (0, 0), (3, 18), (0, 0, 0, 0), (1, 1, 1, 1)], ids=str)
def test_shapes_that_cannot_be_are_one_sentence(name: str, shape: tuple[int, ...]) -> None:
    """Whatever shape a tensor has that arguments are read off, the checkpoint is refused, not the program."""
    state = to_published(build(name, OPENPOSE18))
    model = build(name, OPENPOSE18)
    layouts = [entry.layout for entry in model_entries().values() if entry.layout is not None]
    names = {name for layout in layouts for name in (layout.input_norm, layout.classifier, layout.telling)}
    for key in sorted({*names, "sgcn1.0.A_res", "backbone.prn.query_matrix", _WINDOWED}):
        changed = key if key in state else f"{key}.weight"
        if changed in state:
            odd = {**state, changed: torch.zeros(shape)}
            with pytest.raises(DualheadError):
                create_model(name, skeleton=OPENPOSE18, **infer_arguments(name, odd, OPENPOSE18))
                load_published(model, odd)


@pytest.mark.parametrize(("key", "argument"), [("sgcn1.0.A_res", "num_gcn_scales"), (_WINDOWED, "num_g3d_scales")])
@pytest.mark.parametrize("name", ["dualhead", "msg3d"])
def test_scales_that_the_skeleton_cannot_have_are_refused(name: str, key: str, argument: str) -> None:
    state = to_published(build(name, OPENPOSE18))
    columns = state[key].shape[1]
    crafted = {**state, key: torch.zeros(1).expand(10**6 * columns, columns)}
    with pytest.raises(CheckpointError, match=rf"say that {argument} is 1000000, .* at most 18: it is damaged"):
        infer_arguments(name, crafted, OPENPOSE18)


@pytest.mark.parametrize("name", ["agcn", "stgcn", "ctrgcn", "dualhead", "msg3d", "stgcnpp", "dgstgcn", "protogcn"])
def test_a_depth_that_no_model_has_is_refused(name: str) -> None:
    state = to_published(build(name, OPENPOSE18))
    unit = {
        "stgcn": "edge_importance.{}",
        "dualhead": "sgcn{}_fine.0.A_res",
        "msg3d": "sgcn{}.0.A_res",
        "stgcnpp": "backbone.gcn.{}.gcn.A",
        "dgstgcn": "backbone.gcn.{}.gcn.A",
        "protogcn": "backbone.gcn.{}.gcn.A",
    }
    many = {unit.get(name, "l{}.gcn1.PA").format(number): torch.zeros(3, 18, 18) for number in range(400)}
    with pytest.raises(CheckpointError, match=r"say that depth is \d+, .* at most 100"):
        infer_arguments(name, {**many, **state}, OPENPOSE18)
