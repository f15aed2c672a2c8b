"""The page docs/python.md, run as a reader would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dualhead.formats.kinetics.parse import kinetics
from tests.inference.builders import write_checkpoint

PAGE = Path(__file__).parents[2] / "docs" / "python.md"


def test_the_page_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(blocks) == 6
    write_checkpoint(
        tmp_path / "joint.safetensors", dataset="kinetics", protocol="official", recipe="dualhead32",
        skeleton="openpose18", classes=list(kinetics().classes), body_selection="score",
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["openpose18 400", "(2, 150, 17, 2)"]
    sequence = names["sequence"]
    assert sequence.joints[0, :3, 0, 0].tolist() == pytest.approx(  # type: ignore[attr-defined]
        [names["body"][0, 0] + 450 - frame for frame in range(3)]  # type: ignore[index]
    )
    guess = names["guess"]
    assert f"{guess.name}: {guess.probability:.2f}" in lines  # type: ignore[attr-defined]
    assert {line.split()[0] for line in lines} >= {"all", "person"}
    assert names["estimate"].stop == 150  # type: ignore[attr-defined]
    assert "<html" in (tmp_path / "my_video.html").read_text(encoding="utf-8")
