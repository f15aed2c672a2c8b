from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from numpy.random import default_rng
from torch import Tensor

from dualhead.data.loading.dataset import Sample, collate
from dualhead.data.store.store import Store
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import KINECT20
from dualhead.training import mixing
from dualhead.training.mixing import (
    MixingCollate,
    check_mixing,
    concatenate,
    create_collate,
    mixup,
    part_swap,
    register_mixing,
)
from tests.training.conftest import MakeExperiment


class Scripted:
    """A generator whose draws are known beforehand."""

    def __init__(self, beta: float = 0.0, draws: Sequence[float] = ()):
        self._beta, self._draws = beta, list(draws)

    def beta(self, *_: float) -> float:
        return self._beta

    def random(self) -> float:
        return self._draws.pop(0)


def pair(frames: int = 4) -> tuple[Tensor, Tensor]:
    """A clip that counts its frames from 0, and one that counts them from 100."""
    clip = torch.arange(float(frames))[None, None, :, None, None].expand(1, 3, -1, 20, 1)
    return clip, clip + 100


def samples(store: Store, draw: int = 0, rows: Sequence[int] = range(8)) -> list[Sample]:
    return [
        {
            "clips": np.full((1, 3, 8, 20, 1), row, dtype=np.float32),
            "label": int(store.labels[row]),
            "index": row,
            "draw": draw,
        }
        for row in rows
    ]


def test_mixup_adds_by_share() -> None:
    clip, other = pair()
    mixed, share = mixup(clip, other, [Scripted(beta=0.75)], KINECT20)  # type: ignore[list-item]
    torch.testing.assert_close(mixed, clip + 25)
    assert share.tolist() == [0.75]


def test_concatenation_shows_both_clips_faster_in_either_order() -> None:
    clip, other = pair(8)
    rngs: Any = [Scripted(beta=0.25, draws=[0.2]), Scripted(beta=0.25, draws=[0.7])]
    mixed, share = concatenate(clip.expand(2, -1, -1, -1, -1), other.expand(2, -1, -1, -1, -1), rngs, KINECT20)
    # 2 frames of the clip: floor(0.5 * 4), floor(1.5 * 4); 6 of the other: floor((t + 0.5) * 8 / 6)
    own, rest = [2, 6], [100, 102, 103, 104, 106, 107]
    assert mixed[:, 0, :, 0, 0].tolist() == [own + rest, rest + own]
    assert share.tolist() == [0.25, 0.25]


@pytest.mark.parametrize(("beta", "first", "share"), [(0.999, 0, 1), (0.001, 100, 0)])
def test_a_concatenation_may_be_one_clip_alone(beta: float, first: int, share: int) -> None:
    rngs: Any = [Scripted(beta=beta, draws=[0.2])]
    mixed, shares = concatenate(*pair(), rngs, KINECT20)
    assert mixed[0, 0, :, 0, 0].tolist() == [first, first + 1, first + 2, first + 3]
    assert shares.tolist() == [share]


def test_swapped_parts_are_the_others_and_count_by_joints() -> None:
    parts = KINECT20.parts
    place = next(number for number, part in enumerate(parts) if KINECT20.joints.index("left_elbow") in part)
    rngs: Any = [Scripted(draws=[0.9 if number == place else 0.1 for number in range(len(parts))])]
    mixed, share = part_swap(*pair(), rngs, KINECT20)
    swapped = {KINECT20.joints[joint] for joint in range(20) if mixed[0, 0, 0, joint, 0] == 100}
    assert swapped == {"left_shoulder", "left_elbow", "left_wrist", "left_hand"}
    assert share.tolist() == pytest.approx([16 / 20])


@pytest.mark.parametrize(("rule", "arguments"), [(mixup, {"alpha": 0}), (part_swap, {"share": 1})])
def test_numbers_out_of_range_are_refused(rule: Any, arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(arguments))):
        rule(*pair(), [default_rng(0)], KINECT20, **arguments)


