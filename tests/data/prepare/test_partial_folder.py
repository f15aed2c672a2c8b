from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dualhead.data.prepare.partial_folder import claim, discard, named, put_in_place
from dualhead.runtime.errors import StoreError


def test_a_folder_is_made_and_taken_again_and_removed(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "out.partial"
    claim(folder, "plan.json", {"work"}, "working in").release()
    assert [path.name for path in folder.iterdir()] == ["lock"]
    (folder / ".plan-abcd1234.json").touch()  # a kill while the plan was written
    claim(folder, "plan.json", {"work"}, "working in").release()
    (folder / "plan.json").touch()
    (folder / "work").mkdir()
    discard(folder, claim(folder, "plan.json", {"work"}, "working in"))
    assert not folder.exists() and folder.parent.exists()


@pytest.mark.parametrize("names", [["mine"], ["work"], ["plan.json", "work", "mine"], ["lock", "work"], [".git"]])
def test_what_is_not_ours_is_refused_and_stays(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(StoreError, match=r"is not what an interrupted call .* leaves"):
        claim(tmp_path, "plan.json", {"work"}, "working in")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


def test_a_file_of_that_name_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.partial").touch()
    with pytest.raises(StoreError, match="already exists"):
        claim(tmp_path / "out.partial", "plan.json", {"work"}, "working in")


def test_one_process_at_a_time(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from dualhead.data.prepare.partial_folder import claim\n"
        "from dualhead.runtime.errors import StoreError\n"
        "try: claim(Path(sys.argv[1]), 'plan.json', {'work'}, 'working in')\n"
        "except StoreError as error: print(error)\n"
    )
    lock = claim(tmp_path, "plan.json", {"work"}, "working in")
    run = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=True)
    lock.release()
    assert f"process {os.getpid()} on host" in run.stdout and str(tmp_path) in run.stdout


def test_finished_work_takes_the_place_of_an_empty_folder(tmp_path: Path) -> None:
    for name in ("new", "empty"):
        (tmp_path / "work").mkdir()
        (tmp_path / "work" / "file").touch()
        (tmp_path / "empty").mkdir(exist_ok=True)
        put_in_place(tmp_path / "work", tmp_path / name)
        assert [path.name for path in (tmp_path / name).iterdir()] == ["file"]


def test_the_folder_that_one_is_in_stays_and_is_filled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "file").touch()
    monkeypatch.chdir(tmp_path / "here")
    assert (named("."), named("x/y")) == (tmp_path / "here", Path("x/y"))
    put_in_place(tmp_path / "work", named("."))
    assert [path.name for path in Path().iterdir()] == ["file"]
