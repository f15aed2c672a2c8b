import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dualhead.data.store.store import Store
from dualhead.layers.bodies import DistinctBodies
from dualhead.training.forward import half_precision, make_scores, score_loader
from tests.training.plain import Plain


class Sum(nn.Module):
    """Two classes of one head: 0 and the clip's sum; in training mode it gives NaN."""

    def forward(self, clips: Tensor, _: DistinctBodies) -> Tensor:
        total = clips.flatten(1).sum(1)
        logits = torch.stack([torch.zeros_like(total), total], dim=1)[:, None]
        return logits * math.nan if self.training else logits


def test_test_clips_are_averaged_beside_the_first() -> None:
    # Clips of odds 1 : 3 and 1 : 1 for class 1: probabilities 3/4 and 1/2, average 5/8; the mean of the logits is half.
    clips = torch.tensor([math.log(3), 0.0]).reshape(2, 1, 1, 1, 1)
    batches = [{"clips": clips, "indices": torch.tensor([4])}]
    rows, logits = score_loader(Sum(), batches, device=torch.device("cpu"), test_clips=2, first_clip=True)
    assert rows.tolist() == [4] and logits.shape == (1, 2, 2)
    assert np.exp(logits[0, 0, 1]) / np.exp(logits[0, 0]).sum() == pytest.approx(5 / 8)
    assert logits[0, 1].tolist() == [0, pytest.approx(math.log(3))]
    _, mean = score_loader(Sum(), batches, device=torch.device("cpu"), test_clips=2, average="logits")
    assert mean[0, 0].tolist() == [0, pytest.approx(math.log(3) / 2)]


def test_the_loop_sorts_by_row_and_leaves_the_mode_as_it_was() -> None:
    model = Sum().train()
    batches = [
        {"clips": torch.tensor([7.0, 5.0]).reshape(2, 1, 1, 1, 1), "indices": torch.tensor([7, 5])},
        {"clips": torch.tensor([6.0]).reshape(1, 1, 1, 1, 1), "indices": torch.tensor([6])},
    ]
    counts: list[int] = []
    rows, logits = score_loader(model, batches, device=torch.device("cpu"), on_batch=counts.append)
    assert rows.tolist() == [5, 6, 7]
    assert logits[:, 0, 1].tolist() == [5.0, 6.0, 7.0]
    assert (counts, model.training) == ([2, 1], True)


def test_bf16_computes_in_bf16_and_fp16_only_on_a_gpu() -> None:
    cpu = torch.device("cpu")
    left, right = torch.ones(2, 2), torch.ones(2, 2)
    for precision, kind in (("32", torch.float32), ("bf16", torch.bfloat16), ("fp16", torch.float32)):
        with half_precision(precision, cpu):
            assert (left @ right).dtype == kind


def test_scores_get_the_names_and_labels_of_their_rows(store: Store) -> None:
    model = Plain(10, store.skeleton, 1, 3)
    scores = make_scores(store, np.array([3, 10]), np.zeros((2, 2, 10), np.float32), model, {"stream": "bone"})
    assert scores.names.tolist() == [store[3].name, store[10].name]
    assert scores.labels.tolist() == [store[3].label, store[10].label]
    assert (scores.heads, scores.provenance["stream"]) == (("first", "second"), "bone")
