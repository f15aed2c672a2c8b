from __future__ import annotations

from dataclasses import astuple

import numpy as np

from dualhead.synthetic.performer import make_performer


def test_a_number_and_a_seed_are_always_the_same_performer() -> None:
    one, again = make_performer(7, 0), make_performer(7, 0)
    assert one.build == again.build
    assert one.tempo == again.tempo
    assert np.array_equal(one.habits, again.habits)
    assert make_performer(8, 0).build != one.build
    assert make_performer(7, 1).build != one.build


def test_performers_differ_like_people() -> None:
    crowd = [make_performer(number, 0) for number in range(1, 301)]
    legs = np.array([person.build.thigh + person.build.shank + person.build.ankle for person in crowd])
    assert 0.8 < legs.mean() < 0.95
    assert 0.03 < legs.std() < 0.1
    left = sum(not person.right_handed for person in crowd)
    assert 30 <= left <= 70  # one in six of 300 is 50
    assert all(0.8 <= person.tempo <= 1.25 and 0.85 <= person.amplitude <= 1.12 for person in crowd)
    assert all(0.01 < length < 0.7 for person in crowd for length in astuple(person.build))
