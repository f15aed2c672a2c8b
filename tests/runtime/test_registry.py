"""Names, those of the package and those of plugins."""

from __future__ import annotations

import pytest

from dualhead.runtime.errors import ConfigError
from dualhead.runtime.registry import Registry


def one() -> int:
    return 1


def two() -> int:
    return 2


def test_values_are_found_by_name_in_their_order() -> None:
    registry: Registry[object] = Registry("thing")
    registry.add("second", two)
    assert registry.add("first", one) is one
    assert registry.names() == ["second", "first"]
    assert registry["first"] is one
    assert "third" not in registry
    with pytest.raises(ConfigError, match=r"'frist'.*'first'"):
        registry["frist"]


def test_a_name_belongs_to_one_value_but_a_reload_replaces_it() -> None:
    registry: Registry[object] = Registry("thing")
    registry.add("a", one)
    registry.add("a", one)
    with pytest.raises(ConfigError, match=f"'a'.*{__name__}"):
        registry.add("a", two)


@pytest.mark.parametrize("name", ["", "1a", "a b", "../a", "a.b"])
def test_names_that_would_not_do_on_a_command_line_are_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        Registry[int]("thing").add(name, 1)


def test_the_package_s_own_values_are_loaded_once_and_late() -> None:
    calls = []

    def load() -> None:
        calls.append(registry.add("own", 1))

    registry: Registry[int] = Registry("thing", load)
    assert calls == []
    assert registry["own"] == 1
    assert len(registry) == 1
    assert calls == [1]
