"""Every target of the fuzzing: the parsers of raw data, and those of the project's own files."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np

from benchmarks.fuzz_files import (
    custom,
    joints,
    kinetics_clip,
    npy,
    npz,
    openpose_frame,
    packed_tar,
    packed_zip,
    published,
    pyskl,
    skeletons,
    ucla_clip,
)
from benchmarks.fuzz_own_files import own_targets
from benchmarks.fuzz_pose_formats import pose_targets
from benchmarks.fuzz_target import Feed, Target, of_bytes, of_path, with_file
from dualhead.data.bodies.selection import get_selection
from dualhead.data.reader import Reader
from dualhead.data.reading import read_sequence
from dualhead.formats.files.member import list_members
from dualhead.formats.intervals import parse_intervals
from dualhead.formats.kinetics.parse import parse_kinetics
from dualhead.formats.ntu.parse import parse_skeleton
from dualhead.formats.source import Source
from dualhead.inspection.file_story import explain_file
from dualhead.reading.sources import get_source
from dualhead.runtime.errors import DamageError, DualheadError, FormatError
from dualhead.skeleton import COCO17, OPENPOSE18


def _read_all(source: Source, raw: Path) -> dict[str, tuple[int | None, bytes]]:
    """List a raw tree, read every item and select bodies, as `prepare` does; give labels and joints by name."""
    listing = source.list_items([raw])
    learned = listing.source or source
    found = {}
    for item in listing.items:
        try:
            recording = learned.read(item)
        except DamageError:
            raise
        except FormatError:
            continue
        joints, _ = get_selection(learned.body_selection)(recording, learned.max_bodies)
        found[item.sample.name] = item.sample.label, joints.tobytes()
    return found


def _tree(source: Source, files: Mapping[str, bytes], checked: bool) -> Callable[[Path], Feed]:
    """Feed one file of a raw tree, the others being whole."""

    def start(folder: Path) -> Feed:
        for name, data in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        whole = _read_all(source, folder)

        def read() -> None:
            if _read_all(source, folder) != whole and checked:
                raise AssertionError("a damaged file with a checksum gave something else")

        return with_file(folder, read)

    return start


def _tree_target(
    name: str,
    source: Source,
    files: Mapping[str, bytes],
    more: Mapping[str, bytes] | None = None,
    checked: bool = False,
) -> Target:
    """Make a target of every file of a tree; `more` gives other contents of some, `checked`: they have checksums."""
    seeds = [(file, [data, *([more[file]] if more and file in more else [])]) for file, data in files.items()]
    return Target(name, seeds, _tree(source, files, checked))


def _read_members(path: Path, files: Mapping[str, bytes]) -> None:
    """Read everything in an archive, which, where it has checksums, must be what was packed, or an error."""
    found = []
    for member in list_members([path]):
        with suppress(FormatError):
            found.append(member.read())
    if path.suffix != ".tar" and not {*found} <= {*files.values()}:
        raise AssertionError("a damaged archive gave what it did not hold")
    if path.suffix not in (".tar", ".zip") and len(found) != len(files):
        raise AssertionError(f"a damaged archive gave {len(found)} of {len(files)} files")


def _archives() -> list[Target]:
    whole = skeletons()
    files = {"a/S001C001P001R001A001.skeleton": whole[0], "b/S001C002P001R001A002.skeleton": whole[2]}
    zips = [packed_zip(files, zipfile.ZIP_STORED), packed_zip(files, zipfile.ZIP_DEFLATED)]
    tars = {
        "x.tar": packed_tar(files, "w"),
        "x.tar.gz": packed_tar(files, "w:gz"),
        "x.tar.xz": packed_tar(files, "w:xz"),
        "x.tar.bz2": packed_tar(files, "w:bz2"),
    }
    start = of_path(lambda path: _read_members(path, files))
    return [
        Target("zip", [("x.zip", zips)], start),
        Target("tar", [(name, [data]) for name, data in tars.items()], start),
    ]


def _start_openpose(folder: Path) -> Feed:
    for frame in (1, 2):
        (folder / f"a_{frame}_keypoints.json").write_bytes(openpose_frame())
    return with_file(folder, lambda: read_sequence(folder))


def _own_clips() -> list[Target]:
    """Make targets of clips of one's own with everything that people put around them, and of pickles to predict."""
    heights = (0.2, 0.19, 0.19, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4, 0.5, 0.5, 0.5, 0.5, 0.7, 0.7, 0.9, 0.9)
    row = ",".join(f"{0.3 + 0.04 * (joint % 2):.2f},{height:.2f}" for joint, height in enumerate(heights))
    numbered = ",".join(map(str, range(34)))
    names = ",".join(f"{joint}_{axis}" for joint in COCO17.joints for axis in "xy")
    tables = [
        f"{numbered},asana\n{row},chair\n{row},chair\n",
        f",{numbered}\n0,{row}\n1,{row}\n",
        f"{row},{row},{row}\n{row},{row},{row}\n",
        f"timestamp,{names}\n0.0,{row}\n0.04,{row}\n",
    ]
    still = np.broadcast_to(np.clip(0.5 + 0.1 * joints(2, 1, 17, 2), 0.05, 0.95), (2, 9, 17, 2))
    scored = np.concatenate([still[0], np.full((9, 17, 1), 0.5)], axis=2)
    arrays = [still, still.swapaxes(0, 1), still.reshape(2, 9, 34)[0], scored, still.transpose(3, 1, 2, 0)]
    annotation = {"frame_dir": "a", "total_frames": 9, "keypoint": scored[..., :2], "keypoint_score": scored[..., 2]}
    pickles = [pyskl(False), pickle.dumps([annotation]), pickle.dumps({**annotation, "keypoint": scored.tolist()})]
    intervals = [b"7,300,420,2\n1,0,90,1\n", b"0 40 clap\n41.5 80 stand up\n", b"0.0,1.5,clap\n"]

    def read(path: Path) -> None:
        list(Reader(usual=COCO17, any_scale=True).read(path))

    return [
        Target("intervals", [("x.txt", intervals)], of_bytes(lambda data: parse_intervals(data, "x.txt"))),
        Target("own-csv", [("x.csv", [table.encode() for table in tables])], of_path(read)),
        Target("own-npy", [("x.npy", [npy(values) for values in arrays])], of_path(read)),
        Target("pickle-to-predict", [("x.pkl", pickles)], of_path(read), (DualheadError,)),
    ]


