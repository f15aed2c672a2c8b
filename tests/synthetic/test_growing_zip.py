from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from dualhead.synthetic.growing_zip import GrowingZip

CONTENTS = {f"folder/{number}.txt": b"%d 0.5\n" % number * (number * 50) for number in range(6)}


def write(path: Path, group: int = 1) -> int:
    with GrowingZip(path, group) as archive:
        for name, data in list(CONTENTS.items())[archive.kept :]:
            archive.append(name, data)
    return archive.kept


def test_members_are_those_of_a_plain_zip(tmp_path: Path) -> None:
    assert write(tmp_path / "a.zip") == 0
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == CONTENTS
        assert {info.date_time[0] for info in archive.infolist()} == {1980}


@pytest.mark.parametrize("group", [1, 2, 4])
def test_cut_anywhere_it_goes_on_to_the_same_bytes(tmp_path: Path, group: int) -> None:
    write(tmp_path / "whole.zip")
    data = (tmp_path / "whole.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        starts = [info.header_offset for info in archive.infolist()]
    ends = [*starts[1:], archive.start_dir]
    for length in range(0, len(data) + 1, 7):
        path = tmp_path / "cut.zip"
        path.write_bytes(data[:length])
        whole = sum(end <= length for end in ends)
        assert write(path, group) == whole // group * group
        assert path.read_bytes() == data


def test_a_damaged_member_and_all_behind_it_are_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    write(path)
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[3].header_offset
    for place in (start + 2, start + 15, start + 45):
        path.write_bytes(data[:place] + bytes([data[place] ^ 255]) + data[place + 1 :])
        assert write(path) == 3
        assert path.read_bytes() == data
