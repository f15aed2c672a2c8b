"""The wheel is built and has every file of the package; `make wheel-test` also installs and uses it."""

import importlib.util
import shutil
import zipfile
from pathlib import Path

import pytest

_PATH = Path(__file__).parents[2] / "tools" / "check_wheel.py"
_SPEC = importlib.util.spec_from_file_location("check_wheel", _PATH)
assert _SPEC is not None and _SPEC.loader is not None
check = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    pytest.importorskip("build", reason="build is not installed: pip install 'dualhead[dev]'")
    return check.build(tmp_path_factory.mktemp("wheel"))


def test_the_wheel_has_every_file(wheel):
    check.check_content(wheel)
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
    for extra in check.EXTRAS:
        assert f"Provides-Extra: {extra}\n" in text


def test_a_missing_and_a_foreign_file_are_named(wheel, tmp_path):
    name = "dualhead/configs/videos/dualhead.yaml"
    with zipfile.ZipFile(wheel) as full, zipfile.ZipFile(tmp_path / wheel.name, "w") as part:
        for item in full.namelist():
            if item != name:
                part.writestr(item, full.read(item))
    with pytest.raises(check.CheckError, match=name):
        check.check_content(tmp_path / wheel.name)
    shutil.copy(wheel, tmp_path / wheel.name)
    with zipfile.ZipFile(tmp_path / wheel.name, "a") as part:
        part.writestr("tests/test_a.py", "")
    with pytest.raises(check.CheckError, match=r"tests/test_a\.py"):
        check.check_content(tmp_path / wheel.name)


def test_packages_of_an_extra_are_found_with_what_they_need():
    video = check._closure(["video"]) - check._closure([])
    assert {"av", "ai-edge-litert"} <= video
    assert not video & {"torch", "numpy", "onnx"}
