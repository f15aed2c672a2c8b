"""Targets of the fuzzing: the files of pose programs and sensors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from benchmarks import pose_samples as samples
from benchmarks.fuzz_target import Feed, Target, of_path, with_file
from dualhead.data.bodies.selection import get_selection
from dualhead.formats.file_format import RawClip, RawFile, ReadingOptions
from dualhead.formats.files.member import list_members
from dualhead.reading.listing import file_member, find_recordings, parse_member
from dualhead.reading.recognise import recognise
from dualhead.runtime.errors import DualheadError, FormatError
from dualhead.skeleton import H36M17, NTU25, Skeleton

_SEEDS: Mapping[str, tuple[str, Sequence[bytes]]] = {
    "alphapose": (
        "a.json",
        [samples.alphapose(), samples.alphapose(136), samples.alphapose_by_image(), samples.alphapose_cmu()],
    ),
    "coco_results": ("a.json", [samples.coco_results()]),
    "coco": ("a.json", [samples.coco_annotations()]),
    "mmpose": ("a.json", [samples.mmpose(), samples.mmpose(3)]),
    "mmpose_pictures": ("a_1.json", [samples.mmpose_picture()]),
    "ultralytics": ("a.json", [samples.ultralytics()]),
    "ultralytics_frames": ("a_1.json", [samples.ultralytics_frame()]),
    "mediapipe": ("a.json", [samples.mediapipe_json()]),
    "mediapipe_frames": ("a_1.json", [samples.mediapipe_frame()]),
    "mediapipe-csv": ("a.csv", [samples.mediapipe_csv(), samples.mediapipe_world_csv()]),
    "azure_kinect": ("a.json", [samples.azure_kinect()]),
    "kinect_csv": ("a.csv", [samples.kinect_long(), samples.kinect_wide()]),
    "pku_mmd": ("a.txt", [samples.pku_mmd()]),
    "hand": ("a.txt", [samples.hand()]),
    "sbu": ("a.txt", [samples.sbu()]),
    "utkinect": ("a.txt", [samples.utkinect()]),
    "smarthome": ("a.json", [samples.smarthome()]),
    "ntu_array": ("S001C001P001R001A001.skeleton.npy", [samples.ntu_array()]),
    "lifted": ("a.npz", [samples.lifted(), samples.positions_3d()]),
    "smpl": ("a.npy", [samples.smpl_array(), samples.generated_motion()]),
    "bvh": ("a.bvh", [samples.bvh()]),
}
"""By the name of the format, and of what tells two targets of it apart: the name of a file, and whole contents."""


def _take(clip: RawClip | DualheadError) -> None:
    """Select the bodies of a recording, as every command does; raise what stands in the place of one."""
    if not isinstance(clip, RawClip):
        raise clip
    get_selection(clip.body_selection)(clip.recording, clip.max_bodies)


def _read(kind: str, wanted: Skeleton | None) -> Callable[[Path], None]:
    """Recognise a file, then parse it as what it was before it was changed."""

    def read(path: Path) -> None:
        with suppress(FormatError):
            recognise(RawFile(file_member(path)))
        for clip in parse_member(file_member(path), ReadingOptions(kind=kind, usual=wanted, any_scale=True)):
            _take(clip)

    return read


def _start_labels(folder: Path) -> Feed:
    """Read a folder of label files, of which one is changed."""
    for frame in (1, 2):
        (folder / f"a_{frame}.txt").write_bytes(samples.ultralytics_label())

    def read() -> None:
        for found in find_recordings(list(list_members([folder])), ReadingOptions(any_scale=True)):
            for clip in found.parse():
                _take(clip)

    return with_file(folder, read)


def pose_targets() -> list[Target]:
    """Make the targets; each has the name of the format."""
    labels = [samples.ultralytics_label(), samples.ultralytics_label(None, 0.5), samples.ultralytics_label(3, 0.5)]
    return [
        *(
            Target(name, [(file, seeds)], of_path(_read(name.partition("-")[0], None)))
            for name, (file, seeds) in _SEEDS.items()
        ),
        Target("bvh-as-ntu", [("a.bvh", [samples.bvh()])], of_path(_read("bvh", NTU25))),
        Target("bvh-as-h36m", [("a.bvh", [samples.bvh()])], of_path(_read("bvh", H36M17))),
        Target("ultralytics_labels", [(f"a_{frame}.txt", labels) for frame in (1, 2)], _start_labels),
    ]
