"""Placeholders for pickled arrays, and their replacement by the arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualhead.runtime.errors import FormatError

_MAX_DIMENSIONS = 8
_UNFOLDED = 1_000_000
"""Most values in addition to ten times the distinct ones; shared values count once for each reference."""


class DtypeStandIn:
    """A placeholder for a dtype until its byte order is known."""

    __slots__ = ("code",)

    def __init__(self, code: str):
        self.code = code

    def __setstate__(self, state: Any) -> None:
        """Set the byte order; raise if the state describes a structured type."""
        if not isinstance(state, tuple) or len(state) < 5 or state[1] not in ("<", ">", "|", "=") or any(state[2:5]):
            raise FormatError("it holds an array of records or with another unusual type, which is not read")
        self.code = state[1] + self.code.lstrip("<>|=")


class ArrayStandIn:
    """Stands for an array until its content is there."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: Any = None

    def __setstate__(self, state: Any) -> None:
        """Set (version, shape, dtype, is in Fortran order, content)."""
        if not isinstance(state, tuple) or len(state) not in (4, 5):
            raise FormatError("it holds an array without content: the file is damaged")
        shape, dtype, fortran, content = state[-4:]
        self.value = build_array(shape, dtype, content, bool(fortran))


def build_array(shape: Any, dtype: Any, content: Any, fortran: bool = False) -> NDArray[Any]:
    """Build an array from its parts.

    Args:
        shape: The expected shape.
        dtype: The value that represents its type.
        content: Its numbers as bytes, or a list of objects.
        fortran: Whether the first axis varies fastest.

    Raises:
        FormatError: If one of them is something else.
    """
    if not isinstance(shape, tuple) or len(shape) > _MAX_DIMENSIONS:
        raise FormatError("it holds an array whose shape is not a shape: the file is damaged")
    sizes = [size for size in shape if isinstance(size, int) and size >= 0]
    code = dtype.code if isinstance(dtype, DtypeStandIn) else ""
    if len(sizes) != len(shape) or not code:
        raise FormatError("it holds an array of an invalid shape or type: the file is damaged")
    order = "F" if fortran else "C"
    if code.lstrip("<>|=") in ("O", "O8"):
        if not isinstance(content, list) or len(content) != int(np.prod(sizes, dtype=object)):
            raise FormatError("it holds an array of objects without its objects: the file is damaged")
        return _objects(content).reshape(sizes, order=order)  # type: ignore[call-overload, no-any-return]
    if isinstance(content, str):
        content = content.encode("latin-1")  # a pickle of Python 2
    if not isinstance(content, (bytes, bytearray)):
        raise FormatError("it holds an array whose content is not a bytes: the file is damaged")
    return np.frombuffer(content, np.dtype(code)).reshape(sizes, order=order)  # type: ignore[call-overload, no-any-return]


_LEAVES = (str, int, float, bytes, type(None))
_OPEN = object()
"""Stands for a container whose content is being looked at."""


class Unwrapping:
    """Puts arrays in the place of what stood for them, in containers of any depth, each of which is looked at once."""

    def __init__(self) -> None:
        self._done: dict[int, tuple[Any, int]] = {}
        self._count = 0

    def all(self, value: Any) -> Any:
        """Unwrap what was unpickled.

        Raises:
            FormatError: If a container holds itself, or others so often that no person could walk through them.
        """
        result, unfolded = self._one(value)
        if unfolded > _UNFOLDED + 10 * self._count:
            raise FormatError("it holds the same lists nested so often that their expansion is too large: refused")
        return result

    def _one(self, value: Any) -> tuple[Any, int]:
        """Convert a value and count its parts; shared parts count each time."""
        if isinstance(value, np.ndarray) and value.dtype != object:
            return value, 1
        if not isinstance(value, (dict, list, tuple, ArrayStandIn, np.ndarray)):
            if isinstance(value, DtypeStandIn) or callable(value):
                raise FormatError("it holds a name instead of data: refused")
            return value, 1
        known = self._done.get(id(value))
        if known is None:
            self._done[id(value)] = (_OPEN, 0)
            known = self._done[id(value)] = self._container(value)
        if known[0] is _OPEN:
            raise FormatError("it holds a container that holds itself: the file is damaged")
        return known

    def _container(self, value: Any) -> tuple[Any, int]:
        if isinstance(value, ArrayStandIn):
            return self._one(value.value)
        items = value.values() if isinstance(value, dict) else value.ravel() if isinstance(value, np.ndarray) else value
        results, unfolded = [], 1
        for item in items:
            result, count = (item, 1) if isinstance(item, _LEAVES) else self._one(item)
            results.append(result)
            unfolded += count
        self._count += len(results)
        if isinstance(value, dict):
            return dict(zip(value, results, strict=True)), unfolded
        if isinstance(value, np.ndarray):
            return _objects(results).reshape(value.shape), unfolded
        return type(value)(results), unfolded


def _objects(items: list[Any]) -> NDArray[Any]:
    """Create an array of objects item by item, since numpy would convert nested sequences."""
    array = np.empty(len(items), object)
    for index, item in enumerate(items):
        array[index] = item
    return array
