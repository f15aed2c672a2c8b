"""Skeletons of motion capture and of what lifts 2D poses to 3D: metres."""

from __future__ import annotations

from dualhead.skeletons.skeleton import skeleton_of_tree

H36M17 = skeleton_of_tree(
    "h36m17",
    """hip right_hip<hip right_knee<right_hip right_ankle<right_knee left_hip<hip left_knee<left_hip
    left_ankle<left_knee spine<hip thorax<spine neck_nose<thorax head<neck_nose
    left_shoulder<thorax left_elbow<left_shoulder left_wrist<left_elbow
    right_shoulder<thorax right_elbow<right_shoulder right_wrist<right_elbow""",
    centre="thorax",
    origin="spine",
    spine=("hip", "spine"),
    shoulders=("left_shoulder", "right_shoulder"),
    dimensions=3,
)
"""Human3.6M in the order of lifters such as VideoPose3D (Pavllo et al., CVPR 2019)."""

SMPL22 = skeleton_of_tree(
    "smpl22",
    """pelvis left_hip<pelvis right_hip<pelvis spine1<pelvis left_knee<left_hip right_knee<right_hip spine2<spine1
    left_ankle<left_knee right_ankle<right_knee spine3<spine2 left_foot<left_ankle right_foot<right_ankle
    neck<spine3 left_collar<spine3 right_collar<spine3 head<neck left_shoulder<left_collar right_shoulder<right_collar
    left_elbow<left_shoulder right_elbow<right_shoulder left_wrist<left_elbow right_wrist<right_elbow""",
    centre="spine3",
    origin="spine1",
    spine=("pelvis", "spine1"),
    shoulders=("left_shoulder", "right_shoulder"),
    dimensions=3,
)
"""The body of SMPL without its hands, as in HumanML3D (Guo et al., CVPR 2022)."""

SMARTHOME13 = skeleton_of_tree(
    "smarthome13",
    """right_ankle<right_knee left_ankle<left_knee right_knee<right_hip left_knee<left_hip
    right_hip<right_shoulder left_hip<left_shoulder right_wrist<right_elbow left_wrist<left_elbow
    right_elbow<right_shoulder left_elbow<left_shoulder right_shoulder<head left_shoulder<head head""",
    centre="head",
    origin="left_hip",
    spine=("left_hip", "left_shoulder"),
    shoulders=("left_shoulder", "right_shoulder"),
    dimensions=3,
)
"""LCR-Net, as in Toyota Smarthome (Das et al., ICCV 2019). It has no joint on the spine, so the left side of the trunk
represents it."""
