from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from dualhead.runtime.errors import FormatError
from tests.formats.files.test_unpickle import load


def test_what_is_shared_is_looked_at_once_and_stays_in_bounds() -> None:
    value: list[Any] = ["x"]
    for _ in range(16):
        value = [value, value]
    assert len(load(pickle.dumps(value))) == 2
    for _ in range(200):  # not 2^200 steps; nor may anybody print it
        value = [value, value]
    with pytest.raises(FormatError, match="expansion is too large"):
        load(pickle.dumps({"label": value}))
    with pytest.raises(FormatError, match="expansion is too large"):
        load(pickle.dumps(_objects([value])))


def _objects(items: list[Any]) -> Any:
    array = np.empty(len(items), object)
    for index, item in enumerate(items):
        array[index] = item
    return array


def test_arrays_of_objects_come_back_with_lists_and_arrays_inside() -> None:
    back = load(pickle.dumps(_objects([[1, 2], [np.arange(2), "x"], None])))
    assert (back[0], back[2], back.shape) == ([1, 2], None, (3,))
    np.testing.assert_array_equal(back[1][0], [0, 1])
