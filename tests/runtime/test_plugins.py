"""Modules of a user's own."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from dualhead.runtime import plugins
from dualhead.runtime.errors import CheckpointError, ConfigError


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_given", {})
    monkeypatch.setattr(plugins, "_discovered", False)


def test_a_module_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_streams_here.py").write_text("VALUE = 1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    plugins.import_plugins(["my_streams_here"])
    assert plugins.imported() == ("my_streams_here",)


@pytest.mark.parametrize("name", ["", "no/module", "a..b", "not_there_at_all", "json.not_there"])
def test_what_is_no_module_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="import"):
        plugins.import_plugins([name])
    assert plugins.imported() == ()


def test_an_error_inside_names_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_broken_one.py").write_text("import json\n1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConfigError, match=r"my_broken_one.*ZeroDivisionError.*line 2"):
        plugins.import_plugins(["my_broken_one"])


def test_installed_plugins_are_imported_once_and_broken_ones_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loaded = []

    def fail() -> None:
        raise RuntimeError("broken")

    points = [
        SimpleNamespace(name="bad", value="bad:module", load=fail),
        SimpleNamespace(name="good", value="good:module", load=lambda: loaded.append("good")),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == "dualhead.plugins" else [])
    with caplog.at_level(logging.WARNING):
        plugins.discover()
        plugins.discover()
    assert loaded == ["good"]
    assert "bad:module" in caplog.text


def test_a_file_names_the_modules_that_it_was_made_with() -> None:
    with (
        pytest.raises(CheckpointError, match=r"a\.safetensors.*--import my_models"),
        plugins.explained({"imports": ["my_models"]}, "a.safetensors"),
    ):
        raise ConfigError("unknown model 'mine'")
    with pytest.raises(ConfigError, match="unknown"), plugins.explained({}, "a.safetensors"):
        raise ConfigError("unknown model 'mine'")
