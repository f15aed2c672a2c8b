"""Videos of one's own, a folder for each class, whose poses are estimated while they are prepared (docs/video.md)."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from dualhead.formats.files.member import Member, list_members
from dualhead.formats.recording import Recording
from dualhead.formats.source import Item, Listing, Rejected, Sample, Source, SplitRule, names_to_leave_out
from dualhead.formats.video import require_pose_networks
from dualhead.poses.video import VIDEO_SUFFIXES
from dualhead.reading.custom_source import CustomSource
from dualhead.runtime.errors import FormatError
from dualhead.skeleton import NTU25, Skeleton

FOLDS = 5
"""Every class's videos take turns in so many folds, by name."""

TEST_FOLD = 1
"""The fold that protocol `fold` tests on: the second video of every five, so two videos a class are enough."""


@dataclass(frozen=True, kw_only=True)
class VideosSource(CustomSource):
    """A folder of videos for each class: `CLASS/NAME.mp4`, or `CLASS/PERSON/NAME.mp4`.

    Protocol `fold` tests on every fifth video of a class. Where all videos lie in folders of persons, there is the
    field `subject` too, and protocol `xsub` tests on the last third of the persons, by name.
    """

    def with_skeleton(self, skeleton: Skeleton) -> Source:
        """Choose the layout of the joints; see `Source.with_skeleton`."""
        return replace(self, skeleton=skeleton, has_confidence=skeleton.dimensions == 2, skeleton_is_free=False)

    def read(self, item: Item) -> Recording:
        """Estimate the poses of one video; see `Source.read`."""
        return replace(super().read(item), drops_confidence=False)  # no person chose to have one

    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """List the videos; see `Source.list_items`."""
        members = [member for member in list_members(raw) if member.file_name.lower().endswith(VIDEO_SUFFIXES)]
        placed: dict[str, list[tuple[Member, tuple[str, ...]]]] = defaultdict(list)
        rejected: list[Rejected] = []
        for member in members:
            below = PurePosixPath(member.where.replace("\\", "/")).parts[1:-1]  # without the raw folder and the name
            if below:
                placed[below[0]].append((member, below[1:]))
            else:
                reason = "it is not in the folder of a class: move it into one, CLASS/NAME.mp4"
                rejected.append(Rejected(member.file_name, member.where, reason, kind="name"))
        if not placed:
            kinds = ", ".join(VIDEO_SUFFIXES)
            reason = f"no folder of a class with videos ({kinds}) in it: pass a folder with CLASS/NAME.mp4"
            raise FormatError(reason, ", ".join(map(str, raw)))
        few = [name for name, videos in sorted(placed.items()) if len(videos) < 2]
        if few:
            raise FormatError(f"class {few[0]!r} has one video: two are needed, one of which is tested on", str(raw[0]))
        require_pose_networks()  # before any process starts: the first use fetches the weights
        classes = tuple(sorted(placed))
        people = sorted({below[0] for videos in placed.values() for _, below in videos if below})
        by_person = len(people) > 1 and all(below for videos in placed.values() for _, below in videos)
        names = Counter(_stem(member) for videos in placed.values() for member, _ in videos)
        items: dict[str, Item] = {}
        for label, name in enumerate(classes):
            for number, (member, below) in enumerate(placed[name]):
                fields = {"fold": number % FOLDS} | ({"subject": people.index(below[0])} if by_person else {})
                own = _stem(member)
                own = own if names[own] == 1 else "_".join((name, *below, own))
                unique = own if own not in items else f"{own}_{member.file_name.rpartition('.')[2]}"
                items[unique] = Item(Sample(unique, label, fields), member)
        protocols = {"fold": SplitRule("fold", tuple(fold for fold in range(FOLDS) if fold != TEST_FOLD), (TEST_FOLD,))}
        if by_person:
            protocols["xsub"] = SplitRule("subject", tuple(range(len(people) - max(1, len(people) // 3))))
        source = replace(
            self,
            classes=classes,
            fields=("fold", "subject") if by_person else ("fold",),
            protocols=protocols,
            notes=(f"subject: {', '.join(people)} are 0 to {len(people) - 1}",) if by_person else (),
        )
        missing = names_to_leave_out(missing_list, items)
        return Listing(tuple(items[name] for name in sorted(items)), tuple(rejected), (), 0, missing, source)


def _stem(member: Member) -> str:
    return member.file_name.rpartition(".")[0]


def videos() -> VideosSource:
    """Register videos of one's own; classes, fields and protocols follow from the folders."""
    return VideosSource(
        name="videos",
        skeleton=NTU25,
        classes=(),
        fields=(),
        protocols={},
        body_selection="order",
        skeleton_is_free=True,
        chunk=4,
    )
