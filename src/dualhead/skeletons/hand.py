"""The skeleton of a hand as depth sensors of hands have it."""

from __future__ import annotations

from dualhead.skeletons.skeleton import skeleton_of_tree

HAND22 = skeleton_of_tree(
    "hand22",
    """wrist palm<wrist
    thumb_base<wrist thumb_first<thumb_base thumb_second<thumb_first thumb_tip<thumb_second
    index_base<palm index_first<index_base index_second<index_first index_tip<index_second
    middle_base<palm middle_first<middle_base middle_second<middle_first middle_tip<middle_second
    ring_base<palm ring_first<ring_base ring_second<ring_first ring_tip<ring_second
    pinky_base<palm pinky_first<pinky_base pinky_second<pinky_first pinky_tip<pinky_second""",
    centre="palm",
    origin="palm",
    spine=("wrist", "palm"),
    shoulders=("index_base", "pinky_base"),
    dimensions=3,
)
"""Intel RealSense, as in DHG-14/28 (De Smedt et al., CVPR Workshops 2016) and SHREC'17. The back of the hand represents
the trunk: wrist to palm is the spine, index to little finger are the shoulders."""
