from __future__ import annotations

import json

import numpy as np
import pytest

from dualhead.inference.prediction import Prediction
from dualhead.runtime.errors import ConfigError


def prediction(label: int | None = None) -> Prediction:
    return Prediction(
        name="S1",
        classes=("wave", "nod", "bow"),
        probabilities=np.array([0.2, 0.6, 0.2]),
        heads={"fine": np.array([0.5, 0.4, 0.1])},
        label=label,
    )


def test_top_is_sorted_and_equal_ones_keep_their_order() -> None:
    assert [(item.label, item.name, item.probability) for item in prediction().top(5)] == [
        (1, "nod", 0.6),
        (0, "wave", 0.2),
        (2, "bow", 0.2),
    ]


def test_top_of_a_head() -> None:
    assert [item.name for item in prediction().top(1, "fine")] == ["wave"]


def test_as_json() -> None:
    values = prediction(label=2).to_dict(1)
    assert json.loads(json.dumps(values)) == {
        "name": "S1",
        "label": 2,
        "class": "bow",
        "top": [{"label": 1, "class": "nod", "probability": 0.6}],
        "heads": {"fine": [{"label": 0, "class": "wave", "probability": 0.5}]},
    }
    assert "label" not in prediction().to_dict(1)


def test_what_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="top_k is 0"):
        prediction().top(0)
    with pytest.raises(ConfigError, match=r"'fines'.*'fine'"):
        prediction().top(1, "fines")
