"""Files that people give and that hold no joint positions: what each of them is, and what to do instead."""

from __future__ import annotations

from dualhead.formats.file_format import Evidence, FileFormat, RawFile

_FEATURES = 263  # HumanML3D; KIT has 251
_KIT_FEATURES = 251
_PICTURE = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def _smpl_angles(file: RawFile) -> Evidence | None:
    names = file.arrays.keys()
    if "poses" in names and names & {"trans", "betas", "gender", "mocap_framerate", "mocap_frame_rate"}:
        return Evidence("arrays 'poses' and 'trans' or 'betas'")
    return None


def _features(file: RawFile) -> Evidence | None:
    for shape in file.arrays.values():
        if shape is not None and len(shape) == 2 and shape[1] in (_FEATURES, _KIT_FEATURES):
            return Evidence(f"an array of shape {shape}: {shape[1]} features a frame")
    return None


def _c3d(file: RawFile) -> Evidence | None:
    return Evidence("its name ends in .c3d")


def _picture(file: RawFile) -> Evidence | None:
    return Evidence(f"its name ends in {file.suffix}")


SMPL_ANGLES = FileFormat(
    name="amass",
    title="joint angles of AMASS (SMPL parameters), not joint positions",
    suffixes=(".npz",),
    recognise=_smpl_angles,
    instead="compute joint positions with the SMPL body model and pass those as .npy (frames, 22, 3)",
)

MOTION_FEATURES = FileFormat(
    name="humanml3d_features",
    title="motion features of HumanML3D or KIT-ML, not joint positions",
    suffixes=(".npy", ".npz"),
    recognise=_features,
    instead="pass the file of the folder new_joints, (frames, 22, 3), of the same name",
)

C3D = FileFormat(
    name="c3d",
    title="markers of C3D, not joint positions",
    suffixes=(".c3d",),
    recognise=_c3d,
    instead="compute joint positions from the markers and pass those as .npy, .csv or BVH",
)

PICTURE = FileFormat(
    name="picture",
    title="a picture, not a skeleton",
    suffixes=_PICTURE,
    recognise=_picture,
    instead="find its skeletons first: dualhead poses PICTURE OUT.npz",
)

UNSUPPORTED = (SMPL_ANGLES, MOTION_FEATURES, C3D, PICTURE)
