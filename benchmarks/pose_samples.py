"""Small whole files of pose programs and sensors, with numbers that a person can follow."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from dualhead.skeleton import AZURE32, MEDIAPIPE33, NTU25


def key_points(count: int, start: float = 0.0) -> list[float]:
    """Key point v lies at (10 v + start + 100, 5 v + 200) with score 0.5."""
    return [number for joint in range(count) for number in (10.0 * joint + start + 100, 5.0 * joint + 200, 0.5)]


def _dump(content: Any) -> bytes:
    return json.dumps(content).encode()


def detection(image: str | int, start: float = 0.0, count: int = 17, **more: Any) -> dict[str, Any]:
    """One person in one image."""
    return {"image_id": image, "category_id": 1, "keypoints": key_points(count, start), "score": 1.5, **more}


def alphapose(count: int = 17) -> bytes:
    """Two people in frames 0 and 10, the first alone in frame 2, in the order of their names."""
    return _dump(
        [
            detection("0.jpg", 0, count, box=[0, 0, 9, 9], idx=[1.0]),
            detection("0.jpg", 300, count, box=[0, 0, 9, 9], idx=[2.0]),
            detection("10.jpg", 2, count, box=[0, 0, 9, 9], idx=[[1.0]]),
            detection("10.jpg", 302, count, box=[0, 0, 9, 9], idx=[[2.0]]),
            detection("2.jpg", 1, count, box=[0, 0, 9, 9], idx=[1.0]),
        ]
    )


def alphapose_by_image() -> bytes:
    """Frames 0 to 2, the middle one without anybody."""
    return _dump(
        {
            "0.jpg": [{"keypoints": key_points(17), "scores": 2.5, "idx": 7}],
            "1.jpg": [],
            "2.jpg": [{"keypoints": key_points(17, 1), "scores": 2.5, "idx": 7}],
        }
    )


def alphapose_cmu() -> bytes:
    """The 18 joints of OpenPose, version "cmu"."""
    return _dump({"0.jpg": {"version": "AlphaPose v0.3", "bodies": [{"joints": key_points(18)}]}})


def coco_results() -> bytes:
    """One person in frames 4 and 6."""
    return _dump([detection(4), detection(6, 1)])


def coco_annotations() -> bytes:
    """Two videos of 640 x 480, the first with an empty second frame and a hidden nose."""
    points = [2 if place % 3 == 2 else round(value) for place, value in enumerate(key_points(17))]
    hidden = [*points[:2], 1, *points[3:]]
    images = [
        {"id": 7, "file_name": "a/000001.jpg", "width": 640, "height": 480},
        {"id": 8, "file_name": "a/000002.jpg", "width": 640, "height": 480},
        {"id": 9, "file_name": "b/000001.jpg", "width": 640, "height": 480},
    ]
    annotations = [
        {"id": 1, "image_id": 7, "category_id": 1, "keypoints": hidden, "num_keypoints": 17, "track_id": 3},
        {"id": 2, "image_id": 9, "category_id": 1, "keypoints": points, "num_keypoints": 17, "track_id": 0},
        {"id": 3, "image_id": 9, "category_id": 1, "keypoints": [0] * 51, "num_keypoints": 0},
    ]
    return _dump({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]})


def mmpose_instance(dimensions: int = 2, count: int = 17) -> dict[str, Any]:
    """Key point v lies at (100 v, 10 v) or at (0.1 v, 0.2 v, 0.3 v)."""
    steps = (100.0, 10.0) if dimensions == 2 else (0.1, 0.2, 0.3)
    points = [[round(step * (joint + 1), 6) for step in steps] for joint in range(count)]
    return {"keypoints": points, "keypoint_scores": [0.75] * count, "bbox": [[0, 0, 1, 1]], "bbox_score": 0.9}


def mmpose(dimensions: int = 2, count: int = 17) -> bytes:
    """Frames 1 to 3, the second without anybody."""
    frames = [
        {"frame_id": number, "instances": [mmpose_instance(dimensions, count)] if number != 2 else []}
        for number in (1, 2, 3)
    ]
    return _dump({"meta_info": {"dataset_name": "x"}, "instance_info": frames})


def mmpose_picture() -> bytes:
    """Two people in one picture, as the inferencer writes them."""
    return _dump([mmpose_instance(), mmpose_instance()])


def ultralytics_detection(start: float = 0.0) -> dict[str, Any]:
    """Key point v lies at (10 v + start, 5 v)."""
    points = {
        "x": [10.0 * joint + start + 100 for joint in range(17)],
        "y": [5.0 * joint + 100 for joint in range(17)],
        "visible": [0.5] * 17,
    }
    return {"name": "person", "class": 0, "confidence": 0.9, "track_id": 4, "keypoints": points}


def ultralytics() -> bytes:
    """Three frames, the second without anybody."""
    return _dump([[ultralytics_detection()], [], [ultralytics_detection(1)]])


def ultralytics_frame() -> bytes:
    """One frame with two people."""
    return _dump([ultralytics_detection(), ultralytics_detection(300)])


def ultralytics_label(person: int | None = 3, confidence: float | None = None) -> bytes:
    """One line: a box, 17 key points (0.5, 0.25, 0.75), and what is behind them."""
    numbers = [0, 0.5, 0.5, 0.2, 0.4, *[0.5, 0.25, 0.75] * 17]
    behind = [value for value in (confidence, person) if value is not None]
    return (" ".join(f"{value:g}" for value in (*numbers, *behind)) + "\n").encode()


def world_landmarks(shift: float = 0.0) -> list[list[float]]:
    """33 landmarks in metres, the hips around 0: landmark v at (v / 100 - 0.235 + shift, ...), y down."""
    return [[joint / 100 - 0.235 + shift, joint / 50 - 0.47, 0.1 if joint < 11 else 0.0] for joint in range(33)]


def mediapipe_csv(visible: bool = True) -> bytes:
    """Landmarks in the image: frames 0, 1 and 3 at 25 frames a second; landmark v at (0.2, 0.01 v)."""
    axes = ("x", "y", "z", "visibility") if visible else ("x", "y", "z")
    lines = [",".join(["frame", "timestamp", *(f"{axis}_{joint}" for joint in range(33) for axis in axes)])]
    for frame in (0, 1, 3):
        values = [
            value
            for joint in range(33)
            for value in (0.2 + frame / 100, 0.01 * (joint + 1), -0.1, *([0.9] if visible else []))
        ]
        lines.append(",".join([str(frame), f"{frame * 0.04:.3f}", *(f"{value:.4f}" for value in values)]))
    return "\n".join(lines).encode()


def mediapipe_world_csv() -> bytes:
    """World landmarks by name, two frames, with a class."""
    names = [name for joint in MEDIAPIPE33.joints for name in (f"{joint}_x", f"{joint}_y", f"{joint}_z")]
    line = ",".join([*(f"{value:.4f}" for point in world_landmarks() for value in point), "squat"])
    return "\n".join([",".join([*names, "class"]), line, line]).encode()


def mediapipe_json() -> bytes:
    """Both kinds of landmarks in frames 0 and 2 of 30 a second, nobody in frame 1."""
    image = [{"x": 0.25, "y": 0.01 * (joint + 1), "z": 0.5, "visibility": 0.8} for joint in range(33)]
    world = [{"x": x, "y": y, "z": z, "visibility": 0.8} for x, y, z in world_landmarks()]
    frames = [
        {"frame": 0, "pose_landmarks": image, "pose_world_landmarks": world},
        {"frame": 1, "pose_landmarks": None, "pose_world_landmarks": None},
        {"frame": 2, "pose_landmarks": image, "pose_world_landmarks": world, "left_hand_landmarks": image[:21]},
    ]
    return _dump({"fps": 30, "frames": frames})


def mediapipe_frame() -> bytes:
    """World landmarks of one frame."""
    world = [{"x": x, "y": y, "z": z, "visibility": 0.8} for x, y, z in world_landmarks()]
    return _dump({"pose_world_landmarks": world})


def azure_kinect() -> bytes:
    """Three frames at 30 a second, the middle one without anybody; joint v at (100 v, 10 v, 2000) millimetres."""

    def body(number: int) -> dict[str, Any]:
        positions = [[100.0 * joint, 10.0 * joint, 2000.0] for joint in range(32)]
        return {"body_id": number, "joint_positions": positions}

    frames = [
        {"frame_id": 0, "timestamp_usec": 0, "num_bodies": 1, "bodies": [body(1)]},
        {"frame_id": 1, "timestamp_usec": 33333, "num_bodies": 0, "bodies": []},
        {"frame_id": 2, "timestamp_usec": 66667, "num_bodies": 1, "bodies": [body(5)]},
    ]
    names = [_as_sdk(joint) for joint in AZURE32.joints]
    return _dump({"joint_names": names, "frames": frames})


def _as_sdk(joint: str) -> str:
    """Return "ELBOW_LEFT" for "left_elbow"."""
    side, _, rest = joint.partition("_")
    return f"{rest.replace('hand_tip', 'handtip')}_{side}".upper() if side in ("left", "right") else joint.upper()


def _as_kinect2(joint: str) -> str:
    """Return "HandTipLeft" for "left_hand_tip"."""
    words = joint.split("_")
    side = words[0] if words[0] in ("left", "right") else ""
    return "".join(word.title() for word in words if word != side) + side.title()


def kinect_long() -> bytes:
    """Two frames of one body, 25 joints each: joint v at (0.1 v, 1, 2), the last one not tracked in the second."""
    lines = ["Timestamp,JointID,Position.X,Position.Y,Position.Z,Orientation.X,Orientation.Y,State"]
    for frame in range(2):
        for joint in range(25):
            state = 0 if frame == 1 and joint == 24 else 2
            lines.append(f"{frame * 333333},{joint},{0.1 * joint:.1f},1.0,2.0,0.3,0.4,{state}")
    return "\n".join(lines).encode()


def kinect_wide() -> bytes:
    """Two frames, joint v at (0.1 v, 1, 2), columns such as SpineBase_X."""
    names = [f"{_as_kinect2(joint)}_{axis}" for joint in NTU25.joints for axis in "XYZ"]
    values = [f"{value:.1f}" for joint in range(25) for value in (0.1 * joint, 1.0, 2.0)]
    return "\n".join([",".join(names), ",".join(values), ",".join(values)]).encode()


def pku_mmd() -> bytes:
    """Two frames; the first person's numbers are 0.01, 0.02, ..., the second one is there in the second frame."""
    first = [f"{0.01 * (place + 1):.2f}" for place in range(75)]
    return "\n".join([" ".join([*first, *["0"] * 75]), " ".join([*first, *["1.5"] * 75])]).encode()


