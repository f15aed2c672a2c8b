"""Plain values from YAML: what a file may hold is bounded, and every refusal is one sentence with a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from dualhead.runtime.errors import FormatError, shorten

MAX_BYTES = 2**20
"""Largest YAML file that is read: class names of ten thousand classes fit ten times."""

_MAX_SCALAR = 100  # characters of a number, and of a text that aliases may repeat
_MAX_WHOLE = 2**63


class _Refused(yaml.MarkedYAMLError):
    """A construct that is valid YAML but is not read."""


class _Loader(yaml.SafeLoader):
    """Reads null, truth values, numbers, text, lists and mappings, and nothing else."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node; an alias may repeat a short value only, as those of containers grow exponentially."""
        alias = self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        if alias and not (isinstance(node, yaml.ScalarNode) and len(node.value) <= _MAX_SCALAR):
            raise _Refused(problem="an alias repeats a list, a mapping or a long text: write it out", problem_mark=mark)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping; of a key that comes twice the last would win silently."""
        values: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise _Refused(problem="a key is a list or a mapping: use text", problem_mark=key_node.start_mark)
            key = self.construct_object(key_node)
            if key in values:
                problem = f"the key {shorten(key)} comes twice in one table: leave one of them out"
                raise _Refused(problem=problem, problem_mark=key_node.start_mark)
            values[key] = self.construct_object(value_node, deep=deep)
        return values

    def construct_number(self, node: yaml.ScalarNode) -> int | float:
        """Construct a number of a bounded number of digits."""
        number: int | float | None = None
        if isinstance(node, yaml.ScalarNode) and len(node.value) <= _MAX_SCALAR:
            whole = node.tag.endswith(":int")
            number = self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)
        if number is None or (isinstance(number, int) and abs(number) >= _MAX_WHOLE):
            raise _Refused(problem="a number has too many digits: pass one below 2**63", problem_mark=node.start_mark)
        return number


_CORE = {
    "null": _Loader.construct_yaml_null,
    "bool": _Loader.construct_yaml_bool,
    "int": _Loader.construct_number,
    "float": _Loader.construct_number,
    "str": _Loader.construct_yaml_str,
    "seq": _Loader.construct_yaml_seq,
    "map": _Loader.construct_yaml_map,
}
# no other tag has a constructor, and no text becomes a date or the merge of another mapping
_Loader.yaml_constructors = {
    **{f"tag:yaml.org,2002:{name}": construct for name, construct in _CORE.items()},
    None: _Loader.construct_undefined,
}
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag.rpartition(":")[2] in _CORE]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(data: bytes | str, path: str | Path | None = None) -> Any:
    """Parse YAML of plain values: null, true and false, numbers, text, lists and mappings.

    Convention: dates are text. Aliases of containers, other tags and keys that come twice are refused.

    Args:
        data: The file's content.
        path: The file, for the error message.

    Returns:
        The values.

    Raises:
        FormatError: If it is not such YAML; it names the 1-based line.
    """
    if len(data) > MAX_BYTES:
        raise FormatError(f"{len(data)} bytes are more than the {MAX_BYTES} that a YAML file may have", path)
    try:
        return yaml.load(data, _Loader)
    except yaml.MarkedYAMLError as error:
        line = None if error.problem_mark is None else error.problem_mark.line + 1
        problem = " ".join(str(error.problem or error.context or "it cannot be parsed").split())[:200]
        raise FormatError(f"not the YAML that is read here ({problem})", path, line) from None
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, LookupError) as error:
        reason = " ".join(str(error).split())[:120]
        raise FormatError(f"not the YAML that is read here ({reason})", path) from None
    except RecursionError:
        raise FormatError("its lists and mappings are nested too deeply", path) from None


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file of plain values.

    Args:
        path: The file.

    Returns:
        The values, as `parse_yaml` gives them.

    Raises:
        FormatError: If it cannot be read or is not such YAML.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}", path) from None
    return parse_yaml(data, path)
