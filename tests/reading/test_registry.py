from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import dualhead
from dualhead.data.prepare.prepare import prepare
from dualhead.data.reader import Reader
from dualhead.data.store.store import open_store
from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, ReadingOptions
from dualhead.formats.recording import from_dense
from dualhead.inspection.file_story import explain_file
from dualhead.reading.registry import FORMATS, list_formats, register_format
from dualhead.runtime.errors import ConfigError
from dualhead.skeleton import COCO17
from dualhead.visualize.recordings import find_recording


def _recognise(file: RawFile) -> Evidence | None:
    return Evidence("its first line") if file.data.startswith(b"toy ") else None


def _parse(file: RawFile, options: ReadingOptions) -> Iterator[RawClip]:
    frames = int(file.data.split()[1])
    joints = np.linspace(0.1, 0.9, frames * 34).reshape(1, frames, 17, 2)
    yield RawClip(from_dense(joints), COCO17, class_name="wave", unit="fraction")


TOY = FileFormat(
    name="toy", title="toy text", suffixes=(".toy",), recognise=_recognise, parse=_parse, row="`coco17` | - | - | -"
)


@pytest.fixture
def toy() -> Iterator[FileFormat]:
    yield register_format(TOY)
    FORMATS._values.pop("toy")


def test_a_format_is_one_value_that_is_registered(toy: FileFormat, tmp_path: Path) -> None:
    """`prepare custom`, `predict`, `render` and `inspect` all ask the registry."""
    assert dualhead.register_format is register_format
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.toy").write_bytes(b"toy 5")
    (found,) = Reader(classes=("sit", "wave")).read(raw)
    assert (found.name, found.num_frames, found.skeleton, found.label) == ("a", 5, COCO17, 1)
    assert find_recording(raw / "a.toy")[0].num_frames == 5
    story = explain_file(raw / "a.toy")
    assert (story.frames, story.taken_for, story.skeleton) == (5, "toy text (its first line)", "coco17")
    (raw / "dataset.yaml").write_text("skeleton: openpose18")
    (raw / "table.csv").write_text("name,label\na,wave\n")
    (raw / "licence.txt").write_text("no clip")
    report = prepare("custom", raw, tmp_path / "store", workers=1, quiet=True)
    assert report.rejected == ()
    assert open_store(tmp_path / "store")[0].joints.shape == (1, 5, 18, 2)


def test_a_name_is_taken_once_and_a_format_does_something(toy: FileFormat) -> None:
    assert register_format(toy) is toy
    with pytest.raises(ConfigError, match="'toy' is registered already"):
        register_format(FileFormat(name="toy", title="x", suffixes=(), recognise=_recognise, parse=_parse))
    for parse, instead in ((None, ""), (_parse, "no")):
        with pytest.raises(ConfigError, match="needs a parser, or a sentence"):
            register_format(
                FileFormat(name="b", title="x", suffixes=(), recognise=_recognise, parse=parse, instead=instead)
            )


def test_every_format_says_what_it_is() -> None:
    for known in list_formats():
        assert known.title and known.suffixes
        assert all(suffix == suffix.lower() and suffix.startswith(".") for suffix in known.suffixes)
        assert known.is_supported or known.instead
