from __future__ import annotations

from pathlib import Path

import pytest

from dualhead.formats.ntu.sources import ntu60, ntu120
from dualhead.runtime.errors import FormatError
from tests.formats.making import make_ntu_tree, make_skeleton, make_zip

FIRST, SECOND, LATER = "S001C001P001R001A001", "S001C002P001R001A001", "S018C001P041R001A061"


def _write(path: Path, data: bytes | str = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def test_both_zips_and_nested_folders_make_one_listing_ordered_by_name(tmp_path: Path) -> None:
    late = make_zip(tmp_path / "s018_to_s032.zip", {f"{LATER}.skeleton": b"late"})
    early = make_zip(tmp_path / "s001_to_s017.zip", {f"nturgb+d_skeletons/{SECOND}.skeleton": b"early"})
    _write(tmp_path / "more" / "deep" / f"{FIRST}.skeleton")
    together = ntu120().list_items([late, early, tmp_path / "more"])
    assert [item.sample.name for item in together.items] == [FIRST, SECOND, LATER]
    assert [item.member.read() for item in together.items] == [b"x", b"early", b"late"]
    assert ntu120().list_items([tmp_path]).items[2].sample == together.items[2].sample
    only = ntu60().list_items([tmp_path])
    assert [item.sample.name for item in only.items] == [FIRST, SECOND]
    assert only.skipped == 1


def test_of_duplicates_the_first_is_kept(tmp_path: Path) -> None:
    _write(tmp_path / "raw" / "b" / f"{FIRST}.skeleton", b"second")
    _write(tmp_path / "raw" / "a" / f"{FIRST}.skeleton", b"first")
    listing = ntu60().list_items([tmp_path / "raw"])
    assert [item.member.read() for item in listing.items] == [b"first"]
    (duplicate,) = listing.duplicates
    assert (duplicate.name, duplicate.kept) == (FIRST, f"raw/a/{FIRST}.skeleton")
    assert duplicate.dropped == f"raw/b/{FIRST}.skeleton"


def test_a_file_with_another_name_is_rejected_not_ignored(tmp_path: Path) -> None:
    make_ntu_tree(tmp_path, 1)
    _write(tmp_path / f"{FIRST} (1).skeleton")
    _write(tmp_path / "readme.txt")
    (rejected,) = ntu60().list_items([tmp_path]).rejected
    assert (rejected.name, rejected.kind) == (f"{FIRST} (1)", "name")
    assert "SsssCcccPpppRrrrAaaa" in rejected.reason


def test_missing_lists_are_found_inside_and_beside(tmp_path: Path) -> None:
    header = "These samples have missing skeletons:\n\n"
    archive = make_zip(tmp_path / "a.zip", {f"{FIRST}.skeleton": make_skeleton()})
    _write(tmp_path / "NTU_RGBD_samples_with_missing_skeletons.txt", f"{header}{FIRST}\r\n")
    assert ntu60().list_items([archive]).missing == {FIRST: "NTU_RGBD_samples_with_missing_skeletons.txt"}
    inside = make_zip(
        tmp_path / "other" / "b.zip",
        {f"{FIRST}.skeleton": b"", "x/NTU_RGBD120_samples_with_missing_skeletons.txt": f"{LATER}\n".encode()},
    )
    assert list(ntu120().list_items([inside]).missing) == [LATER]


def test_a_given_missing_list_is_the_only_one(tmp_path: Path) -> None:
    raw = make_ntu_tree(tmp_path / "raw", 2)
    _write(raw / "NTU_RGBD_samples_with_missing_skeletons.txt", FIRST)
    _write(tmp_path / "mine.txt", f"{SECOND}.skeleton\n")
    assert ntu60().list_items([raw], tmp_path / "mine.txt").missing == {SECOND: "mine.txt"}
    _write(tmp_path / "empty.txt", "nothing\n")
    with pytest.raises(FormatError, match="no line is the name of a ntu60 sample"):
        ntu60().list_items([raw], tmp_path / "empty.txt")


def test_nothing_found_says_what_was_seen(tmp_path: Path) -> None:
    _write(tmp_path / f"{LATER}.skeleton")
    _write(tmp_path / "bad.skeleton")
    with pytest.raises(FormatError, match=r"ntu60.*2 files.*1.*1 with"):
        ntu60().list_items([tmp_path])


def test_an_ending_counts_in_any_case(tmp_path: Path) -> None:
    _write(tmp_path / f"{FIRST}.SKELETON", make_skeleton())
    (item,) = ntu60().list_items([tmp_path]).items
    assert item.sample.name == FIRST


def test_an_archive_inside_an_archive_is_named(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {f"{FIRST}.skeleton": make_skeleton()})
    outer = make_zip(tmp_path / "outer.zip", {"in/inner.zip": inner.read_bytes()})
    with pytest.raises(
        FormatError, match=r"outer\.zip/in/inner\.zip is an archive inside an archive: unpack the outer"
    ):
        ntu60().list_items([outer])
