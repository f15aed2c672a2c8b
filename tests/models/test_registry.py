"""Models by name: what is built, and what is refused."""

from __future__ import annotations

import pytest

from dualhead import create_model, list_models
from dualhead.models.registry import model_entries, variant_arguments
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import COCO17


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
        ({"num_classes": 0}, "num_classes is 0: a model needs a whole number of at least 1"),
        ({"num_bodies": 0}, "num_bodies is 0"),
        ({"skeleton": "ntu24"}, "did you mean 'ntu25'"),
        ({"num_classes": True}, "num_classes is True"),
        ({"num_bodies": 1.5}, "num_bodies is 1.5"),
        ({"width": "wide"}, "width is 'wide'"),
        ({"width": "0.5"}, "width is '0.5': model dualhead needs a whole number of at least 1"),
        ({"width": 50}, "width is 50: model dualhead needs a multiple of 6, such as 48 or 54"),
        ({"width": 5}, "width is 5: model dualhead needs a multiple of 6, such as 6"),
        ({"depth": True}, "depth is True: model dualhead needs a whole number of at least 1"),
        ({"depth": 1}, "depth 1 must be at least 2: with the stem alone there are no heads"),
        ({"name": "stgcn", "partition": 3}, "partition is 3: model stgcn needs a word, such as 'published'"),
        ({"num_classes": 10**15}, "model dualhead cannot be built with .*'num_classes': 1000000000000000"),
        ({"num_g3d_scales": -1}, "num_g3d_scales is -1"),
    ],
)
def test_refusals(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create_model(**{"name": "dualhead", "num_classes": 3, "skeleton": "ntu25", **arguments})  # type: ignore[arg-type]
