from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from dualhead.formats.custom.skeleton_file import load_skeleton, parse_skeleton_file
from dualhead.runtime.errors import ConfigError, FormatError
from dualhead.runtime.yaml_file import parse_yaml
from dualhead.skeleton import NTU25, SKELETONS

STICK = {
    "name": "stick",
    "joints": ["hip", "chest", "left", "right"],
    "parents": {"chest": "hip", "left": "chest", "right": 1},
    "mirror": [["left", "right"]],
    "spine": ["hip", "chest"],
}


def test_joints_by_name_and_by_number() -> None:
    skeleton = parse_skeleton_file(STICK)
    assert skeleton.parents == (0, 0, 1, 1)
    assert skeleton.edges == ((1, 0), (2, 1), (3, 1))
    assert (skeleton.mirror, skeleton.spine, skeleton.shoulders) == (((2, 3),), (0, 1), None)
    assert (skeleton.centre, skeleton.origin, skeleton.dimensions) == (0, 0, 3)
    other = parse_skeleton_file(
        {**STICK, "parents": [0, 0, 1, 1], "edges": [["hip", "chest"]], "centre": "chest", "origin": 3, "dimensions": 2}
    )
    assert (other.parents, other.edges) == ((0, 0, 1, 1), ((0, 1),))
    assert (other.centre, other.origin, other.dimensions) == (1, 3, 2)


@pytest.mark.parametrize("name", SKELETONS)
def test_every_shipped_skeleton_survives_yaml(name: str) -> None:
    assert (
        parse_skeleton_file(parse_yaml(yaml.safe_dump(_listed(SKELETONS[name].to_dict())).encode())) == SKELETONS[name]
    )
    assert parse_skeleton_file(name) == SKELETONS[name]


def _listed(value: Any) -> Any:
    """Tuples as lists, which plain YAML knows."""
    if isinstance(value, dict):
        return {key: _listed(item) for key, item in value.items()}
    return [_listed(item) for item in value] if isinstance(value, tuple) else value


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"joints": None}, "'joints' is not a list"),
        ({"joints": ["a", "a"]}, "names a joint twice"),
        ({"joint": []}, "did you mean 'joints'"),
        ({"parents": {"chests": "hip"}}, "did you mean 'chest'"),
        ({"parents": {"chest": 4}}, "names joint 4"),
        ({"parents": {"chest": True}}, "names joint True"),
        ({"parents": {"hip": "chest", "chest": "hip"}}, "'hip' form a cycle"),
        ({"parents": [0, 1]}, "neither a table"),
        ({"mirror": [["left"]]}, "instead of a pair"),
        ({"mirror": 3}, "'mirror' is not a list of pairs"),
        ({"dimensions": 4}, "expected 2 or 3"),
        ({"mirror": [["left", "left"]]}, "'mirror' pairs joint 'left' with itself: pass two different joints"),
        ({"mirror": [["left", "right"], ["chest", 2]]}, "'mirror' names left twice: leave one of them out"),
        ({"edges": [["hip", 0], ["chest", "hip"]]}, "'edges' pairs joint 'hip' with itself"),
        ({"edges": [["chest", "hip"], ["chest", 0]]}, "'edges' names hip and chest twice: leave one of them out"),
        ({"edges": [["chest", "hip"], ["hip", "chest"]]}, "'edges' names hip and chest twice"),
        ({"spine": ["hip", "hip"]}, "'spine' pairs joint 'hip' with itself"),
        ({"shoulders": [2, "left"]}, "'shoulders' pairs joint 'left' with itself"),
        ({"parents": {"chest": "hip", 1: "left"}}, "'parents' names chest twice: leave one of them out"),
    ],
)
def test_what_is_wrong_is_one_sentence(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(FormatError, match=reason):
        parse_skeleton_file({**STICK, **changes}, "skeleton.yaml")


def test_missing_fields_and_other_content() -> None:
    with pytest.raises(FormatError, match="has no 'parents'"):
        parse_skeleton_file({"name": "x", "joints": ["a"]})
    with pytest.raises(FormatError, match="needs the fields"):
        parse_skeleton_file([1])
    with pytest.raises(FormatError, match="did you mean 'ntu25'"):
        parse_skeleton_file("ntu")


def test_a_name_a_file_or_a_skeleton(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(STICK))
    assert load_skeleton(tmp_path / "s.yaml") == parse_skeleton_file(STICK)
    assert load_skeleton("ntu25") == load_skeleton(NTU25) == NTU25
    with pytest.raises(ConfigError, match="did you mean 'ntu25'"):
        load_skeleton("ntu")
    with pytest.raises(FormatError, match="No such file"):
        load_skeleton(tmp_path / "t.yaml")