def hand() -> bytes:
    """Two frames of 66 numbers 0.01, 0.02, ..."""
    return "\n".join(" ".join(f"{0.01 * (place + 1):.2f}" for place in range(66)) for _ in range(2)).encode()


def sbu() -> bytes:
    """Frames 1 and 3: the first person at (0.5, 0.25, 0.125) with an absent head in frame 3, the second at 0.25."""
    first = ["0.5", "0.25", "0.125"] * 15
    absent = ["0", "0", "0", *first[3:]]
    second = ["0.25"] * 45
    return "\n".join(",".join(line) for line in (["1", *first, *second], ["3", *absent, *second])).encode()


def utkinect() -> bytes:
    """Frames 2, 4 and 4 again: joint v at (0.1 v, 1, 2)."""
    body = " ".join(f"{0.1 * joint:.1f} 1 2" for joint in range(20))
    return f"2 {body}\n4 {body}\n4 {body.replace(' 1 ', ' 9 ')}\n".encode()


def smarthome() -> bytes:
    """Three frames: one person, nobody, two people; y down, the head above the ankles."""
    heights = [0.8, 0.8, 0.4, 0.4, 0.0, 0.0, 0.1, 0.1, -0.2, -0.2, -0.5, -0.5, -0.7]

    def person(x: float) -> dict[str, Any]:
        pose = [*[x] * 13, *heights, *[3.0] * 13]
        return {"pose2d": [100.0] * 26, "pose3d": pose, "cumscore": 10.0}

    return _dump({"njts": 13, "K": 1, "frames": [[person(0.5)], [], [person(0.5), person(2.0)]]})


