"""Building the parser of one command from the signature, type hints and docstring of a library function."""

from __future__ import annotations

import argparse
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, Union, get_args, get_origin, get_type_hints

from docstring_parser import DocstringStyle, parse
from jsonargparse import ActionYesNo, ArgumentParser, Namespace

from dualhead.runtime.errors import unknown

_SCALARS: Mapping[Any, tuple[str, str]] = {
    int: ("INT", "an integer"),
    float: ("NUMBER", "a number"),
    str: ("TEXT", "text"),
    Path: ("PATH", "a path"),
    bool: ("BOOL", "true or false"),
}

RENAMED_OPTIONS: Mapping[str, str] = {
    "--data": "--store",
    "--progress": "--no-quiet",
    "--no-progress": "--quiet",
    "--accumulate": "--accumulate_grad_batches",
    "--clip-norm": "--gradient_clip_norm",
    "--workers": "--num_workers",
    "--label-smoothing": "--objective.arguments.label_smoothing",
}
"""Options of earlier versions and what they are called now."""


class UsageError(Exception):
    """A command line that cannot be understood; the message is one sentence for the user."""


class _Formatter(argparse.HelpFormatter):
    """Wraps the paragraphs of a description one by one."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        filled = (
            textwrap.fill(part, width, initial_indent=indent, subsequent_indent=indent) for part in text.split("\n\n")
        )
        return "\n\n".join(filled)


class _Parser(ArgumentParser):
    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise instead of printing the whole usage.

        Raises:
            UsageError: Always.
        """
        raise UsageError(" ".join(message.split())) from ex


@dataclass(frozen=True)
class Parameter:
    """A parameter of a function, as the command line sees it.

    Attributes:
        name: Its name in the function.
        flag: The words that are typed: "--top-k", or the name itself where it is positional.
        kinds: The types that a value may have: scalars, `Path` and literals.
        many: Whether several values may be given.
        single: Types that stand alone where several values of another type may be given ("equal", or numbers).
        help: The explanation.
        default: Its default; `inspect.Parameter.empty` where it must be given.
    """

    name: str
    flag: str
    kinds: tuple[Any, ...]
    many: bool
    single: tuple[Any, ...]
    help: str
    default: Any

    @property
    def required(self) -> bool:
        """True if it must be given."""
        return self.default is inspect.Parameter.empty

    @property
    def switch(self) -> bool:
        """True if it is on or off: `--name` or `--no-name`."""
        return self.kinds == (bool,) and not self.many and self.flag.startswith("--")

    @property
    def words(self) -> str:
        """The valid values in words."""
        return " or ".join(
            ", ".join(map(str, get_args(kind))) if get_origin(kind) is Literal else _SCALARS[kind][1]
            for kind in self.kinds
        )


