"""Skeletons of 2D pose estimators: positions in an image."""

from __future__ import annotations

from dualhead.skeletons.skeleton import Skeleton, joint_names, parents_of, skeleton_of_tree

_OPENPOSE_BONES = (
    (1, 0), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6), (8, 2), (9, 8), (10, 9), (11, 5), (12, 11), (13, 12),
    (14, 0), (15, 0), (16, 14), (17, 15),
)  # fmt: skip

OPENPOSE18 = Skeleton(
    name="openpose18",
    joints=joint_names(
        """nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist
        right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear"""
    ),
    parents=parents_of(_OPENPOSE_BONES, 18),
    edges=(
        (4, 3), (3, 2), (7, 6), (6, 5), (13, 12), (12, 11), (10, 9), (9, 8), (11, 5), (8, 2), (5, 1), (2, 1), (0, 1),
        (15, 0), (14, 0), (17, 15), (16, 14),
    ),
    mirror=((5, 2), (6, 3), (7, 4), (11, 8), (12, 9), (13, 10), (15, 14), (17, 16)),
    centre=1,
    origin=1,
    spine=None,
    shoulders=None,
    dimensions=2,
)  # fmt: skip
"""OpenPose, as in Kinetics-Skeleton 400 (Yan et al., AAAI 2018): graph rooted at the neck, bones at the nose."""

_COCO_EDGES = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 5), (12, 6), (9, 7), (7, 5), (10, 8), (8, 6), (5, 0), (6, 0),
    (1, 0), (3, 1), (2, 0), (4, 2),
)  # fmt: skip

COCO17 = Skeleton(
    name="coco17",
    joints=joint_names(
        """nose left_eye right_eye left_ear right_ear left_shoulder right_shoulder left_elbow right_elbow
        left_wrist right_wrist left_hip right_hip left_knee right_knee left_ankle right_ankle"""
    ),
    parents=parents_of(_COCO_EDGES, 17),
    edges=_COCO_EDGES,
    mirror=((1, 2), (3, 4), (5, 6), (7, 8), (9, 10), (11, 12), (13, 14), (15, 16)),
    centre=0,
    origin=0,
    spine=None,
    shoulders=None,
    dimensions=2,
)
"""COCO key points, as 2D pose estimators give them (Lin et al., ECCV 2014)."""

_BODY25_EDGES = (
    (8, 1), (9, 8), (10, 9), (11, 10), (12, 8), (13, 12), (14, 13), (2, 1), (3, 2), (4, 3), (5, 1), (6, 5), (7, 6),
    (0, 1), (15, 0), (16, 0), (17, 15), (18, 16), (19, 14), (20, 19), (21, 14), (22, 11), (23, 22), (24, 11),
)  # fmt: skip

BODY25 = Skeleton(
    name="body25",
    joints=joint_names(
        """nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist
        mid_hip right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear
        left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"""
    ),
    parents=parents_of(_BODY25_EDGES, 25),
    edges=_BODY25_EDGES,
    mirror=(
        (5, 2), (6, 3), (7, 4), (12, 9), (13, 10), (14, 11), (16, 15), (18, 17), (19, 22), (20, 23), (21, 24),
    ),
    centre=1,
    origin=1,
    spine=None,
    shoulders=None,
    dimensions=2,
)  # fmt: skip
"""BODY_25, what OpenPose gives by default (Cao et al., TPAMI 2019)."""

HALPE26 = skeleton_of_tree(
    "halpe26",
    """nose<head left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
    left_shoulder<neck right_shoulder<neck left_elbow<left_shoulder right_elbow<right_shoulder
    left_wrist<left_elbow right_wrist<right_elbow left_hip<hip right_hip<hip
    left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
    head<neck neck hip<neck
    left_big_toe<left_ankle right_big_toe<right_ankle left_small_toe<left_big_toe right_small_toe<right_big_toe
    left_heel<left_ankle right_heel<right_ankle""",
    centre="neck",
    origin="neck",
    spine=None,
    shoulders=None,
    dimensions=2,
)
"""Halpe, the body of AlphaPose's 26 and 136 key points (Fang et al., TPAMI 2022)."""
