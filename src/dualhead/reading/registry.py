"""The formats of raw files by name: the only list of them."""

from __future__ import annotations

from dualhead.formats.alphapose import ALPHAPOSE
from dualhead.formats.azure_kinect import AZURE_KINECT
from dualhead.formats.bvh import BVH
from dualhead.formats.coco import COCO_ANNOTATIONS, COCO_RESULTS
from dualhead.formats.ctrgcn import CTRGCN_ARRAYS
from dualhead.formats.custom.clip_file import ARRAY_CLIP
from dualhead.formats.file_format import FileFormat
from dualhead.formats.kinect_csv import KINECT_CSV
from dualhead.formats.kinetics.parse import KINETICS_JSON
from dualhead.formats.lifters import LIFTED
from dualhead.formats.mediapipe import MEDIAPIPE, MEDIAPIPE_FRAMES
from dualhead.formats.mmpose import MMPOSE, MMPOSE_PICTURES
from dualhead.formats.ntu.array import NTU_ARRAY
from dualhead.formats.ntu.sources import NTU_SKELETON
from dualhead.formats.number_lines import HAND_IMAGE_LINES, HAND_LINES, INTERVALS, PKU_MMD, SBU_LINES, UTKINECT_LINES
from dualhead.formats.openpose import OPENPOSE_JSON
from dualhead.formats.published import PUBLISHED_ARRAY, PUBLISHED_LABELS
from dualhead.formats.pyskl import PYSKL_PICKLE
from dualhead.formats.smarthome import SMARTHOME
from dualhead.formats.smpl import SMPL_JOINTS
from dualhead.formats.ucla import UCLA_JSON
from dualhead.formats.ultralytics import ULTRALYTICS, ULTRALYTICS_FRAMES, ULTRALYTICS_LABELS
from dualhead.formats.unsupported import UNSUPPORTED
from dualhead.formats.video import POSES, VIDEO
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
    if added.is_supported == bool(added.instead):
        raise ConfigError(f"format {added.name!r} needs a parser, or a sentence on what to do instead: pass one")
    return FORMATS.add(added.name, added)


for _known in (
    NTU_SKELETON,
    UCLA_JSON,
    KINETICS_JSON,
    OPENPOSE_JSON,
    ALPHAPOSE,
    COCO_RESULTS,
    COCO_ANNOTATIONS,
    MMPOSE,
    MMPOSE_PICTURES,
    ULTRALYTICS,
    ULTRALYTICS_FRAMES,
    ULTRALYTICS_LABELS,
    MEDIAPIPE,
    MEDIAPIPE_FRAMES,
    AZURE_KINECT,
    KINECT_CSV,
    NTU_ARRAY,
    PKU_MMD,
    SBU_LINES,
    UTKINECT_LINES,
    HAND_LINES,
    SMARTHOME,
    LIFTED,
    SMPL_JOINTS,
    BVH,
    ARRAY_CLIP,
    PYSKL_PICKLE,
    CTRGCN_ARRAYS,
    PUBLISHED_ARRAY,
    PUBLISHED_LABELS,
    INTERVALS,
    HAND_IMAGE_LINES,
    VIDEO,
    POSES,
    *UNSUPPORTED,
):
    register_format(_known)


def list_formats() -> list[FileFormat]:
    """Return every format, those that are recognised but not supported last."""
    return sorted((known for _, known in FORMATS.items()), key=lambda known: not known.is_supported)


def readable_suffixes() -> tuple[str, ...]:
    """Return the endings of files that can be read, in the order of the formats."""
    return tuple(dict.fromkeys(suffix for known in list_formats() if known.is_supported for suffix in known.suffixes))
