from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.sample_names import classes_of, fields_of_names, whole_label
from dualhead.runtime.errors import FormatError


def test_labels() -> None:
    assert [whole_label(label, "x") for label in (3, np.int64(4), np.array([5]))] == [3, 4, 5]
    for label in (-1, "1", 1.5, None, True, np.zeros(2), 10**9):
        with pytest.raises(FormatError, match="instead of an integer"):
            whole_label(label, "x")


def test_names_of_ntu_tell_fields_and_classes() -> None:
    names = ["S001C002P003R001A001", "S001C003P008R002A050"]
    fields = fields_of_names(names)
    assert fields is not None
    assert fields[1] == {"setup": 1, "camera": 3, "subject": 8, "repeat": 2}
    assert fields_of_names([*names, "other"]) is None
    assert len(classes_of(names, [0, 49])) == 60
    assert classes_of(names, [0, 49])[0] == "drink water"
    assert classes_of(names, [0, 2]) == ("class 0", "class 1", "class 2")  # labels that are not the names'
    assert classes_of(["a"], [1], ["x", "y", "z"]) == ("x", "y", "z")