def object_npy(content: Any) -> bytes:
    """A `.npy` with one object."""
    stream = io.BytesIO()
    np.save(stream, np.array(content, object), allow_pickle=True)
    return stream.getvalue()


def ntu_array() -> bytes:
    """Three frames, the second body there in the last one."""
    first = np.full((3, 25, 3), 0.5)
    second = np.concatenate([np.zeros((2, 25, 3)), np.full((1, 25, 3), 1.5)])
    content = {"file_name": "S001C002P003R002A013", "nbodys": [1, 1, 2], "njoints": 25,
               "skel_body0": first, "skel_body1": second, "rgb_body0": np.zeros((3, 25, 2))}  # fmt: skip
    return object_npy(content)


def h36m(frames: int = 3, shift: Sequence[float] = (0, 0, 0)) -> np.ndarray:
    """A standing person in the order of Human3.6M, z up, relative to the hip: heights in metres."""
    heights = [0, 0, -0.4, -0.8, 0, -0.4, -0.8, 0.2, 0.4, 0.5, 0.7, 0.4, 0.2, 0.0, 0.4, 0.2, 0.0]
    pose = np.array([[0.01 * joint, 0.0, height] for joint, height in enumerate(heights)])
    return np.repeat((pose + np.array(shift))[None], frames, axis=0).astype(np.float32)