class FunctionParser:
    """Reads the command line of one function.

    Parameters without a default are positional, the others are options; a `bool` is a pair `--name`/`--no-name`; a
    list takes several values; a parameter of a type that cannot be typed (an open store, a console) is left out.

    Args:
        prog: The words that the user types ("dualhead fuse").
        function: A function with type hints and a Google-style docstring.
        as_options: Names of parameters without a default that are given as options all the same.
        as_positional: Names of parameters with a default that are positional all the same, and may be left out.
        renamed: Other option names by parameter name.
        keys: A dataclass of settings, whose fields become options with dotted names ("--optimizer.lr") and are handed
            over as text.
        open_keys: Dotted prefixes in `keys` under which any name is taken ("model.arguments").
    """

    def __init__(
        self,
        prog: str,
        function: Callable[..., object],
        *,
        as_options: Sequence[str] = (),
        as_positional: Sequence[str] = (),
        renamed: Mapping[str, str] = types.MappingProxyType({}),
        keys: type[Any] | None = None,
        open_keys: Sequence[str] = (),
    ):
        document = parse(inspect.getdoc(function) or "", style=DocstringStyle.GOOGLE)
        meanings = {item.arg_name: " ".join((item.description or "").split()) for item in document.params}
        self.parameters = _parameters(function, meanings, as_options, as_positional, renamed)
        self.keys = {} if keys is None else dict(_flat_fields(keys, ""))
        self._open_keys = open_keys
        switches = [f"--no-{item.flag[2:]}" for item in self.parameters if item.switch]
        given = [item.flag for item in self.parameters if item.flag.startswith("--")]
        self._flags = ["--help", *given, *switches, *(f"--{key}" for key in self.keys)]
        paragraphs = [document.short_description or "", *(document.long_description or "").split("\n\n")]
        self._parser = _Parser(
            prog=prog,
            description="\n\n".join(" ".join(text.split()) for text in paragraphs if text.strip()),
            formatter_class=_Formatter,
            allow_abbrev=False,
        )
        for parameter in self.parameters:
            _add(self._parser, parameter)
        if self.keys:
            group = self._parser.add_argument_group(
                "keys of the experiment, in place of the values in its file",
                "".join(f"Also --{prefix}.NAME for any NAME that is known there." for prefix in open_keys),
            )
            for key, meaning in self.keys.items():
                group.add_argument(f"--{key}", type=str, metavar="VALUE", help=meaning.replace("%", "%%"))

    def help(self) -> str:
        """Return the help page."""
        return str(self._parser.format_help())

    def parse(self, words: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
        """Read the words of a command line.

        Args:
            words: The words after the command's name.

        Returns:
            The arguments by parameter name, defaults left out; and the texts given for `keys` by dotted name.

        Raises:
            UsageError: If an option is unknown, a value cannot be used or something is missing.
        """
        options = list(words).index("--") if "--" in words else len(words)  # behind a lone `--` nothing is an option
        words = [*(self._known(word) for word in words[:options]), *words[options:]]
        try:
            values: Namespace = self._parser.parse_args(words)
        except (argparse.ArgumentError, UsageError) as error:
            raise UsageError(self._sentence(str(error))) from error
        arguments = {}
        for parameter in self.parameters:
            value = values[parameter.name]
            if parameter.required or value != parameter.default:
                arguments[parameter.name] = _unwrapped(parameter, value)
        return arguments, {key: values[key] for key in self.keys if values[key] is not None}

    def _known(self, word: str) -> str:
        """Check that an option exists; `_` and `-` in its name are the same."""
        if not word.startswith("--"):
            return word
        option, equals, value = word.partition("=")
        for spelling in (option, option.replace("_", "-"), f"--{option[2:].replace('-', '_')}"):
            if spelling in self._flags:
                return spelling + equals + value
        for prefix in self._open_keys:
            if option.startswith(f"--{prefix}."):
                self.keys[option[2:]] = ""
                self._flags.append(option)
                self._parser.add_argument(option, type=str)
                return word
        new = RENAMED_OPTIONS.get(option.replace("_", "-"), "")
        if new in self._flags or any(new.startswith(f"--{prefix}.") for prefix in self._open_keys):
            raise UsageError(f"option {option} is now called {new}")
        raise UsageError(str(unknown("option", option, self._flags)))

    def _sentence(self, message: str) -> str:
        """Describe in one sentence what the parser found wrong."""
        lacking = re.match(r"the following arguments are required: (.+)", message)
        if lacking:
            flags = {item.name: item.flag for item in self.parameters}
            return f"missing: {', '.join(flags.get(name, name) for name in lacking[1].split(', '))}"
        found = re.match(r'Parser key "([^"]+)"', message)
        parameter = next((item for item in self.parameters if found and item.name == found[1]), None)
        if parameter is None:
            return " ".join(message.split())
        value = message.rsplit("alue: ", 1)[-1].strip()
        if len(parameter.kinds) == 1 and get_origin(parameter.kinds[0]) is Literal:
            return str(unknown(parameter.flag, value, map(str, get_args(parameter.kinds[0]))))
        return f"{parameter.flag} is {value!r}: expected {parameter.words}"


def _parameters(
    function: Callable[..., object],
    meanings: Mapping[str, str],
    as_options: Iterable[str],
    as_positional: Iterable[str],
    renamed: Mapping[str, str],
) -> list[Parameter]:
    hints = get_type_hints(function)
    found = []
    for name, parameter in inspect.signature(function).parameters.items():
        leaves = _leaves(hints[name])
        lists = [leaf for leaf in leaves if _element(leaf) is not None]
        single = tuple(leaf for leaf in leaves if leaf not in lists)
        kinds = tuple(dict.fromkeys([*(kind for leaf in lists for kind in _leaves(_element(leaf))), *single]))
        required = parameter.default is inspect.Parameter.empty
        if not kinds and not required:
            continue
        typed = renamed.get(name, name)
        flag = (
            typed if (required and name not in as_options) or name in as_positional else f"--{typed.replace('_', '-')}"
        )
        found.append(Parameter(name, flag, kinds, bool(lists), single, meanings.get(name, ""), parameter.default))
    return found


def _leaves(hint: Any) -> list[Any]:
    """List the parts of a type hint that can be typed on a command line; `Path` replaces text."""
    if get_origin(hint) in (Union, types.UnionType):
        found = [leaf for part in get_args(hint) for leaf in _leaves(part)]
        return [leaf for leaf in found if not (leaf is str and Path in found)]
    typable = (
        hint in _SCALARS or get_origin(hint) is Literal or (_element(hint) is not None and _leaves(_element(hint)))
    )
    return [hint] if typable else []


def _element(hint: Any) -> Any:
    """Return the element type of a list-like type hint; None for any other type."""
    origin = get_origin(hint)
    return get_args(hint)[0] if origin in (list, tuple) or origin in (Sequence, Iterable) else None


def _add(parser: ArgumentParser, parameter: Parameter) -> None:
    text = parameter.help
    shown = parameter.default
    if not parameter.required and shown not in (None, ()) and "default" not in text.lower():
        text = f"{text.rstrip('.')} (default: {str(shown).lower() if isinstance(shown, bool) else shown})."
    options: dict[str, Any] = {"help": text.replace("%", "%%")}
    positional = not parameter.flag.startswith("-")
    if not positional:
        options |= {"default": None if parameter.required else shown, "required": parameter.required}
        options["dest"] = parameter.name
    if parameter.switch:
        parser.add_argument(parameter.flag, action=ActionYesNo(yes_prefix="", no_prefix="no-"), **options)
        return
    if parameter.many:
        options["nargs"] = "+"
    elif positional and not parameter.required:
        options |= {"nargs": "?", "default": shown}
    if not positional:
        options["metavar"] = _metavar(parameter.kinds)
    parser.add_argument(parameter.flag, type=Union[parameter.kinds], **options)  # noqa: UP007  (a tuple made at run time)


def _metavar(kinds: Sequence[Any]) -> str:
    return "|".join(
        "|".join(map(str, get_args(kind))) if get_origin(kind) is Literal else _SCALARS[kind][0] for kind in kinds
    )


def _unwrapped(parameter: Parameter, value: Any) -> Any:
    """Unwrap a list of one value where its bare type is allowed ("equal" where numbers could be given)."""
    if not parameter.many or not parameter.single or value is None or len(value) != 1:
        return value
    alone = [
        kind for kind in parameter.single
        if (value[0] in get_args(kind) if get_origin(kind) is Literal else isinstance(value[0], kind))
    ]  # fmt: skip
    return value[0] if alone else value


def _flat_fields(kind: type[Any], prefix: str) -> Iterable[tuple[str, str]]:
    """List the dotted names of the fields of nested dataclasses, each with its meaning and default."""
    document = parse(inspect.getdoc(kind) or "", style=DocstringStyle.GOOGLE)
    meanings = {item.arg_name: " ".join((item.description or "").split()) for item in document.params}
    hints = get_type_hints(kind)
    for field in fields(kind):
        if is_dataclass(hints[field.name]):
            yield from _flat_fields(hints[field.name], f"{prefix}{field.name}.")
        elif get_origin(hints[field.name]) is not dict:
            meaning = meanings.get(field.name, "")
            if field.default is not MISSING and field.default is not None:
                meaning = f"{meaning.rstrip('.')} (default: {_yaml(field.default)})."
            yield f"{prefix}{field.name}", meaning


def _yaml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else str(value)
