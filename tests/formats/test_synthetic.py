from __future__ import annotations

from dualhead.formats.synthetic import synthetic
from dualhead.reading.sources import get_source
from dualhead.synthetic.actions import ACTIONS


def test_classes_are_the_generators_actions() -> None:
    assert get_source("synthetic").classes == tuple(action.name for action in ACTIONS)


def test_names_and_protocols_are_those_of_ntu() -> None:
    source = synthetic()
    sample = source.sample("S002C003P004R001A005")
    assert sample is not None
    assert sample.label == 4
    assert dict(sample.fields) == {"setup": 2, "camera": 3, "subject": 4, "repeat": 1}
    assert set(source.protocols) == {"xsub", "xview", "xset"}
    assert source.protocols["xview"].train == (2, 3)
    assert source.sample(f"S001C001P001R001A{len(ACTIONS) + 1:03d}") is None
