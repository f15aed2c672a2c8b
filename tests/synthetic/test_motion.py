from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dualhead.synthetic.body import CHANNEL, CHANNELS
from dualhead.synthetic.motion import Key, Move, Wiggle, play, sides
from dualhead.synthetic.performer import Performer, make_performer

SECONDS = np.arange(61) / 30


@pytest.fixture
def plain() -> Performer:
    """Someone without habits or sway."""
    calm = {"tempo": 1.0, "amplitude": 1.0, "right_handed": True, "restless": 0.0}
    return replace(make_performer(1, 0), **calm, habits=np.zeros(len(CHANNELS)))


def test_prefixes_follow_the_stronger_hand() -> None:
    assert sides("main_elbow", right_handed=True) == ("right_elbow",)
    assert sides("main_elbow", right_handed=False) == ("left_elbow",)
    assert sides("other_hand_tip", right_handed=True) == ("left_hand_tip",)
    assert sides("both_knee", right_handed=False) == ("left_knee", "right_knee")
    assert sides("bend", right_handed=False) == ("bend",)
    assert sides("spine_shoulder", right_handed=True) == ("spine_shoulder",)


def test_keys_are_reached_and_joined_by_half_cosines(plain: Performer) -> None:
    move = Move((Key(0, {"advance": 1.0}), Key(1, {"advance": 3.0, "yaw": 10.0})))
    angles = play(move, SECONDS, 2.0, plain, np.random.default_rng(0))
    advance = angles[:, CHANNEL["advance"]]
    assert advance[[0, 30, 60]] == pytest.approx([1, 2, 3])
    assert advance[15] == pytest.approx(2 - np.cos(np.pi / 4))  # a quarter of the way
    assert angles[:, CHANNEL["yaw"]] == pytest.approx(np.full(61, 10.0))  # one key holds throughout


def test_a_reversed_move_runs_backwards(plain: Performer) -> None:
    move = Move((Key(0, {"advance": 0.0}), Key(1, {"advance": 1.0})), (Wiggle("yaw", 5, 2, span=(0.0, 0.4)),))
    back = move.reversed()
    there = play(move, SECONDS, 2.0, plain, np.random.default_rng(0))[:, CHANNEL["advance"]]
    again = play(back, SECONDS, 2.0, plain, np.random.default_rng(0))[:, CHANNEL["advance"]]
    assert again == pytest.approx(there[::-1])
    assert back.wiggles[0].span == (0.6, 1.0)
    assert back.reversed() == move


def test_a_wiggle_swings_with_its_frequency_inside_its_span(plain: Performer) -> None:
    seconds = np.arange(300) / 30
    move = Move((Key(0, {"yaw": 0.0}),), (Wiggle("yaw", 8, 3, span=(0.0, 0.5)),))
    yaw = play(move, seconds, 10.0, plain, np.random.default_rng(0))[:, CHANNEL["yaw"]]
    assert np.all(yaw[151:] == 0)
    assert 7 < np.abs(yaw).max() <= 8
    peak = np.fft.rfftfreq(150, 1 / 30)[np.abs(np.fft.rfft(yaw[:150])).argmax()]
    assert 2.6 <= peak <= 3.4  # 3 Hz, up to 10 % off from take to take


def test_style_scales_amplitude_and_hand(plain: Performer) -> None:
    move = Move((Key(0, {"main_elbow": 100.0}),))
    small = play(move, SECONDS, 2.0, replace(plain, amplitude=0.5), np.random.default_rng(0))
    left = play(move, SECONDS, 2.0, replace(plain, right_handed=False), np.random.default_rng(0))
    column = CHANNEL["right_elbow"]
    full = play(move, SECONDS, 2.0, plain, np.random.default_rng(0))
    assert full[:, column] - small[:, column] == pytest.approx(np.full(61, 50.0))
    assert full[:, column] - left[:, column] == pytest.approx(np.full(61, 100.0))


def test_restless_performers_sway(plain: Performer) -> None:
    still = play(Move((Key(0, {"bend": 0.0}),)), SECONDS, 2.0, plain, np.random.default_rng(0))
    moving = play(Move((Key(0, {"bend": 0.0}),)), SECONDS, 2.0, replace(plain, restless=3.0), np.random.default_rng(0))
    assert np.ptp(still, axis=0).max() == pytest.approx(0, abs=1e-9)
    assert 0.5 < np.ptp(moving[:, CHANNEL["bend"]]) < 12
