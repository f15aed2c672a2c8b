"""Build the wheel, install it beside nothing of the checkout, and use it as a new user would; run by `make wheel-test`.

By default the dependencies are links to those of the running interpreter's environment, without and then with the
packages of the optional extras, so that the check takes about two minutes. `--clean` makes a real environment instead:
pip installs the wheel and its dependencies, with the exact versions of constraints.txt.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXTRAS = ("tensorboard", "export", "video", "ray")
DATA = (
    "dualhead/py.typed",
    "dualhead/configs/ntu60_xsub/dualhead.yaml",
    "dualhead/configs/videos/dualhead.yaml",
    "dualhead/formats/class_names/ntu120.txt",
    "dualhead/formats/class_names/kinetics.txt",
)
"""Files that the package reads, some of each kind; all others are compared with the checkout."""

USE = """
import dualhead, pathlib, sys
assert "site-packages" in dualhead.__file__, dualhead.__file__
raw = dualhead.generate("raw", num_performers=4, num_actions=2, quiet=True)
dualhead.prepare("synthetic", raw, "store", workers=1, quiet=True)
small = {"recipe": "resample16", "epochs": 1, "batch_size": 8, "num_workers": 0}
small["model"] = {"name": "dualhead_small", "arguments": {"width": 12, "num_gcn_scales": 3, "num_g3d_scales": 2}}
experiment = dualhead.load_experiment("synthetic_xsub/dualhead", small)
dualhead.train(experiment, "store", "run", quiet=True)
(best,) = dualhead.Predictor.from_checkpoint("run/last.safetensors").predict(dualhead.open_store("store")[0]).top(1)
print("predicted", best.name)
print(dualhead.report(["run"], out="report.html"), dualhead.render(dualhead.open_store("store")[0], "clip.html"))
"""
"""A tiny training and prediction, a report and a picture, with the web assets and class names of the wheel."""


class CheckError(Exception):
    """A check of the wheel failed."""


def build(folder: Path) -> Path:
    """Build the wheel from a copy of the checkout's files, so that nothing is left in it, and return its path."""
    copy = folder / "checkout"
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, copy])
    (wheel,) = folder.glob("dualhead-*.whl")
    return wheel


def check_content(wheel: Path) -> None:
    """Check that the wheel has every file of the package and nothing else.

    Raises:
        CheckError: If a file is missing or extra; names it.
    """
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if ".dist-info/" not in name}
    source = ROOT / "src"
    files = (path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    expected = {path.relative_to(source).as_posix() for path in files if ".egg-info" not in str(path)}
    for problem, names in (("lacks", {*expected, *DATA} - found), ("has beside the package", found - expected)):
        if names:
            raise CheckError(f"{wheel.name} {problem} {', '.join(sorted(names)[:5])}")


def _closure(extras: Iterable[str]) -> set[str]:
    """Return the installed distributions that the package needs with some extras, directly or not."""
    found: set[str] = set()
    todo = [("dualhead", tuple(extras))]
    while todo:
        name, wanted = todo.pop()
        try:
            requirements = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        for requirement in requirements:
            of_extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", requirement)
            if of_extra is None or of_extra[1] in wanted:
                found_name = re.match(r"[\w.-]+", requirement)
                needed = _normalised(found_name[0] if found_name else "")
                if needed not in found:
                    found.add(needed)
                    todo.append((needed, ()))
    return found


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def link_packages(place: Path, leave_out: set[str]) -> None:
    """Link the installed packages into an environment's site-packages, except the package itself and some others."""
    absent: set[str] = {"__pycache__"}
    for item in metadata.distributions():
        name = _normalised(item.metadata["Name"])
        if name in leave_out or name == "dualhead":
            absent.add(Path(str(item.locate_file(""))).name)
            absent.update(file.parts[0] for file in item.files or [])
    for path in Path(sysconfig.get_path("purelib")).iterdir():
        ours = "dualhead" in path.name
        if path.name not in absent and not ours and path.suffix != ".pth" and not (place / path.name).exists():
            (place / path.name).symlink_to(path)


def run(command: list[str | Path], folder: Path | None = None, expect: int = 0) -> str:
    """Run a command and return its output.

    Raises:
        CheckError: If it ends with another code than `expect`.
    """
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    environment = {**inherited, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    if done.returncode != expect:
        raise CheckError(
            f"{' '.join(map(str, command))[:200]}: code {done.returncode}, expected {expect}\n{said[-3000:]}"
        )
    return said


def use(python: Path, folder: Path, missing: Mapping[str, list[str]]) -> None:
    """Use the installed package in an empty folder, and check that what needs a missing extra names it.

    Raises:
        CheckError: If something fails, or a command does not name the extra that it needs.
    """
    command = python.with_name("dualhead")
    for words, shown in ((["--help"], "prepare"), (["--version"], "dualhead"), (["models"], "dualhead_small")):
        if shown not in run([command, *words], folder):
            raise CheckError(f"dualhead {' '.join(words)} does not show {shown}")
    print(next(line for line in run([python, "-c", USE], folder).splitlines() if line.startswith("predicted")))
    for extra, words in missing.items():
        said = run([command, *words], folder, expect=1)
        if f"pip install 'dualhead[{extra}]'" not in " ".join(said.split()) or "Traceback" in said:
            raise CheckError(f"dualhead {' '.join(words)} does not name the extra {extra}: {said[-500:]}")
        print(f"without {extra}: {said.strip().splitlines()[-1]}")


NEEDS = {
    "video": ["predict", "run/last.safetensors", "clip.mp4"],
    "export": ["export", "run/last.safetensors", "--out", "model.onnx"],
    "ray": ["prepare", "synthetic", "raw", "other", "--cluster", "local"],
}
"""A command for each extra that fails without it."""


def main(arguments: list[str] | None = None) -> int:
    """Build, install and use the wheel, without and with extras; return 1 if a check fails."""
    parser = argparse.ArgumentParser(description="Check the wheel in an environment of its own.")
    parser.add_argument("--clean", action="store_true", help="let pip install all dependencies anew")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            wheel = build(folder)
            check_content(wheel)
            print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, complete")
            for extras in ((), ("tensorboard", "export", "video")):
                where = folder / ("extras" if extras else "plain")
                venv.create(where, with_pip=True)
                python = where / "bin" / "python"
                pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet"]
                if options.clean:
                    target = f"{wheel}[{','.join(extras)}]" if extras else str(wheel)
                    run([*pip, "--constraint", ROOT / "constraints.txt", target])
                else:
                    place = Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
                    link_packages(place, _closure(set(EXTRAS) - set(extras)) - _closure(extras))
                    run([*pip, "--no-deps", "--no-index", wheel])
                work = folder / f"work-{where.name}"
                work.mkdir()
                (work / "clip.mp4").write_bytes(b"\0\0\0\x18ftypmp42")
                use(python, work, {extra: words for extra, words in NEEDS.items() if extra not in extras})
                if "export" in extras:
                    said = run(
                        [python.with_name("dualhead"), "export", "run/last.safetensors", "--out", "m.onnx"], work
                    )
                    print(f"with {', '.join(extras)}: {said.strip().splitlines()[-1]}")
    except CheckError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
