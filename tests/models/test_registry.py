"""Models by name: what is built, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dualhead import create_model, list_models, register_model
from dualhead.layers.input_norm import InputNorm
from dualhead.models import registry
from dualhead.models.base import SkeletonModel
from dualhead.models.checkpoint import load_checkpoint, save_checkpoint
from dualhead.models.registry import check_variant, model_entries, variant_arguments
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import COCO17, Skeleton


def test_names() -> None:
    assert list_models() == [
        "agcn",
        "ctrgcn",
        "dgstgcn",
        "dualhead",
        "dualhead_small",
        "msg3d",
        "protogcn",
        "stgcn",
        "stgcnpp",
    ]


def test_registry_and_checkpoints_do_not_import_the_base_class() -> None:
    """Base, hub, checkpoint and registry are a line, not a circle."""
    look = "import sys, dualhead.models.checkpoint; sys.exit('dualhead.models.base' in sys.modules)"  # and the registry
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def test_config_is_what_was_asked_for() -> None:
    model = create_model("stgcn", num_classes=5, skeleton="coco17", num_bodies=1, in_channels=2, width=4, depth=1)
    assert model.config.name == "stgcn"
    assert model.config.skeleton is COCO17
    assert dict(model.config.variant) == {"width": 4, "depth": 1}


def test_entries_know_their_defaults() -> None:
    entries = model_entries()
    assert variant_arguments(entries["dualhead"])["width"] == 96
    assert variant_arguments(entries["dualhead_small"])["width"] == 48
    assert entries["ctrgcn"].architecture.__name__ == "CTRGCN"


def test_a_variant_beats_the_entry() -> None:
    model = create_model("dualhead_small", num_classes=2, skeleton="coco17", width=12)
    assert model.get_submodule("fine_classifier").in_features == 24


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "dualhaed"}, "did you mean 'dualhead'"),
        ({"num_classes": 0}, "num_classes is 0: a model needs an integer from 1 to "),
        ({"num_bodies": 0}, "num_bodies is 0"),
        ({"skeleton": "ntu24"}, "did you mean 'ntu25'"),
        ({"num_classes": True}, "num_classes is True"),
        ({"num_bodies": 1.5}, "num_bodies is 1.5"),
        ({"width": "wide"}, "width is 'wide'"),
        ({"width": "0.5"}, "width is '0.5': model dualhead needs an integer from 1 to "),
        ({"width": 50}, "width is 50: model dualhead needs a multiple of 6, such as 48 or 54"),
        ({"width": 5}, "width is 5: model dualhead needs a multiple of 6, such as 6"),
        ({"depth": True}, "depth is True: model dualhead needs an integer from 1 to "),
        ({"depth": 1}, "depth 1 must be at least 2: with the stem alone there are no heads"),
        ({"name": "stgcn", "partition": 3}, "partition is 3: model stgcn needs a word, such as 'published'"),
        ({"num_classes": 10**15}, "num_classes is 1000000000000000: a model needs an integer from 1 to 1000000"),
        ({"num_gcn_scales": 10**6}, "num_gcn_scales is 1000000"),
        ({"name": "msg3d", "num_g3d_scales": 101}, "num_g3d_scales is 101"),
        ({"depth": 10**6}, "depth is 1000000"),
        ({"depth": 2**70}, "depth is 1180591620717411303424"),
        ({"width": 10**9}, "width is 1000000000"),
        ({"width": 60_000}, "parameters, more than 250,000,000"),
        ({"name": "msg3d", "depth": 12}, "parameters, more than 250,000,000"),
        ({"name": "protogcn", "num_prototypes": 10**6}, "parameters, more than 250,000,000"),
        ({"name": "stgcn", "depth": 60, "width": 600}, "parameters, more than 250,000,000"),
        ({"num_g3d_scales": -1}, "num_g3d_scales is -1"),
    ],
)
def test_refusals(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_model(**{"name": "dualhead", "num_classes": 3, "skeleton": "ntu25", **arguments})  # type: ignore[arg-type]


class Tiny(SkeletonModel):
    """A plugin's model, with arguments of every kind."""

    def __init__(
        self,
        num_classes: int,
        skeleton: Skeleton,
        num_bodies: int = 2,
        in_channels: int = 3,
        temperature: float = 2.0,
        bias: bool = True,
        dropout: float = 0.0,
    ):
        super().__init__()
        self.input_norm = InputNorm(in_channels, skeleton.num_joints, num_bodies)
        self.temperature = temperature
        self.classifier = nn.Linear(in_channels, num_classes, bias)

    def features(self, x: Tensor) -> tuple[Tensor]:
        return (x,)

    def classify(self, pooled: Sequence[Tensor]) -> Tensor:
        return self.classifier(pooled[0])[:, None] / self.temperature


def make_tiny(**arguments: object) -> Tiny:
    return Tiny(**arguments)  # type: ignore[arg-type]


@pytest.fixture(params=[Tiny, make_tiny], ids=["class", "function"])
def tiny(request: pytest.FixtureRequest) -> Iterator[None]:
    register_model("tiny", temperature=4.0)(request.param)
    yield
    registry._MODELS._values.pop("tiny")


@pytest.mark.usefixtures("tiny")
def test_a_class_or_function_of_any_module_becomes_a_model(tmp_path: Path) -> None:
    assert "tiny" in list_models()
    model = create_model("tiny", num_classes=5, skeleton="coco17", in_channels=2, bias=False)
    assert isinstance(model, Tiny)
    assert model.temperature == 4.0
    clips = torch.randn(3, 2, 8, 17, 2)
    assert model.eval()(clips).shape == (3, 1, 5)
    save_checkpoint(tmp_path / "a.safetensors", model, {})
    again, _ = load_checkpoint(tmp_path / "a.safetensors")
    assert torch.equal(again(clips), model(clips))
    assert dict(again.config.variant) == {"bias": False}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("good", [{"temperature": 7}, {"temperature": 1.5}, {"bias": False}, {"dropout": 0}])
def test_booleans_and_numbers_above_one_are_taken(good: dict[str, object]) -> None:
    check_variant("tiny", good)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("argument", "value", "kind"),
    [
        ("temperature", True, "a number"),
        ("temperature", float("inf"), "a number"),
        ("temperature", "hot", "a number"),
        ("bias", 1, "true or false"),
        ("dropout", 1.0, "0 to below 1"),
    ],
)
def test_values_of_another_kind_are_refused(argument: str, value: object, kind: str) -> None:
    with pytest.raises(ConfigError, match=f"{argument} is {value!r}: model tiny needs .*{kind}"):
        check_variant("tiny", {argument: value})


@pytest.mark.usefixtures("tiny")
def test_a_taken_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="'agcn'"):
        register_model("agcn")(Tiny)
    with pytest.raises(ConfigError, match="two words"):
        register_model("two words")(Tiny)
