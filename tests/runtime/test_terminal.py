from __future__ import annotations

import io
import json

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from dualhead.conversion.published import KeyReport
from dualhead.conversion.tables import keys_table
from dualhead.inference.prediction import Prediction
from dualhead.inference.writing import PREDICTION_COLUMNS, write_items
from dualhead.runtime.terminal import cell, data_cell, print_json, print_line

FOREIGN = "[/red] \x1b[2Ja\x9bb [bold]c"
"""Markup that nothing opened, which rich takes for an error; what clears a screen; a command of one character."""

SHOWN = "[/red] <1b>[2Ja<9b>b [bold]c"


@pytest.fixture
def console() -> Console:
    return Console(file=io.StringIO(), width=20, force_terminal=True, no_color=True)


def printed(console: Console) -> str:
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_line_is_whole_and_commands_nothing(console: Console) -> None:
    print_line(console, f"{FOREIGN}, and so on\nsecond")
    assert printed(console) == f"{SHOWN}, and so on\nsecond\n"


def test_a_cell_commands_nothing() -> None:
    console = Console(file=io.StringIO(), width=60)
    table = Table(title=cell(FOREIGN), show_header=False)
    table.add_row(cell(FOREIGN + "\n"))
    console.print(table)
    assert printed(console).count(SHOWN) == 2
    assert SHOWN + "<0a>" in printed(console)


def test_a_file_that_is_read_commands_nothing() -> None:
    file = io.StringIO()
    prediction = Prediction(FOREIGN, (FOREIGN, "nod"), np.array([1.0, 0.0]), {"fine": np.array([1.0, 0.0])})
    assert write_items([prediction], file, "table", PREDICTION_COLUMNS, 1) == 1
    assert file.getvalue().count(SHOWN) == 2

    console = Console(file=io.StringIO(), width=120)
    console.print(keys_table(KeyReport({FOREIGN: "fc.weight"}, unexpected=(FOREIGN,)), FOREIGN, (FOREIGN,)))
    assert printed(console).count(SHOWN) == 4


NAME = "\udc80 \x1b[2J\x9b \x7f \u202e \u4e2d \U0001f600"
"""A byte that is no text, what commands a terminal, what turns the direction of writing, and foreign letters."""


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_json_reaches_any_stream_and_commands_no_terminal(encoding: str) -> None:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding) as file:
        print_json({"name": NAME}, file)
        line = raw.getvalue().decode(encoding)
    assert json.loads(line) == {"name": NAME}
    assert line.removesuffix("\n").isprintable()
    assert ("\u4e2d" in line) == (encoding == "utf-8")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_data_stay_as_they_are_but_on_a_terminal() -> None:
    assert data_cell(FOREIGN, io.StringIO()) == FOREIGN
    assert data_cell(FOREIGN, Terminal()) == SHOWN
    assert data_cell(0.5, Terminal()) == 0.5
