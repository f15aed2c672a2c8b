from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console

from dualhead.inspection.file_story import Event, FileStory, Person, explain_file
from dualhead.inspection.store_inspection import inspect_store
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25
from dualhead.visualize.inspection_tables import print_file, print_store
from tests.data.small_store import make_store
from tests.formats.making import make_skeleton


def test_every_count_of_a_store_is_printed(tmp_path: Path) -> None:
    console = Console(width=160, record=True, file=(tmp_path / "out.txt").open("w"))
    print_store(inspect_store(make_store(tmp_path)), console, 1)
    lines = [" ".join(line.replace("│", " ").split()) for line in console.export_text().splitlines()]
    assert "0 pick up with one hand 15 10 5" in lines
    assert "all 45 30 15" in lines
    assert "camera (3 values) 1: 15, 2: 15, 3: 15" in lines
    assert any(line.startswith("frames 4 ") for line in lines)
    assert "45 clips look suspicious, 1 shown" in lines
    assert "rejected files: none" in lines


def test_numbers_are_whole_on_a_narrow_terminal(tmp_path: Path) -> None:
    inspection = inspect_store(make_store(tmp_path))
    inspection.store.classes = tuple(f"doing what has the name {'long ' * 9}{k}" for k in range(30))
    counts = np.zeros((2, 30), np.int64)
    counts[0, 29] = 1234
    splits = dict.fromkeys(("xsub", "xview", "xset"), counts)
    shown = replace(inspection, classes=counts[0], splits=splits)
    shown.figures.jump[:] = 0.0123456
    console = Console(width=80, record=True, file=(tmp_path / "out.txt").open("w"))
    print_store(shown, console, 0)
    text = console.export_text()
    assert "\N{HORIZONTAL ELLIPSIS}" not in text
    lines = [" ".join(line.replace("│", " ").split()) for line in text.splitlines()]
    assert any(line.endswith(" 1234 1234 0 1234 0 1234 0") for line in lines)
    assert "(29 classes without clips)" in " ".join(lines)
    assert any(line.endswith(" 0.0123 0.0123 0.0123 0.0123 45") for line in lines)


def test_a_file_is_printed_with_what_happens(tmp_path: Path) -> None:
    console = Console(width=160, record=True, file=(tmp_path / "out.txt").open("w"))
    story = FileStory(
        path=Path("x.skeleton"),
        frames=3,
        bodies=(1, 2),
        people=(Person(("7", "8"), 1, 3, 2, 0.5, 0.25, ("wide",)), Person((), 1, 1, 1, 0.0, 0.1, ())),
        energies=(0.5,),
        events=(Event(3, 1, "body 7 appears"), Event(9, 2, "no person in frame 2"), Event(None, None, "x")),
        damage=FormatError("it is truncated", "x.skeleton", 12),
    )
    print_file(story, console, 2)
    lines = [" ".join(line.replace("│", " ").split()) for line in console.export_text().splitlines()]
    assert "x.skeleton: 3 whole frames before the damage; bodies: 1 with 0, 2 with 1" in lines
    assert "7, 8 1 to 3 2 50 0.250 wide" in lines
    assert "- 1 to 1 1 0 0.100 none" in lines
    assert "9 2 no person in frame 2" in lines
    assert "and 1 more events" in lines
    assert "damaged: x.skeleton, line 12: it is truncated" in lines


def test_brackets_in_names_are_text(tmp_path: Path) -> None:
    path = tmp_path / "[bold]x.skeleton"
    path.write_bytes(make_skeleton(frames=2))
    console = Console(width=400, record=True, file=(tmp_path / "out.txt").open("w"))
    print_file(explain_file(path), console, 5)
    assert "[bold]x.skeleton" in console.export_text()


def test_of_a_file_that_says_nothing_only_the_damage_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "clip.csv"
    path.write_text("nose_x,nose_y\n1,2\n")
    console = Console(width=1000, record=True, file=(tmp_path / "out.txt").open("w"))
    print_file(explain_file(path, NTU25), console, 5)
    taken, line = console.export_text().splitlines()
    assert taken.startswith(f"{path}: interpreted as a clip of your own")
    assert line.startswith(f"cannot be read: {path}")
    assert "nose" in line
