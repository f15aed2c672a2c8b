from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from dualhead.inference.conversion import keys_table
from dualhead.inference.prediction import Prediction
from dualhead.inference.writing import write_table
from dualhead.models.published import KeyReport
from dualhead.terminal import cell, print_line

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
    assert write_table(iter([prediction]), file, 1) == 1
    assert file.getvalue().count(SHOWN) == 2

    console = Console(file=io.StringIO(), width=120)
    console.print(keys_table(KeyReport({FOREIGN: "fc.weight"}, unexpected=(FOREIGN,)), FOREIGN, (FOREIGN,)))
    assert printed(console).count(SHOWN) == 4
