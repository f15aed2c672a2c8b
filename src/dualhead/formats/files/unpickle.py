"""Unpickling what other projects pickled, without running anything: arrays, numbers, text and containers only.

The numbers of a pickled array come as raw bytes and a description. They are put together here, by this code; neither
NumPy's nor any other constructor is handed to the pickle.

A whitelist of names on the unpickler in C would keep code from running, but neither memory nor time bounded: it takes
4 GB to load 7 bytes that write to a far place of its memo, and hashes a nested tuple of 136 bytes for seconds, twice as
long for every 5 bytes more. The opcodes that do so are methods only of the unpickler in Python.
"""

from __future__ import annotations

import os
import pickle
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

from dualhead.formats.files.pickled_array import ArrayStandIn, DtypeStandIn, Unwrapping, build_array
from dualhead.runtime.errors import FormatError

PICKLE_SUFFIXES = (".pkl", ".pickle")
"""Endings of the names of pickles."""

_DTYPE = re.compile(r"[<>|=]?([biuf][1248]|f16|[?bBhHiIlLqQefdO]|O8|[SU]\d{1,4})", re.ASCII)
_MAX_KEY = 100
"""Most values that a key, or a member of a set, may consist of: a tuple is hashed value by value, shared ones again."""

_MAX_NUMBER = 2**63
"""Largest number of a key: those beyond can be chosen so that all have one hash."""

_CORES = ("numpy.core", "numpy._core")


def unpickle(stream: BinaryIO, path: str | Path | None = None) -> Any:
    """Read a pickle of plain data.

    Args:
        stream: The open file. Pickles of Python 2 are read too, their bytes as Latin-1 text.
        path: The file, for the error message.

    Returns:
        What it holds: arrays, numbers, text, bytes, None, and dicts, lists, tuples and sets of those.

    Raises:
        FormatError: If it asks for anything else, such as a call of a function, or is damaged.
    """
    try:
        return Unwrapping().all(_Whitelist(stream).load())
    except FormatError as error:
        raise FormatError(error.reason, path) from None
    except (
        pickle.UnpicklingError,
        EOFError,
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        AssertionError,
        ArithmeticError,
        MemoryError,
        RecursionError,
        struct.error,
    ) as error:
        raise FormatError(f"not a whole pickle of arrays ({type(error).__name__}: {error})", path) from None


