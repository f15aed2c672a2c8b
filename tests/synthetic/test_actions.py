from __future__ import annotations

import pytest

from dualhead.skeleton import NTU25
from dualhead.synthetic.actions import ACTIONS, Action
from dualhead.synthetic.body import CHANNEL
from dualhead.synthetic.motion import sides


def by_name(name: str) -> Action:
    return next(action for action in ACTIONS if action.name == name)


def test_there_are_enough_actions_with_names_of_their_own() -> None:
    assert len(ACTIONS) >= 12
    assert len({action.name for action in ACTIONS}) == len(ACTIONS)
    assert sum(action.partner is not None for action in ACTIONS) >= 2


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_an_action_is_well_formed(action: Action) -> None:
    assert (action.partner is None) == (action.contact is None)
    assert 1 < action.seconds < 4
    assert 0 <= action.held < 0.5
    for move in filter(None, (action.move, action.partner)):
        times = [key.time for key in move.keys]
        assert times == sorted(times)
        assert times[0] == 0
        assert times[-1] == 1
        channels = {channel for key in move.keys for channel in key.pose} | {wiggle.channel for wiggle in move.wiggles}
        for channel in channels:
            for right_handed in (True, False):
                assert all(name in CHANNEL for name in sides(channel, right_handed)), channel
    if action.contact is not None:
        for joint in (action.contact.joint, action.contact.partner):
            assert sides(joint, right_handed=True)[0] in NTU25.joints


def test_some_actions_differ_only_in_the_order_of_time() -> None:
    for there, back in (("sit down", "stand up"), ("put on a hat", "take off a hat")):
        assert by_name(there).move.reversed() == by_name(back).move


def test_some_actions_differ_only_in_a_small_movement() -> None:
    for still, moving in (("hold up a hand", "wave a hand"), ("hold a tray", "type on a keyboard")):
        assert by_name(still).move.keys == by_name(moving).move.keys
        assert not by_name(still).move.wiggles
        assert by_name(moving).move.wiggles
