"""The skeletons that come with the package, by name."""

from __future__ import annotations

from types import MappingProxyType

from dualhead.runtime.errors import unknown
from dualhead.skeletons.hand import HAND22
from dualhead.skeletons.image import BODY25, COCO17, HALPE26, OPENPOSE18
from dualhead.skeletons.kinect import AZURE32, KINECT15, KINECT20, NTU25
from dualhead.skeletons.mediapipe import HAND21, MEDIAPIPE33, MEDIAPIPE33_IMAGE
from dualhead.skeletons.motion import H36M17, SMARTHOME13, SMPL22
from dualhead.skeletons.skeleton import Skeleton

__all__ = [
    "AZURE32",
    "BODY25",
    "COCO17",
    "H36M17",
    "HALPE26",
    "HAND21",
    "HAND22",
    "KINECT15",
    "KINECT20",
    "MEDIAPIPE33",
    "MEDIAPIPE33_IMAGE",
    "NTU25",
    "OPENPOSE18",
    "SKELETONS",
    "SMARTHOME13",
    "SMPL22",
    "Skeleton",
    "get_skeleton",
]

SKELETONS = MappingProxyType(
    {
        skeleton.name: skeleton
        for skeleton in (
            NTU25,
            OPENPOSE18,
            KINECT20,
            COCO17,
            BODY25,
            HALPE26,
            MEDIAPIPE33,
            MEDIAPIPE33_IMAGE,
            AZURE32,
            KINECT15,
            H36M17,
            SMPL22,
            SMARTHOME13,
            HAND21,
            HAND22,
        )
    }
)
"""The skeletons that come with the package, by name."""


def get_skeleton(skeleton: str | Skeleton) -> Skeleton:
    """Return a skeleton by name.

    Args:
        skeleton: A name from `SKELETONS`, or a `Skeleton`, which is returned as it is.

    Returns:
        The skeleton.

    Raises:
        ConfigError: If there is no skeleton of that name.
    """
    if isinstance(skeleton, Skeleton):
        return skeleton
    if skeleton not in SKELETONS:
        raise unknown("skeleton", skeleton, SKELETONS)
    return SKELETONS[skeleton]
