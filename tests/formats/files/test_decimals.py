from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dualhead.formats.files.decimals import parse_decimals


def parse(numbers: list[str]) -> np.ndarray:
    """Parse numbers as they stand in a line, behind 16 bytes, with a blank behind each and more behind the last."""
    text, starts, ends = "x" * 15 + " ", [], []
    for number in numbers:
        starts.append(len(text))
        ends.append(len(text) + len(number))
        text += f"{number} "
    return parse_decimals(f"{text}{'x' * 8}".encode(), np.array(starts, np.int64), np.array(ends, np.int64))


def bits(values: np.ndarray | list[float]) -> list[str]:
    return [float(value).hex() for value in values]


def test_by_hand() -> None:
    assert parse(["0.25", "-3.5", "5.", "-0.0", "12.75", "7", "1e3", ".5"]).tolist() == [
        0.25, -3.5, 5.0, -0.0, 12.75, 7.0, 1000.0, 0.5,
    ]  # fmt: skip
    assert np.signbit(parse(["-0.0", "0.0"])).tolist() == [True, False]
    assert parse([]).shape == (0,)


EDGES = [
    "0.12345678",  # all decimals in one word
    "0.123456789",  # one more
    "9.99999999999999",
    "0.00000000000001",
    "1.000000000000001",  # 15 decimals: too many for the arithmetic
    "0.30000000000000004",
    "2.2250738585072011e-308",
    "-1.7976931348623157e308",
    "123456789012345678901234567890",
    "4.6996268e-06",
    "+1.5",
]


@pytest.mark.parametrize("number", EDGES)
def test_edges_are_what_float_gives(number: str) -> None:
    assert bits(parse([number, "0.5", number])) == bits([float(number), 0.5, float(number)])


@given(
    st.lists(
        st.one_of(
            st.floats(-10, 10).map("{:.7g}".format),
            st.floats(-10, 10).map("{:.9g}".format),
            st.floats(-1e7, 1e7).map("{:.6f}".format),
            st.floats(allow_nan=False).map(repr),
            st.from_regex(r"-?[0-9]\.[0-9]{0,17}", fullmatch=True),
            st.integers(-(10**18), 10**18).map(str),
        ),
        max_size=40,
    )
)
@settings(max_examples=200, deadline=None)
def test_every_number_is_what_float_gives(numbers: list[str]) -> None:
    assert bits(parse(numbers)) == bits([float(number) for number in numbers])


@given(st.text("0123456789.-+e_xn", max_size=20))
@settings(max_examples=300, deadline=None)
def test_what_float_refuses_is_refused(piece: str) -> None:
    try:
        value = float(piece) if "_" not in piece else None
    except ValueError:
        value = None
    if value is None:
        with pytest.raises(ValueError, match=r".*"):
            parse(["0.5", piece])
    else:
        assert bits(parse(["0.5", piece])) == bits([0.5, value])
