"""Only the bodies that differ are computed, and nothing shows of it in any result."""

from __future__ import annotations

import pytest
import torch

from dualhead import create_model, list_models
from dualhead.layers.bodies import DistinctBodies
from tests.models.test_battery import all_of


def test_rows_by_hand() -> None:
    clips = torch.ones(3, 1, 2, 2, 2)
    clips[0, ..., 1] = 0  # clips 0 and 2 lack their second body
    clips[2, ..., 1] = 0
    bodies = DistinctBodies.of(clips)
    assert bodies.rows.tolist() == [0, 1, 2, 3, 4]  # row 5 is like row 1
    assert bodies.source.tolist() == [0, 1, 2, 3, 4, 1]
    assert bodies.repeats == ((1, 2),)
    x = torch.arange(6.0).reshape(6, 1, 1, 1)
    assert bodies.select(x).flatten().tolist() == [0, 1, 2, 3, 4]
    assert bodies.mean(bodies.select(x).flatten(1)).flatten().tolist() == [0.5, 2.5, 2.5]


def test_an_absent_first_body_is_not_an_absent_second_body() -> None:
    bodies = DistinctBodies.of(torch.zeros(2, 3, 8, 25, 2))
    assert bodies.rows.tolist() == [0, 1]
    assert bodies.source.tolist() == [0, 1, 0, 1]
    assert bodies.repeats == ((0, 2), (1, 2))


@pytest.mark.parametrize("name", list_models())
def test_every_result_equals_that_of_all_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # An absent body is the same in many frames, so that max pooling has ties, which rounding may break differently in
    # two rows that are equal; both gradients are right then. With this seed they are broken alike.
    torch.manual_seed(2)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        models = [create_model(name, num_classes=5, skeleton="coco17", width=24, dropout=0.0) for _ in range(2)]
    finally:
        torch.set_default_dtype(default)
    models[1].load_state_dict(models[0].state_dict())
    clips = torch.randn(4, 3, 13, 17, 2, dtype=torch.float64)
    clips[1:, ..., 1] = 0
    clips[3] = 0
    everything = DistinctBodies.every(clips)
    results = []
    for model, every_row in zip(models, (False, True), strict=True):
        if every_row:
            monkeypatch.setattr(DistinctBodies, "of", classmethod(lambda cls, clips: everything))
        torch.manual_seed(0)  # of the dropout in parts that take part in training alone
        logits = all_of(model.train()(clips))
        (logits.square().sum() + logits[0, 1]).backward()
        results.append((logits, {key: weight.grad for key, weight in model.named_parameters()}, model.state_dict()))
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-9, atol=1e-11)
