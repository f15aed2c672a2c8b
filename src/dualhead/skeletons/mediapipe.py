"""Skeletons of MediaPipe: 33 landmarks of a body in space or in an image, 21 of a hand."""

from __future__ import annotations

from dataclasses import replace

from dualhead.skeletons.skeleton import skeleton_of_tree

MEDIAPIPE33 = skeleton_of_tree(
    "mediapipe33",
    """nose left_eye_inner<nose left_eye<left_eye_inner left_eye_outer<left_eye
    right_eye_inner<nose right_eye<right_eye_inner right_eye_outer<right_eye
    left_ear<left_eye_outer right_ear<right_eye_outer mouth_left<nose mouth_right<nose
    left_shoulder<nose right_shoulder<nose left_elbow<left_shoulder right_elbow<right_shoulder
    left_wrist<left_elbow right_wrist<right_elbow left_pinky<left_wrist right_pinky<right_wrist
    left_index<left_wrist right_index<right_wrist left_thumb<left_wrist right_thumb<right_wrist
    left_hip<left_shoulder right_hip<right_shoulder left_knee<left_hip right_knee<right_hip
    left_ankle<left_knee right_ankle<right_knee left_heel<left_ankle right_heel<right_ankle
    left_foot_index<left_ankle right_foot_index<right_ankle""",
    centre="nose",
    origin="left_hip",
    spine=("left_hip", "left_shoulder"),
    shoulders=("left_shoulder", "right_shoulder"),
    dimensions=3,
)
"""BlazePose GHUM, world landmarks in metres (Bazarevsky et al., 2020). It has no joint on the spine, so the left side
of the trunk represents it."""

MEDIAPIPE33_IMAGE = replace(
    MEDIAPIPE33, name="mediapipe33_image", origin=MEDIAPIPE33.centre, spine=None, shoulders=None, dimensions=2
)
"""The same landmarks as positions in an image."""

HAND21 = skeleton_of_tree(
    "hand21",
    """wrist thumb_cmc<wrist thumb_mcp<thumb_cmc thumb_ip<thumb_mcp thumb_tip<thumb_ip
    index_mcp<wrist index_pip<index_mcp index_dip<index_pip index_tip<index_dip
    middle_mcp<wrist middle_pip<middle_mcp middle_dip<middle_pip middle_tip<middle_dip
    ring_mcp<wrist ring_pip<ring_mcp ring_dip<ring_pip ring_tip<ring_dip
    pinky_mcp<wrist pinky_pip<pinky_mcp pinky_dip<pinky_pip pinky_tip<pinky_dip""",
    centre="wrist",
    origin="wrist",
    spine=("wrist", "middle_mcp"),
    shoulders=("index_mcp", "pinky_mcp"),
    dimensions=3,
)
"""One hand (Zhang et al., 2020). The back of the hand represents the trunk: wrist to middle finger is the spine, index
to little finger are the shoulders."""
