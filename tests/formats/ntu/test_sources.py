from __future__ import annotations

import numpy as np
import pytest

from dualhead.formats.ntu.sources import XSET_120, XSUB_60, XSUB_120, XVIEW_60, ntu60, ntu120
from dualhead.runtime.errors import FormatError
from tests.formats.making import make_skeleton


def test_names_give_label_and_fields() -> None:
    sample = ntu60().sample("S017C003P040R002A060")
    assert sample is not None
    assert sample.label == 59
    assert sample.fields == {"setup": 17, "camera": 3, "subject": 40, "repeat": 2}


@pytest.mark.parametrize("name", ["S018C001P041R001A061", "S018C001P041R001A001", "S001C001P001R001A061"])
def test_ntu60_skips_what_only_ntu120_has(name: str) -> None:
    assert ntu60().sample(name) is None
    sample = ntu120().sample(name)
    assert sample is not None
    assert sample.name == name


@pytest.mark.parametrize(
    "name", ["S001C001P001R001", "S001C001P001R001A001 (1)", "S033C001P001R001A001", "S001C001P001R001A121", "S000A000"]
)
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(FormatError):
        ntu120().sample(name)


def test_classes_come_with_the_package() -> None:
    assert len(ntu60().classes) == 60
    assert len(set(ntu120().classes)) == 120
    assert ntu60().classes[0] == "drink water"
    assert ntu60().classes[7:9] == ("sitting down", "standing up (from sitting position)")
    assert ntu60().classes[59] == "walking apart from each other"
    assert ntu120().classes[119].startswith("finger-guessing game")


def test_protocols_have_the_published_splits() -> None:
    assert set(ntu60().protocols) == {"xsub", "xview"}
    assert set(ntu120().protocols) == {"xsub", "xset"}
    assert len(XSUB_60.train) == 20
    assert len(XSUB_120.train) == 53
    assert set(XSUB_60.train) < set(XSUB_120.train)
    train, test = XVIEW_60.split(np.array([1, 2, 3, 1]))
    assert (train.tolist(), test.tolist()) == ([1, 2], [0, 3])
    train, test = XSET_120.split(np.array([1, 2, 31, 32]))
    assert (train.tolist(), test.tolist()) == ([1, 3], [0, 2])
    train, test = XSUB_120.split(np.array([3, 38, 103, 104]))
    assert (train.tolist(), test.tolist()) == ([1, 2], [0, 3])


def test_parse_reads_the_syntax() -> None:
    assert ntu60().parse(make_skeleton(frames=2), "x").joints.shape == (2, 25, 3)
