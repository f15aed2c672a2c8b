"""The formats of raw files by name: the only place that knows which there are."""

from __future__ import annotations

from dualhead.formats.ctrgcn import CTRGCN_ARRAYS
from dualhead.formats.custom.clip_file import ARRAY_CLIP
from dualhead.formats.file_format import FileFormat
from dualhead.formats.kinetics.parse import KINETICS_JSON
from dualhead.formats.ntu.sources import NTU_SKELETON
from dualhead.formats.openpose import OPENPOSE_JSON
from dualhead.formats.published import PUBLISHED_ARRAY, PUBLISHED_LABELS
from dualhead.formats.pyskl import PYSKL_PICKLE
from dualhead.formats.ucla import UCLA_JSON
from dualhead.formats.unsupported import UNSUPPORTED
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.registry import Registry

FORMATS: Registry[FileFormat] = Registry("kind of file")
"""Every format by name."""


def register_format(added: FileFormat) -> FileFormat:
    """Add a format, so that `prepare custom`, `predict`, `render` and `inspect` read its files.

    Args:
        added: The format.

    Returns:
        The same format.

    Raises:
        ConfigError: If there is one of that name already, or it has both or neither of a parser and an `instead`.
    """
    if added.name in FORMATS and FORMATS[added.name] is not added:
        raise ConfigError(f"kind of file {added.name!r} is registered already: choose another name")
    if added.is_supported == bool(added.instead):
        raise ConfigError(f"format {added.name!r} needs a parser, or a sentence on what to do instead: give one")
    return FORMATS.add(added.name, added)


for _known in (
    NTU_SKELETON,
    UCLA_JSON,
    KINETICS_JSON,
    OPENPOSE_JSON,
    ARRAY_CLIP,
    PYSKL_PICKLE,
    CTRGCN_ARRAYS,
    PUBLISHED_ARRAY,
    PUBLISHED_LABELS,
    *UNSUPPORTED,
):
    register_format(_known)


def list_formats() -> list[FileFormat]:
    """Return every format, those that are recognised but not supported last."""
    return sorted((known for _, known in FORMATS.items()), key=lambda known: not known.is_supported)


def readable_suffixes() -> tuple[str, ...]:
    """Return the endings of files that can be read, in the order of the formats."""
    return tuple(dict.fromkeys(suffix for known in list_formats() if known.is_supported for suffix in known.suffixes))
