from __future__ import annotations

import numpy as np

from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.takes import record_take


def test_a_take_is_seen_by_three_cameras_at_once() -> None:
    recordings = dict(record_take(2, 5, 1, 11))
    assert list(recordings) == ["S002C001P005R001A011", "S002C002P005R001A011", "S002C003P005R001A011"]
    assert len({recording.num_frames for recording in recordings.values()}) == 1


def test_a_take_depends_on_its_numbers_alone() -> None:
    alone = dict(record_take(1, 3, 1, 4))
    list(record_take(1, 1, 1, 1))
    again = dict(record_take(1, 3, 1, 4))
    for name, recording in alone.items():
        assert np.array_equal(recording.joints, again[name].joints)
        assert recording.body_ids == again[name].body_ids
    other = dict(record_take(1, 3, 1, 4, seed=1))
    assert not np.array_equal(other["S001C001P003R001A004"].joints[0], alone["S001C001P003R001A004"].joints[0])


def test_two_people_act_together() -> None:
    for number, action in enumerate(ACTIONS, start=1):
        (_, recording), *_ = record_take(1, 1, 1, number)
        people = 2 if action.partner else 1
        assert np.bincount(recording.frames).max() in (people, people + 1), action.name  # with a ghost now and then
