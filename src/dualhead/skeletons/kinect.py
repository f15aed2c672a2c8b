"""Skeletons of Microsoft's depth sensors: metres in camera space."""

from __future__ import annotations

from dualhead.skeletons.skeleton import Skeleton, joint_names, pairs_from_one, parents_of, skeleton_of_tree

_NTU_EDGES = pairs_from_one(
    (1, 2), (2, 21), (3, 21), (4, 3), (5, 21), (6, 5), (7, 6), (8, 7), (9, 21), (10, 9), (11, 10), (12, 11),
    (13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19), (22, 23), (23, 8), (24, 25), (25, 12),
)  # fmt: skip

NTU25 = Skeleton(
    name="ntu25",
    joints=joint_names(
        """spine_base spine_mid neck head
        left_shoulder left_elbow left_wrist left_hand right_shoulder right_elbow right_wrist right_hand
        left_hip left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot
        spine_shoulder left_hand_tip left_thumb right_hand_tip right_thumb"""
    ),
    parents=parents_of(_NTU_EDGES, 25),
    edges=_NTU_EDGES,
    mirror=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19), (21, 23), (22, 24)),
    centre=20,
    origin=1,
    spine=(0, 1),
    shoulders=(4, 8),
    dimensions=3,
)
"""Kinect v2, as in NTU RGB+D 60 and 120 (Shahroudy et al., CVPR 2016)."""

_KINECT20_EDGES = pairs_from_one(
    (1, 2), (2, 3), (4, 3), (5, 3), (6, 5), (7, 6), (8, 7), (9, 3), (10, 9), (11, 10), (12, 11),
    (13, 1), (14, 13), (15, 14), (16, 15), (17, 1), (18, 17), (19, 18), (20, 19),
)  # fmt: skip

KINECT20 = Skeleton(
    name="kinect20",
    joints=joint_names(
        """hip_centre spine shoulder_centre head
        left_shoulder left_elbow left_wrist left_hand right_shoulder right_elbow right_wrist right_hand
        left_hip left_knee left_ankle left_foot right_hip right_knee right_ankle right_foot"""
    ),
    parents=parents_of(_KINECT20_EDGES, 20),
    edges=_KINECT20_EDGES,
    mirror=((4, 8), (5, 9), (6, 10), (7, 11), (12, 16), (13, 17), (14, 18), (15, 19)),
    centre=2,
    origin=1,
    spine=(0, 1),
    shoulders=(4, 8),
    dimensions=3,
)
"""Kinect v1, as in Northwestern-UCLA (Wang et al., CVPR 2014)."""

AZURE32 = skeleton_of_tree(
    "azure32",
    """pelvis spine_navel<pelvis spine_chest<spine_navel neck<spine_chest
    left_clavicle<spine_chest left_shoulder<left_clavicle left_elbow<left_shoulder left_wrist<left_elbow
    left_hand<left_wrist left_hand_tip<left_hand left_thumb<left_wrist
    right_clavicle<spine_chest right_shoulder<right_clavicle right_elbow<right_shoulder right_wrist<right_elbow
    right_hand<right_wrist right_hand_tip<right_hand right_thumb<right_wrist
    left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
    right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    head<neck nose<head left_eye<head left_ear<head right_eye<head right_ear<head""",
    centre="spine_chest",
    origin="spine_navel",
    spine=("pelvis", "spine_navel"),
    shoulders=("left_shoulder", "right_shoulder"),
    dimensions=3,
)
"""Azure Kinect body tracking."""

KINECT15 = skeleton_of_tree(
    "kinect15",
    """head<neck neck<torso torso
    left_shoulder<neck left_elbow<left_shoulder left_hand<left_elbow
    right_shoulder<neck right_elbow<right_shoulder right_hand<right_elbow
    left_hip<torso left_knee<left_hip left_foot<left_knee
    right_hip<torso right_knee<right_hip right_foot<right_knee""",
    centre="neck",
    origin="torso",
    spine=("torso", "neck"),
    shoulders=("left_shoulder", "right_shoulder"),
    dimensions=3,
)
"""Kinect v1 with OpenNI, as in SBU Kinect Interaction (Yun et al., CVPR Workshops 2012)."""
