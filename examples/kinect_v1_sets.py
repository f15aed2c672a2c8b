"""Convert UTD-MHAD and MSR-Action3D to the layout of `dualhead prepare custom`, in the joint order of NW-UCLA.

    python examples/kinect_v1_sets.py utd-mhad Skeleton.zip utd
    python examples/kinect_v1_sets.py msr-action3d data.zip msr
    dualhead prepare custom utd stores/utd

Both sets come from the sensor of NW-UCLA (Kinect, first version: 20 joints), each in an order of its own. Written in
one order (`kinect20`), a network that was trained on one set can be fine-tuned on another.

UTD-MHAD (Chen, Jafari and Kehtarnavaz, ICIP 2015): 861 recordings of 27 actions by 8 people. MSR-Action3D (Li, Zhang
and Liu, CVPR Workshops 2010): the 557 recordings of 20 actions by 10 people that its list of used files names.
Frames in which every joint is at 0 were not seen by the sensor and are left out. In both, odd subjects train.
"""

from __future__ import annotations

import argparse
import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dualhead.skeleton import SKELETONS

UTD_JOINTS = [
    "head",
    "shoulder_centre",
    "spine",
    "hip_centre",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "left_hand",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "right_hand",
    "left_hip",
    "left_knee",
    "left_ankle",
    "left_foot",
    "right_hip",
    "right_knee",
    "right_ankle",
    "right_foot",
]
MSR_JOINTS = [
    "left_shoulder",
    "right_shoulder",
    "shoulder_centre",
    "spine",
    "left_hip",
    "right_hip",
    "hip_centre",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hand",
    "right_hand",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
    "left_foot",
    "right_foot",
    "head",
]

UTD_ACTIONS = [
    "swipe left",
    "swipe right",
    "wave",
    "clap",
    "throw",
    "cross arms",
    "basketball shoot",
    "draw x",
    "draw circle clockwise",
    "draw circle counter clockwise",
    "draw triangle",
    "bowling",
    "boxing",
    "baseball swing",
    "tennis swing",
    "arm curl",
    "tennis serve",
    "push",
    "knock",
    "catch",
    "pick up and throw",
    "jog",
    "walk",
    "sit to stand",
    "stand to sit",
    "lunge",
    "squat",
]
MSR_ACTIONS = [
    "high arm wave",
    "horizontal arm wave",
    "hammer",
    "hand catch",
    "forward punch",
    "high throw",
    "draw x",
    "draw tick",
    "draw circle",
    "hand clap",
    "two hand wave",
    "side boxing",
    "bend",
    "forward kick",
    "side kick",
    "jogging",
    "tennis swing",
    "tennis serve",
    "golf swing",
    "pick up and throw",
]

Clip = tuple[str, int, int, NDArray[np.float32]]


def utd_mhad(archive: zipfile.ZipFile) -> Iterator[Clip]:
    """Yield name, class from 0, subject and joints `(T, 20, 3)` in metres of every recording."""
    from scipy.io import loadmat

    for member in sorted(archive.namelist()):
        if match := re.search(r"a(\d+)_s(\d+)_t\d+_skeleton\.mat$", member):
            joints = loadmat(io.BytesIO(archive.read(member)))["d_skel"].transpose(2, 0, 1)
            yield Path(member).stem.removesuffix("_skeleton"), int(match[1]) - 1, int(match[2]), joints


def msr_action3d(archive: zipfile.ZipFile) -> Iterator[Clip]:
    """Yield name, class from 0, subject and joints `(T, 20, 3)` in metres of every recording that the papers use."""
    members = {Path(name).name: name for name in archive.namelist()}
    for name in archive.read(members["files_used_in_cvpr12_paper.txt"]).decode().split():
        match = re.fullmatch(r"a(\d+)_s(\d+)_e\d+", name)
        if match is None:
            raise SystemExit(f"files_used_in_cvpr12_paper.txt names {name!r}: expected a name such as a01_s01_e01")
        rows = np.loadtxt(io.BytesIO(archive.read(members[f"{name}_skeleton3D.txt"])))
        yield name, int(match[1]) - 1, int(match[2]), rows.reshape(-1, 20, 4)[..., :3]


SETS = {
    "utd-mhad": (utd_mhad, UTD_JOINTS, UTD_ACTIONS),
    "msr-action3d": (msr_action3d, MSR_JOINTS, MSR_ACTIONS),
}


def main(arguments: list[str] | None = None) -> None:
    """Write clips, table.csv and dataset.yaml."""
    parser = argparse.ArgumentParser(description="Convert a data set to the layout of `dualhead prepare custom`.")
    parser.add_argument("dataset", choices=SETS)
    parser.add_argument("archive", type=Path, help="the zip as it is handed out")
    parser.add_argument("out", type=Path, help="folder to create")
    options = parser.parse_args(arguments)
    read, joints, actions = SETS[options.dataset]
    order = [joints.index(name) for name in SKELETONS["kinect20"].joints]
    (options.out / "clips").mkdir(parents=True)
    lines, subjects = ["name,label,subject"], set()
    with zipfile.ZipFile(options.archive) as archive:
        for name, label, subject, clip in read(archive):
            seen = clip.any(axis=(1, 2))
            np.save(options.out / "clips" / f"{name}.npy", clip[seen][:, order].astype(np.float32))
            lines.append(f"{name},{label},{subject}")
            subjects.add(subject)
    (options.out / "table.csv").write_text("\n".join(lines) + "\n")
    train = sorted(subject for subject in subjects if subject % 2)
    test = sorted(subject for subject in subjects if not subject % 2)
    (options.out / "dataset.yaml").write_text(
        f"skeleton: kinect20\nbodies: 1\nclasses: [{', '.join(actions)}]\n"
        f"protocols:\n  xsub: {{field: subject, train: {train}, test: {test}}}\n"
    )
    print(f"{len(lines) - 1} recordings of {len(actions)} classes in {options.out}")


if __name__ == "__main__":
    main()