def test_a_batch_is_the_same_for_the_same_draw_alone(make_experiment: MakeExperiment, store: Store) -> None:
    experiment = make_experiment(mixing=[{"name": "mixup"}, {"name": "concatenate", "probability": 0.2}])
    first, again = (MixingCollate(experiment, store)(samples(store)) for _ in range(2))
    assert torch.equal(first["clips"], again["clips"])
    assert torch.equal(first["targets"], again["targets"])
    other = MixingCollate(experiment, store)(samples(store, draw=1))
    assert not torch.equal(first["clips"], other["clips"])
    assert torch.allclose(first["targets"].sum(dim=1), torch.ones(8))


def test_soft_labels_say_how_much_of_whom(make_experiment: MakeExperiment, store: Store) -> None:
    """A clip holds its row everywhere, so that a mean of two says how they were added."""
    rows = [0, 20, 40, 60]  # of different classes
    experiment = make_experiment(mixing=[{"name": "mixup", "probability": 1.0}])
    batch = MixingCollate(experiment, store)(samples(store, rows=rows))
    labels = store.labels[rows]
    values = torch.zeros(10)
    values[torch.from_numpy(labels)] = torch.tensor(rows, dtype=torch.float32)
    torch.testing.assert_close(batch["clips"][:, 0, 0, 0, 0], batch["targets"] @ values)
    assert ((batch["targets"] > 0).sum(dim=1) == 2).all()
    assert batch["labels"].tolist() == labels.tolist()


def test_the_probability_is_the_share_that_is_mixed(make_experiment: MakeExperiment, store: Store) -> None:
    collate_mixed = MixingCollate(make_experiment(mixing=[{"name": "mixup", "probability": 0.25}]), store)
    many = [sample for draw in range(3) for sample in samples(store, draw, range(80))]
    whole = collate(many)
    changed = (collate_mixed(many)["clips"] != whole["clips"]).flatten(1).any(dim=1)
    assert 0.17 < changed.float().mean() < 0.33


def test_partners_agree_in_the_field(make_experiment: MakeExperiment, store: Store) -> None:
    experiment = make_experiment(mixing=[{"name": "mixup", "probability": 1.0, "within": "subject"}])
    rows = [
        int(np.flatnonzero(store.fields["subject"] == subject)[place]) for subject, place in ((1, 0), (1, 9), (2, 0))
    ]
    batch = MixingCollate(experiment, store)(samples(store, rows=rows))
    assert (batch["targets"][:2] > 0).sum().item() == 4  # with one another
    assert torch.equal(batch["targets"][2], torch.nn.functional.one_hot(batch["labels"][2], 10).float())  # nobody there
    assert (batch["clips"][2] == rows[2]).all()


def test_mixing_ends_with_its_share_of_the_epochs(make_experiment: MakeExperiment, store: Store) -> None:
    rule = {"name": "mixup", "probability": 1.0, "off_at": 0.5}
    mixed = MixingCollate(make_experiment(epochs=4, repeat=3, mixing=[rule]), store)
    for draw, is_on in ((0, True), (5, True), (6, False), (11, False)):
        batch = mixed(samples(store, draw))
        assert torch.equal(batch["clips"], collate(samples(store, draw))["clips"]) is not is_on


def test_names_are_checked(make_experiment: MakeExperiment, store: Store) -> None:
    for rule, nearest in (
        ({"name": "mix_up"}, "mixup"),
        ({"name": "mixup", "arguments": {"alfa": 1}}, "alpha"),
        ({"name": "mixup", "arguments": {"rngs": 1}}, "alpha"),
        ({"name": "mixup", "within": "kamera"}, "camera"),
    ):
        with pytest.raises(ConfigError, match=nearest):
            check_mixing(make_experiment(mixing=[rule]).mixing, store)
    assert create_collate(make_experiment(), store) is collate


def test_a_rule_of_ones_own(make_experiment: MakeExperiment, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixing._RULES, "_values", dict(mixing._RULES.items()))

    @register_mixing("take")
    def take(clips: Tensor, others: Tensor, rngs: object, skeleton: object, *, share: float = 0.0) -> Any:
        return others.clone(), torch.full((len(clips),), share)

    batch = MixingCollate(make_experiment(mixing=[{"name": "take", "probability": 1.0}]), store)(samples(store))
    assert (batch["clips"][:, 0, 0, 0, 0] != torch.arange(8)).all()