def make_targets() -> list[Target]:
    """Make every target; each has the name of what it reads."""
    kinetics = {
        "kinetics_train/a.json": kinetics_clip(),
        "kinetics_train_label.json": json.dumps({"a": {"has_skeleton": True, "label": "x", "label_index": 1}}).encode(),
    }
    arrays = published()
    flat = arrays | {f"xsub/{split}_data_joint.npy": npy(joints(2, 3, 4, 18, 2)) for split in ("train", "val")}
    rows = {"x": joints(2, 4, 150), "y": np.eye(60)[[3, 5]]}
    splits = {f"{name}_{split}": values for name, values in rows.items() for split in ("train", "test")}
    missing = b"302 samples with missing skeletons\nS001C001P001R001A001\nS001C002P001R001A002.skeleton\n"
    whole = skeletons()
    single = [("x.skeleton", whole[:3]), ("x.json", [kinetics_clip(), ucla_clip()])]
    ntu = {"S001C001P001R001A003.skeleton": whole[0], "a_missing_skeletons.txt": missing}
    return [
        Target("skeleton", [("x.skeleton", whole)], of_bytes(parse_skeleton)),
        Target("skeleton-explained", [("x.skeleton", whole)], of_path(explain_file)),
        _tree_target("ntu60", get_source("ntu60"), ntu),
        Target("kinetics-clip", [("a.json", [kinetics_clip()])], of_bytes(parse_kinetics)),
        _tree_target("kinetics", get_source("kinetics"), kinetics),
        _tree_target("ucla", get_source("ucla"), {"a01_s01_e00_v01.json": ucla_clip()}),
        _tree_target("pyskl", get_source("pyskl"), {"ntu60.pkl": pyskl(False)}, {"ntu60.pkl": pyskl(True)}),
        _tree_target(
            "ctrgcn",
            get_source("ctrgcn"),
            {"NTU60_CS.npz": npz(**splits)},
            {"NTU60_CS.npz": npz(np.savez_compressed, **splits)},
            checked=True,
        ),
        _tree_target("published", get_source("published"), arrays),
        _tree_target("published-flat", get_source("published").with_skeleton(OPENPOSE18), flat),
        _tree_target("custom", get_source("custom"), custom()),
        Target("raw-file", single, of_path(read_sequence)),
        Target("openpose", [(f"a_{frame}_keypoints.json", [openpose_frame()]) for frame in (1, 2)], _start_openpose),
        *_archives(),
        *_own_clips(),
        *pose_targets(),
        *own_targets(),
    ]
