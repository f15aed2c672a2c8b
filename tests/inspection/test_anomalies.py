from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dualhead.data.prepare.prepare import prepare
from dualhead.data.store.store import Store, open_store
from dualhead.formats.ntu.parse import write_skeleton
from dualhead.inspection.anomalies import find_suspects
from dualhead.inspection.clip_figures import ClipFigures
from tests.formats.making import make_recording


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Four clips of 20 frames and two bodies, and one of 2 frames."""
    folder = tmp_path_factory.mktemp("store")
    (folder / "raw").mkdir()
    for number in range(1, 6):
        frames = 2 if number == 5 else 20
        write_skeleton(folder / "raw" / f"S001C001P001R001A00{number}.skeleton", make_recording(frames, 2, number))
    prepare("ntu60", folder / "raw", folder / "out", workers=1, quiet=True)
    return open_store(folder / "out")


def quiet() -> ClipFigures:
    zeros = np.zeros(5)
    whole = np.zeros(5, np.int64)
    return ClipFigures(whole, zeros, zeros, whole, whole, zeros, np.full(5, 1.5), whole)


def test_only_the_short_clip_of_quiet_ones_is_named(store: Store) -> None:
    (suspect,), number = find_suspects(store, quiet())
    assert (suspect.row, suspect.name, suspect.reasons) == (4, "S001C001P001R001A005", ("only 2 frames",))
    assert suspect.score == pytest.approx(9 / 11)
    assert number == 1


@pytest.mark.parametrize(
    ("column", "value", "score", "reason"),
    [
        ("not_finite", 3, 1.0, "3 coordinates are not numbers"),
        ("empty_frames", 5, 0.25, "no person in 5 of 20 frames"),
        ("absent", 0.5, 0.25, "a body is absent in 50% of the frames"),
        ("jumps", 5, 0.2, "5 jumps of a joint by half a body, the furthest 0"),
        ("jumps", 80, 1.0, "80 jumps"),
        ("constant_joints", 5, 0.2, "5 of 25 joints never move"),
        ("missing_joints", 0.4, 0.4, "40% of the joints are missing"),
        ("extent", 6.0, 1.0, "bodies of 6 from end to end"),  # two doublings above 1.5
    ],
)
def test_each_reason_weighs_as_said(store: Store, column: str, value: float, score: float, reason: str) -> None:
    values = getattr(quiet(), column).copy()
    values[1] = value
    suspects, number = find_suspects(store, replace(quiet(), **{column: values}))
    (suspect,) = [suspect for suspect in suspects if suspect.row == 1]
    assert number == 2
    assert suspect.score == pytest.approx(score)
    assert suspect.reasons[0].startswith(reason)


@pytest.mark.parametrize(("column", "value"), [("empty_frames", 1), ("absent", 0.2), ("extent", 2.9)])
def test_a_little_is_no_reason(store: Store, column: str, value: float) -> None:
    values = getattr(quiet(), column).copy()
    values[1] = value
    assert find_suspects(store, replace(quiet(), **{column: values}))[1] == 1


def test_reasons_add_up_and_the_worst_come_first(store: Store) -> None:
    absent, jumps = np.array([0, 0, 0.5, 0.5, 0]), np.array([0, 0, 0, 25, 0])
    suspects, number = find_suspects(store, replace(quiet(), absent=absent, jumps=jumps), most=2)
    assert [(suspect.row, round(suspect.score, 2)) for suspect in suspects] == [(3, 1.25), (4, 0.82)]
    assert [reason.split()[0] for reason in suspects[0].reasons] == ["25", "a"]
    assert number == 3
