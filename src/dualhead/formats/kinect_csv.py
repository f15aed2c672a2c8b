"""Logs of Kinect v2 as CSV: a line for each joint of each frame, or one for each frame with columns for all joints."""

from __future__ import annotations

import numpy as np

from dualhead.formats.custom.columns import read_table
from dualhead.formats.file_format import Evidence, FileFormat, RawClip, RawFile, from_bytes
from dualhead.formats.landmark_table import LandmarkColumns, are_joints_of, find_columns, first_lines, read_landmarks
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25


def parse_kinect_csv(data: bytes, where: str) -> RawClip:
    """Parse a log of Kinect v2.

    Convention: positions in metres, x left in the image, y up, z away. Long: `JointID` (0 to 24, or a name such as
    `SpineBase`), `Position.X`, `Position.Y`, `Position.Z`, perhaps a time, a frame, an identity and a `State`, whose 0
    is a joint that is not tracked. Wide: `SpineBase_X`, `SpineBase_Y`, `SpineBase_Z` and so on for all 25 joints. Other
    columns, such as orientations, are passed over.

    Args:
        data: The file's bytes.
        where: The source, for the error message.

    Returns:
        The recording, joints `(B, 25, 3)`, with the frame rate where there is a time.

    Raises:
        FormatError: If it is not such a table, or a line is damaged.
    """
    rows = read_table(data, where)
    columns = _columns(rows[0][1])
    if columns is None:
        raise FormatError("expected a column for the joint and its X, Y and Z, or columns for all 25 joints", where, 1)
    table = read_landmarks(rows[1:], columns, NTU25, where)
    del rows
    table.points[~table.points.any(axis=2)] = np.nan
    return RawClip(
        table.recording(NTU25, table.points, where),
        NTU25,
        class_name=table.class_name,
        body_selection="tracked",
        unit="m",
    )


def _columns(header: list[str]) -> LandmarkColumns | None:
    columns = find_columns(header, NTU25)
    return columns if columns is not None and columns.dimensions == 3 else None


def _recognise(file: RawFile) -> Evidence | None:
    if not file.rows:
        return None
    columns = _columns(file.rows[0])
    if columns is None or columns.has_confidence:
        return None
    if columns.joint >= 0:
        if not are_joints_of(first_lines(file.start), columns, NTU25):
            return None
        return Evidence(f"columns {file.rows[0][columns.joint][:40]!r} and its X, Y and Z")
    return Evidence("columns for X, Y and Z of the 25 joints of Kinect v2")


KINECT_CSV = FileFormat(
    name="kinect_csv",
    title="Kinect v2 log",
    suffixes=(".csv", ".txt"),
    recognise=_recognise,
    parse=from_bytes(parse_kinect_csv),
    fixed_skeleton=True,
    row="`ntu25` | metres, Kinect axes | from the times | a column such as `BodyID`",
)
