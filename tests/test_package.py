"""The package as a whole: its public names, how fast it starts, and what its pages say."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import dualhead
from dualhead.cli import COMMANDS, _take_plugins, build
from dualhead.training.config import load_experiment

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "constraints.txt", ROOT / "Makefile"])
HEAVY = ("torch", "lightning", "matplotlib", "plotly", "numpy", "jsonargparse", "rich", "yaml")


PUBLIC = """
ClipDataset Experiment FileFormat ModelOutput Objective PoseEstimator Prediction Predictor Recipe Scores Segment
Skeleton SkeletonModel SkeletonSequence Stage Step Store __version__ create_model deploy evaluate export fuse generate
generate_videos get_recipe get_skeleton import_plugins inspect join_frames list_models load_experiment load_published
merge_segments open_store prepare read register_augmentation register_format register_mixing register_model
register_objective register_recipe register_step register_stream render report reproduce train
"""
ROOMS = sorted(
    ".".join(file.parent.relative_to(ROOT / "src").parts) for file in (ROOT / "src/dualhead").glob("*/**/__init__.py")
)


def test_the_public_names_are_those_that_users_rely_on() -> None:
    assert list(dualhead.__all__) == PUBLIC.split()
    assert dir(dualhead) == sorted(PUBLIC.split())


@pytest.mark.parametrize("name", PUBLIC.split())
def test_public_names_exist(name: str) -> None:
    assert getattr(dualhead, name) is not None


def test_every_public_name_is_in_the_reference() -> None:
    text = "\n".join(page.read_text(encoding="utf-8") for page in ROOT.glob("docs/reference/*.md"))
    assert set(re.findall(r"^::: dualhead\.(\w+)$", text, flags=re.MULTILINE)) >= set(PUBLIC.split()) - {"__version__"}


@pytest.mark.parametrize("room", ROOMS)
def test_sub_packages_state_their_public_modules(room: str) -> None:
    names = import_module(room).__all__
    assert list(names) == sorted(set(names))
    for name in names:
        import_module(f"{room}.{name}")


def _documented_modules() -> set[str]:
    """Return the modules that pages, examples and the reference import from, and the homes of the public names."""
    texts = [page.read_text(encoding="utf-8") for page in [*ROOT.glob("docs/**/*.md"), ROOT / "README.md"]]
    texts += [example.read_text(encoding="utf-8") for example in ROOT.glob("examples/*.py")]
    found = {f"dualhead.{home}" for home in dualhead._HOMES.values()}
    for text in texts:
        found.update(re.findall(r"^\s*from (dualhead\.[\w.]+) import", text, flags=re.MULTILINE))
        found.update(re.findall(r"^::: (dualhead\.[\w.]+)\.\w+$", text, flags=re.MULTILINE))
    return found


@pytest.mark.parametrize("module", sorted(_documented_modules()))
def test_documented_modules_are_public(module: str) -> None:
    parts = module.split(".")
    for end in range(2, len(parts)):
        assert parts[end] in import_module(".".join(parts[:end])).__all__


def test_public_names_are_listed_once_and_sorted() -> None:
    assert sorted(dualhead.__all__) == list(dualhead.__all__)
    assert set(dualhead._HOMES) | {"__version__"} == set(dualhead.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        dualhead.trian  # noqa: B018


@pytest.mark.parametrize("code", ["import dualhead", "import dualhead.cli; dualhead.cli.main(['--help'])"])
def test_what_must_start_fast_imports_nothing_heavy(code: str) -> None:
    code += f"; import sys; print('heavy:', [name for name in {HEAVY} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "heavy: []"


def test_version_is_the_one_in_the_changelog_or_unreleased() -> None:
    sections = re.findall(r"^## \[?([^\]\n ]+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert sections[0] == "Unreleased" or sections[0] == dualhead.__version__


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_name_no_package_host(page: Path) -> None:
    text = page.read_text(encoding="utf-8").lower()
    for host in ("pypi.org", "pythonhosted", "download.pytorch", "anaconda.org", "index-url", "find-links"):
        assert host not in text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]
    assert [link for link in local if not (page.parent / link).exists()] == []


def _console_lines() -> list[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.suffix == ".md")
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    joined = "\n".join(blocks).replace("\\\n", " ")
    return [line[2:] for line in joined.splitlines() if line.startswith("$ dualhead ")]


def test_the_pages_show_every_command() -> None:
    shown = {line.split()[1] for line in _console_lines()}
    assert set(COMMANDS) <= shown


@pytest.mark.parametrize("line", _console_lines())
def test_commands_in_the_pages_are_understood(line: str) -> None:
    words, plugins = _take_plugins(line.split(" #")[0].split())
    _, parser = build(COMMANDS[words[1]])
    arguments, keys = parser.parse(words[2:])
    required = {item.name for item in parser.parameters if item.required}
    assert required <= set(arguments)
    if "experiment" in arguments and not plugins:  # a plugin is run by test_plugin_example.py, in a process of its own
        choice = load_experiment(arguments["experiment"], keys).model
        model = dualhead.create_model(choice.name, num_classes=2, skeleton="ntu25", **choice.arguments)
        assert model.config.name == choice.name


@pytest.mark.slow
def test_the_python_example_of_the_readme_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    assert blocks
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
    assert tuple(names["clip"].shape) == (3, 64, 25, 2)  # type: ignore[attr-defined]
    assert tuple(names["logits"].shape) == (1, 2, 60)  # type: ignore[attr-defined]
    guess = names["guess"]
    assert guess.name in names["store"].classes  # type: ignore[attr-defined]
    assert f"{guess.name} {guess.probability}" in capsys.readouterr().out  # type: ignore[attr-defined]
