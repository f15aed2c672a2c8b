"""A whole data set on disk: one zip of `.skeleton` files, as NTU RGB+D is handed out, and its missing list."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np

from dualhead.formats.ntu.parse import format_skeleton
from dualhead.formats.recording import Recording
from dualhead.runtime.errors import ConfigError
from dualhead.runtime.files import naming, write_text
from dualhead.runtime.progress import show_progress
from dualhead.synthetic.actions import ACTIONS
from dualhead.synthetic.growing_zip import GrowingZip
from dualhead.synthetic.scene import CAMERA_DEGREES
from dualhead.synthetic.sensor import Sensor
from dualhead.synthetic.takes import record_take, sample_name
from dualhead.version import __version__

ZIP_NAME = "nturgbd_skeletons_synthetic.zip"
"""The zip that `generate` writes into its folder."""

MISSING_LIST_NAME = "NTU_RGBD_samples_with_missing_skeletons.txt"
"""The missing list that `generate` writes beside the zip."""

FOLDER = "nturgb+d_skeletons"
"""The folder inside the zip."""

FAULTS = ("truncated", "garbled", "bodiless", "blank", "lost", "lost")
"""Faults of some recordings: cut in the middle, a line of noise, no body in any frame, no content, and a body
in the first frames only; the names of the last kind are in the missing list."""


def generate(
    out: str | Path,
    *,
    num_performers: int = 15,
    repeats: int = 1,
    num_setups: int = 3,
    num_actions: int | None = None,
    sensor: Sensor | None = None,
    faults: bool = True,
    seed: int = 0,
    quiet: bool = False,
) -> Path:
    """Generate recordings of people who act, in real `.skeleton` syntax.

    Every performer does every action in every repeat, seen by three cameras, so there are `3 * num_performers * repeats
    * num_actions` recordings, of 40 to 95 frames at 30 a second. The same arguments give the same bytes; interrupted
    and called again, it goes on where it was. `prepare("synthetic", ...)` reads them; of the first 15 performers, its
    `xsub` trains on 9.

    Args:
        out: Folder to write `ZIP_NAME` and `MISSING_LIST_NAME` into; it is created.
        num_performers: Performers, 1 to 999.
        repeats: Times that each performer does each action, 1 to 999.
        num_setups: Camera setups, 1 to 32; the performers take turns in them.
        num_actions: Number of `ACTIONS` to use, from the first on; all if None.
        sensor: The errors of the sensor; `Sensor()` if None.
        faults: Whether some recordings are damaged (`FAULTS`) and named in the missing list.
        seed: Start of all randomness, 0 or more.
        quiet: Show no progress.

    Returns:
        The path of the zip.

    Raises:
        ConfigError: If a number is out of its range.
    """
    count = len(ACTIONS) if num_actions is None else num_actions
    for what, value, least, most in (
        ("num_performers", num_performers, 1, 999),
        ("repeats", repeats, 1, 999),
        ("num_setups", num_setups, 1, 32),
        ("num_actions", count, 1, len(ACTIONS)),
        ("seed", seed, 0, 2**63),
    ):
        if not least <= value <= most:
            raise ConfigError(f"{what} is {value}: expected {least} to {most}")
    takes = [
        ((performer + repeat - 2) % num_setups + 1, performer, repeat, action)
        for performer in range(1, num_performers + 1)
        for repeat in range(1, repeats + 1)
        for action in range(1, count + 1)
    ]
    cameras = len(CAMERA_DEGREES)
    broken = _choose(len(takes) * cameras, seed) if faults else {}
    target = Path(out) / ZIP_NAME
    with naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = _partial(target, repr((__version__, takes, sensor or Sensor(), faults, seed)))
        lost = [
            sample_name(*takes[number // cameras], camera=number % cameras + 1)
            for number, fault in broken.items()
            if fault == "lost"
        ]
        with (
            GrowingZip(partial, group=cameras) as archive,
            ThreadPoolExecutor(1) as packer,
            show_progress(quiet) as new_bar,
        ):
            packed: Future[None] | None = None  # the last recording, compressed while the next one is made
            left = takes[archive.kept // cameras :]
            bar = new_bar("generating recordings", len(takes) * cameras)
            for number, (name, recording) in enumerate(_record(left, sensor, seed), archive.kept):
                bar.update(number)
                data = _write(recording, broken.get(number))
                if packed is not None:
                    packed.result()
                packed = packer.submit(archive.append, f"{FOLDER}/{name}.skeleton", data)
            if packed is not None:
                packed.result()
        header = f"{len(lost)} samples whose skeletons are missing or incomplete, to be left out:\n"
        write_text(target.with_name(MISSING_LIST_NAME), header + "".join(f"{name}\n" for name in sorted(lost)))
        partial.replace(target)
    return target


def _partial(target: Path, arguments: str) -> Path:
    """Return the working folder of a set of arguments, and remove those of other sets."""
    digest = hashlib.sha256(arguments.encode()).hexdigest()
    partial = target.with_name(f"{target.name}.{digest[:12]}.partial")
    for path in target.parent.glob(f"{target.name}.*.partial"):
        if path != partial:
            path.unlink()
    return partial


def _record(
    takes: Iterable[tuple[int, int, int, int]], sensor: Sensor | None, seed: int
) -> Iterator[tuple[str, Recording]]:
    """Record all takes with all cameras."""
    for setup, performer, repeat, action in takes:
        yield from record_take(setup, performer, repeat, action, sensor=sensor, seed=seed)


def _choose(count: int, seed: int) -> dict[int, str]:
    """Choose which of `count` recordings are faulty: their numbers and their faults."""
    numbers = np.random.default_rng([seed, 3]).permutation(count)
    return dict(zip(numbers.tolist(), FAULTS[: count // 10], strict=False))


def _write(recording: Recording, fault: str | None) -> bytes:
    """Format a recording, with a fault where one is planned."""
    if fault == "blank":
        return b""
    if fault == "bodiless":
        return f"{recording.num_frames}\n{'0' * recording.num_frames}\n".encode().replace(b"0", b"0\n")
    if fault == "lost":
        kept = recording.frames < 3
        ids = tuple(name for name, keep in zip(recording.body_ids, kept, strict=True) if keep)
        recording = Recording(
            recording.joints[kept], recording.frames[kept], recording.slots[kept], recording.num_frames, ids
        )
    data = format_skeleton(recording)
    if fault == "truncated":
        return data[: len(data) * 3 // 5]
    if fault == "garbled":
        lines = data.split(b"\n")
        lines[len(lines) // 2] = b"#*#*#*#"
        return b"\n".join(lines)
    return data