def lifted() -> bytes:
    """What lifters of 2D poses write."""
    stream = io.BytesIO()
    np.savez(stream, reconstruction=h36m())
    return stream.getvalue()


def positions_3d() -> bytes:
    """What VideoPose3D reads: two recordings."""
    stream = io.BytesIO()
    content = {"S1": {"Walking": h36m(2, (1, 1, 1)), "Sitting 1": h36m(4, (1, 1, 1))}}
    np.savez(stream, positions_3d=np.array(content, object))
    return stream.getvalue()


def smpl_joints(frames: int = 3) -> np.ndarray:
    """A standing person, y up: joint v at (0.01 v, height, 0.1)."""
    heights = [0.9, 0.8, 0.8, 1.0, 0.45, 0.45, 1.1, 0.08, 0.08, 1.2, 0.02, 0.02, 1.4, 1.35, 1.35, 1.55, 1.35, 1.35,
               1.1, 1.1, 0.85, 0.85]  # fmt: skip
    pose = np.array([[0.01 * (joint + 1), height, 0.1] for joint, height in enumerate(heights)])
    return np.repeat(pose[None], frames, axis=0).astype(np.float32)


def smpl_array() -> bytes:
    """HumanML3D's `new_joints`."""
    stream = io.BytesIO()
    np.save(stream, smpl_joints())
    return stream.getvalue()


def generated_motion() -> bytes:
    """Two motions of 3 and 2 frames, as motion generators write them."""
    motion = np.stack([smpl_joints().transpose(1, 2, 0)] * 2)
    return object_npy({"motion": motion, "text": ["a", "b"], "lengths": np.array([3, 2]), "num_samples": 2})


def bvh() -> bytes:
    """A body with arms along x, 10 units a bone; in frame 1 the left arm is turned by 90 degrees about z, up."""
    side = """
    {{
      OFFSET {s}0 0 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      JOINT {n}Leg
      {{
        OFFSET 0 -40 0
        CHANNELS 3 Zrotation Xrotation Yrotation
        JOINT {n}Foot
        {{
          OFFSET 0 -40 0
          CHANNELS 3 Zrotation Xrotation Yrotation
          End Site
          {{
            OFFSET 0 0 20
          }}
        }}
      }}
    }}"""
    arm = """
      JOINT {n}Arm
      {{
        OFFSET {s}0 0 0
        CHANNELS 3 Zrotation Xrotation Yrotation
        JOINT {n}ForeArm
        {{
          OFFSET {s}0 0 0
          CHANNELS 3 Zrotation Xrotation Yrotation
          JOINT {n}Hand
          {{
            OFFSET {s}0 0 0
            CHANNELS 3 Zrotation Xrotation Yrotation
            End Site
            {{
              OFFSET {s}0 0 0
            }}
          }}
        }}
      }}"""
    text = (
        "HIERARCHY\nROOT Hips\n{\n  OFFSET 0 0 0\n"
        "  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
        "  JOINT LeftUpLeg" + side.format(n="Left", s=1) + "\n  JOINT RightUpLeg" + side.format(n="Right", s=-1)
        + "\n  JOINT Neck\n  {\n    OFFSET 0 50 0\n    CHANNELS 3 Zrotation Xrotation Yrotation"
        + arm.format(n="Left", s=1) + arm.format(n="Right", s=-1)
        + "\n    JOINT Head\n    {\n      OFFSET 0 10 0\n      CHANNELS 3 Zrotation Xrotation Yrotation\n"
        "      End Site\n      {\n        OFFSET 0 20 0\n      }\n    }\n  }\n}\n"
    )  # fmt: skip
    count = text.count("CHANNELS") * 3 + 3
    still = ["0", "90", "0", *["0"] * (count - 3)]
    raised = list(still)
    place = 6 + 3 * 6 + 3  # behind the root, the two legs and the neck: the left arm
    raised[place] = "90"
    return (text + f"MOTION\nFrames: 2\nFrame Time: 0.0333333\n{' '.join(still)}\n{' '.join(raised)}\n").encode()
