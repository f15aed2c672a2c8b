"""The data sets of `prepare`, by name."""

from __future__ import annotations

from collections.abc import Callable

from dualhead.formats.ctrgcn import ctrgcn
from dualhead.formats.kinetics.parse import kinetics
from dualhead.formats.ntu.sources import ntu60, ntu120
from dualhead.formats.published import published
from dualhead.formats.pyskl import pyskl
from dualhead.formats.source import Source
from dualhead.formats.synthetic import synthetic
from dualhead.formats.ucla import ucla
from dualhead.reading.custom_source import custom
from dualhead.reading.videos_source import videos
from dualhead.runtime.errors import unknown

_SOURCES: dict[str, Callable[[], Source]] = {
    "ntu60": ntu60,
    "ntu120": ntu120,
    "kinetics": kinetics,
    "ucla": ucla,
    "pyskl": pyskl,
    "ctrgcn": ctrgcn,
    "published": published,
    "custom": custom,
    "videos": videos,
    "synthetic": synthetic,
}


def list_sources() -> list[str]:
    """List the names of all sources that `get_source` and `prepare` know."""
    return list(_SOURCES)


def get_source(name: str | Source) -> Source:
    """Return a source by name.

    Args:
        name: A name from `list_sources`, or a `Source`, which is returned as it is.

    Returns:
        The source.

    Raises:
        ConfigError: If there is no source of that name.
    """
    if isinstance(name, Source):
        return name
    if name not in _SOURCES:
        raise unknown("source", name, _SOURCES)
    return _SOURCES[name]()