class _Whitelist(pickle._Unpickler):
    """Knows the few names that a pickle of arrays needs. All are methods of it: a pickle cannot change those.

    The unpickler written in Python is fast enough where arrays are few and large; the one in C can be made to fill the
    memory by a pickle of ten bytes.
    """

    stack: list[Any]
    append: Callable[[Any], None]
    read: Callable[[int], bytes]
    pop_mark: Callable[[], list[Any]]

    def __init__(self, stream: BinaryIO):
        super().__init__(_Bounded(stream), encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        """Return the placeholder or the class of a name; see `pickle.Unpickler.find_class`.

        Raises:
            FormatError: For every other name.
        """
        place = next((module.replace(core, "core", 1) for core in _CORES if module.startswith(f"{core}.")), module)
        place = "builtins" if place == "__builtin__" else place  # its name in Python 2
        known = {
            ("core.multiarray", "_reconstruct"): self._reconstruct,
            ("core.multiarray", "scalar"): self._scalar,
            ("core.numeric", "_frombuffer"): self._from_buffer,
            ("numpy", "ndarray"): self._ndarray,
            ("numpy", "dtype"): self._dtype,
            ("_codecs", "encode"): self._encode,
            ("builtins", "bytearray"): self._bytearray,
            ("builtins", "bytes"): self._bytes,
            ("builtins", "set"): self._set,
            ("builtins", "frozenset"): self._set,
            ("builtins", "dict"): self._dict,
            ("collections", "OrderedDict"): self._dict,
        }
        if (place, name) not in known:
            raise FormatError(
                f"it asks for {f'{module}.{name}'[:80]!r}, which plain data do not need and which could run anything: "
                "refused"
            )
        return known[place, name]

    def persistent_load(self, pid: Any) -> Any:
        """Raise on references to objects outside the file.

        Raises:
            FormatError: Always.
        """
        raise FormatError("it refers to objects outside the file: refused")

    def _reconstruct(self, *_: Any) -> ArrayStandIn:
        return ArrayStandIn()

    def _scalar(self, dtype: Any, content: Any = None) -> Any:
        is_object = isinstance(dtype, DtypeStandIn) and dtype.code.lstrip("|").startswith("O")
        return build_array((), dtype, [content] if is_object else content)[()]

    def _from_buffer(self, buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
        return build_array(shape, dtype, buffer, order == "F")

    def _ndarray(self, shape: Any, dtype: Any, buffer: Any) -> NDArray[Any]:
        return build_array(shape, dtype if isinstance(dtype, DtypeStandIn) else self._dtype(dtype), buffer)

    def _dtype(self, code: Any, *_: Any) -> DtypeStandIn:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            shown = repr(code[:40]) if isinstance(code, str) else type(code).__name__
            raise FormatError(f"it holds an array of type {shown}, which is not read")
        return DtypeStandIn(code)

    def _encode(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "ascii", "utf-8"):
            raise FormatError("it encodes a value that is not text: the file is damaged")
        return text.encode(encoding)

    def _bytes(self, content: Any = b"", *encoding: Any) -> bytes:
        if isinstance(content, str):
            return self._encode(content, *encoding)
        if not isinstance(content, (bytes, bytearray)):  # a number would ask for that many zeros
            raise FormatError("it holds invalid bytes: the file is damaged")
        return bytes(content)

    def _bytearray(self, *arguments: Any) -> bytearray:
        return bytearray(self._bytes(*arguments))

    def _set(self, items: Any = ()) -> set[Any]:
        return set(map(_key, items))

    def _dict(self, items: Any = ()) -> dict[Any, Any]:
        pairs = items.items() if isinstance(items, dict) else items
        return {_key(key): value for key, value in pairs}

    def load_long4(self) -> None:
        """Raise on a number of more than 255 bytes, whose decoding time grows quadratically."""
        raise FormatError("it holds a number of more than 600 digits: the file is damaged")

    def load_bytearray8(self) -> None:
        """Load a byte array after a check that the file holds as many bytes."""
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(bytearray(self.read(length)))

    def load_dict(self) -> None:
        """Build a dict from the keys and values on the stack."""
        items = self.pop_mark()
        self.append(_filled({}, items))

    def load_setitem(self) -> None:
        """Add a key and its value to a dict, and to nothing else."""
        value, key = self.stack.pop(), self.stack.pop()
        _filled(self.stack[-1], [key, value])

    def load_setitems(self) -> None:
        """Add keys and values to a dict."""
        items = self.pop_mark()
        _filled(self.stack[-1], items)

    def load_additems(self) -> None:
        """Add members to a set."""
        items = self.pop_mark()
        self.stack[-1].update(map(_key, items))

    def load_frozenset(self) -> None:
        """Build a set from the members on the stack."""
        items = self.pop_mark()
        self.append(frozenset(map(_key, items)))

    def load_build(self) -> None:
        """Fill what represents an array or a type, and nothing else."""
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (ArrayStandIn, DtypeStandIn)):
            raise FormatError("it fills something that is not an array: refused")
        self.stack[-1].__setstate__(state)

    dispatch: ClassVar[dict[int, Any]] = {
        **pickle._Unpickler.dispatch,
        **{
            code[0]: load
            for code, load in (
                (pickle.LONG4, load_long4),
                (pickle.BYTEARRAY8, load_bytearray8),
                (pickle.DICT, load_dict),
                (pickle.SETITEM, load_setitem),
                (pickle.SETITEMS, load_setitems),
                (pickle.ADDITEMS, load_additems),
                (pickle.FROZENSET, load_frozenset),
                (pickle.BUILD, load_build),
            )
        },
    }


class _Bounded:
    """A stream that limits every read to the remaining bytes, so that a forged length allocates no memory."""

    def __init__(self, stream: BinaryIO):
        self.readline = stream.readline
        self._stream = stream
        start = stream.tell()
        self._end = stream.seek(0, os.SEEK_END)
        stream.seek(start)

    def read(self, length: int) -> bytes:
        return self._stream.read(min(length, self._end - self._stream.tell()))


def _key(value: Any) -> Any:
    """Return a value that is allowed as a key or a set member: text, numbers, None, and short tuples of those.

    Raises:
        FormatError: For everything else, some of which takes for ever to hash or to compare.
    """
    rest, count = [] if type(value) is str else [value], 1
    while rest:
        item = rest.pop()
        if isinstance(item, tuple):
            count += len(item)
            if count > _MAX_KEY:
                raise FormatError(f"it holds a key of more than {_MAX_KEY} values: the file is damaged")
            rest += item
        elif not isinstance(item, (str, bytes, int, float, complex, np.generic, type(None))):
            raise FormatError(f"it holds a {type(item).__name__} as a key: refused")
        elif isinstance(item, int) and abs(item) >= _MAX_NUMBER:
            raise FormatError("it holds a number of more than 64 bits as a key: the file is damaged")
    return value


def _filled(table: Any, items: list[Any]) -> dict[Any, Any]:
    """Add keys and values, in turn, to a dict."""
    if not isinstance(table, dict):
        raise FormatError("it adds keys to something that is not a mapping: refused")
    for place in range(0, len(items), 2):
        table[_key(items[place])] = items[place + 1]
    return table
