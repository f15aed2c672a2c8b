"""Files that hold a whole data set and not one recording: what they are, and what makes a store of them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from dualhead.formats.files.arrays import read_header
from dualhead.formats.files.member import ARCHIVE_SUFFIXES
from dualhead.formats.files.unpickle import PICKLE_SUFFIXES
from dualhead.runtime.errors import FormatError

_PUBLISHED_AXES = 5


def refuse_whole_set(path: Path) -> None:
    """Refuse a file that holds more than one recording.

    Args:
        path: A file that there is.

    Raises:
        FormatError: If it is an archive, a pickle, an npz of CTR-GCN, or an array or label file of the published
            preparation. It says what makes a store of it.
    """
    told = _whole_set(path)
    if told:
        raise FormatError(f"{told} makes a store of it, inspect that", path)


def _whole_set(path: Path) -> str:
    name = path.name.lower()
    if name.endswith(ARCHIVE_SUFFIXES):
        return "an archive of recordings: `dualhead prepare`"
    if name.endswith("_label.pkl"):
        return "the labels of a whole data set in the published layout: `dualhead prepare published` with its folder"
    if name.endswith(PICKLE_SUFFIXES):
        return "a pickle, which holds a whole data set: `dualhead prepare pyskl`"
    if not path.is_file():
        return ""
    try:
        if name.endswith(".npz"):
            with zipfile.ZipFile(path) as archive:
                if {"x_train.npy", "y_train.npy"} <= set(archive.namelist()):
                    return "a whole data set as CTR-GCN has it: `dualhead prepare ctrgcn`"
        elif name.endswith(".npy"):
            with path.open("rb") as stream:
                shape = read_header(stream, path).shape
            if len(shape) == _PUBLISHED_AXES:
                axes = "(samples, channels, frames, joints, bodies)"
                return f"an array {axes} of shape {shape}: `dualhead prepare published` with its folder"
    except (OSError, FormatError, zipfile.BadZipFile, ValueError, NotImplementedError):
        pass  # whoever reads it as one recording says what is wrong with it
    return ""
