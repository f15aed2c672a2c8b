"""Unpickling what other projects pickled, without running anything: arrays, numbers, text and containers only.

The numbers of a pickled array come as raw bytes and a description. They are put together here, by this code; neither
NumPy's nor any other constructor is handed to the pickle.
"""

from __future__ import annotations

import pickle
import re
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from dualhead.errors import FormatError

_DTYPE = re.compile(r"[<>|=]?([biuf][1248]|f16|[?bBhHiIlLqQefdO]|O8|[SU]\d{1,4})", re.ASCII)
_MAX_DIMENSIONS = 8
_CORES = ("numpy.core", "numpy._core")


def unpickle(stream: BinaryIO, path: str | Path | None = None) -> Any:
    """Read a pickle of plain data.

    Args:
        stream: The open file. Pickles of Python 2 are read too, their bytes as Latin-1 text.
        path: Where they came from, for the error message.

    Returns:
        What it holds: arrays, numbers, text, bytes, None, and dicts, lists, tuples and sets of those.

    Raises:
        FormatError: If it asks for anything else, such as a call of a function, or is damaged.
    """
    try:
        return _unwrapped(_Whitelist(stream).load(), {})
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


class _Dtype:
    """Stands for a dtype until its byte order is known."""

    __slots__ = ("code",)

    def __init__(self, code: str):
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """Take the byte order; a state that describes fields is refused."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "=") or any(state[2:5]):
            raise FormatError("it holds an array of records or with another unusual type, which is not read")
        self.code = state[1] + self.code.lstrip("<>|=")


class _Array:
    """Stands for an array until its content is there."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        """Take (version, shape, dtype, is in Fortran order, content)."""
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise FormatError("it holds an array without content: the file is damaged")
        shape, dtype, fortran, content = state[-4:]
        self.value = _build(shape, dtype, content, bool(fortran))


def _build(shape: Any, dtype: Any, content: Any, fortran: bool = False) -> NDArray[Any]:
    """Put an array together from its parts."""
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        raise FormatError("it holds an array whose shape is no shape: the file is damaged")
    sizes = [size for size in shape if isinstance(size, int) and size >= 0]
    code = dtype.code if isinstance(dtype, _Dtype) else ""
    if len(sizes) != len(shape) or not code:
        raise FormatError("it holds an array whose shape or type is none: the file is damaged")
    order = "F" if fortran else "C"
    if code.lstrip("<>|=") in ("O", "O8"):
        if not isinstance(content, list) or len(content) != int(np.prod(sizes, dtype=object)):
            raise FormatError("it holds an array of objects without its objects: the file is damaged")
        items = np.empty(len(content), object)
        items[:] = content
        return items.reshape(sizes, order=order)  # type: ignore[call-overload, no-any-return]
    if isinstance(content, str):
        content = content.encode("latin-1")  # a pickle of Python 2
    if not isinstance(content, (bytes, bytearray)):
        raise FormatError("it holds an array whose content is no bytes: the file is damaged")
    return np.frombuffer(content, np.dtype(code)).reshape(sizes, order=order)  # type: ignore[call-overload, no-any-return]


class _Whitelist(pickle._Unpickler):
    """Knows the few names that a pickle of arrays needs. All are methods of it: a pickle cannot change those.

    The unpickler written in Python is fast enough where arrays are few and large; the one in C can be made to fill the
    memory by a pickle of ten bytes.
    """

    def __init__(self, stream: BinaryIO):
        super().__init__(stream, encoding="latin1")

    def find_class(self, module: str, name: str) -> Any:
        """Give what stands for a name; see `pickle.Unpickler.find_class`.

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
        """Refuse references to objects outside the file.

        Raises:
            FormatError: Always.
        """
        raise FormatError("it refers to objects outside the file: refused")

    def _reconstruct(self, *_: Any) -> _Array:
        return _Array()

    def _scalar(self, dtype: Any, content: Any = None) -> Any:
        is_object = isinstance(dtype, _Dtype) and dtype.code.lstrip("|").startswith("O")
        return _build((), dtype, [content] if is_object else content)[()]

    def _from_buffer(self, buffer: Any, dtype: Any, shape: Any, order: Any) -> NDArray[Any]:
        return _build(shape, dtype, buffer, order == "F")

    def _ndarray(self, shape: Any, dtype: Any, buffer: Any) -> NDArray[Any]:
        return _build(shape, dtype if isinstance(dtype, _Dtype) else self._dtype(dtype), buffer)

    def _dtype(self, code: Any, *_: Any) -> _Dtype:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code):
            raise FormatError(f"it holds an array of type {str(code)[:40]!r}, which is not read")
        return _Dtype(code)

    def _encode(self, text: Any, encoding: Any = "latin1") -> bytes:
        if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "ascii", "utf-8"):
            raise FormatError("it encodes something that is no text: the file is damaged")
        return text.encode(encoding)

    def _bytes(self, content: Any = b"", *encoding: Any) -> bytes:
        if isinstance(content, str):
            return self._encode(content, *encoding)
        if not isinstance(content, (bytes, bytearray)):  # a number would ask for that many zeros
            raise FormatError("it holds bytes that are none: the file is damaged")
        return bytes(content)

    def _bytearray(self, *arguments: Any) -> bytearray:
        return bytearray(self._bytes(*arguments))

    def _set(self, items: Any = ()) -> set[Any]:
        return set(items)

    def _dict(self, items: Any = ()) -> dict[Any, Any]:
        return dict(items)


_OPEN = object()
"""Marks a container whose content is being looked at."""


def _unwrapped(value: Any, done: dict[int, Any]) -> Any:
    """Put arrays in the place of what stood for them, in containers of any depth.

    Args:
        value: What was unpickled.
        done: Results by `id`, so that what is referred to many times is looked at once.

    Raises:
        FormatError: If a container holds itself.
    """
    if isinstance(value, _Array):
        return value.value
    if not isinstance(value, (dict, list, tuple)):
        if isinstance(value, _Dtype) or callable(value):
            raise FormatError("it holds a name instead of data: refused")
        return value
    result = done.get(id(value))
    if result is _OPEN:
        raise FormatError("it holds a container that holds itself: the file is damaged")
    if result is None:
        done[id(value)] = _OPEN
        if isinstance(value, dict):
            result = {key: _unwrapped(item, done) for key, item in value.items()}
        else:
            result = type(value)(_unwrapped(item, done) for item in value)
        done[id(value)] = result
    return result
