"""Sources with one file per recording: what is found in a tree, and what is left out and why."""

from __future__ import annotations

import fnmatch
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dualhead.formats.files.member import ARCHIVE_SUFFIXES, Member, list_members
from dualhead.formats.recording import Recording
from dualhead.formats.source import Duplicate, Item, Listing, Rejected, Sample, Source
from dualhead.runtime.errors import FormatError


@dataclass(frozen=True, kw_only=True)
class FileSource(Source):
    """A source with one file per recording, whose file name is the sample's name.

    Attributes:
        suffix: The end of its file names.
        missing_pattern: File names of its missing lists, or "".
    """

    suffix: str
    missing_pattern: str = ""

    @abstractmethod
    def sample(self, name: str) -> Sample | None:
        """Read a sample's label and fields from its name.

        Returns:
            The sample, or None where it belongs to another data set of the same format.

        Raises:
            FormatError: If it is not a sample name.
        """

    def find(self, name: str) -> Sample | None:
        """Return the sample of a name, or None where it is not the name of one; see `sample`."""
        try:
            return self.sample(name)
        except FormatError:
            return None

    @abstractmethod
    def parse(self, data: bytes, where: str | Path, sample: Sample | None = None) -> Recording:
        """Parse a file's bytes; `sample`, where given, is what its name says.

        Raises:
            FormatError: If they are damaged.
        """

    def read(self, item: Item) -> Recording:
        """Read and parse one file; see `Source.read`."""
        return self.parse(item.member.read(), item.member.where, item.sample)

    def list_items(self, raw: Sequence[Path], missing_list: Path | None = None) -> Listing:
        """List the files of this format; see `Source.list_items`."""
        items: dict[str, Item] = {}
        rejected: list[Rejected] = []
        duplicates: list[Duplicate] = []
        lists: list[Member] = []
        skipped = files = 0
        nested = ""
        for member in list_members(raw):
            file_name = member.file_name
            files += 1
            if self.missing_pattern and fnmatch.fnmatchcase(file_name, self.missing_pattern):
                lists.append(member)
            ending = file_name.lower()
            if not ending.endswith(self.suffix):
                if ending.endswith(ARCHIVE_SUFFIXES):
                    nested = f"{member.where} is an archive inside an archive: unpack the outer one, or "
                continue
            name = file_name[: -len(self.suffix)]
            try:
                sample = self.sample(name)
            except FormatError as error:
                rejected.append(Rejected(name, member.where, error.reason, kind="name"))
                continue
            if sample is None:
                skipped += 1
            elif name in items:
                duplicates.append(Duplicate(name, items[name].member.where, member.where))
            else:
                items[name] = Item(sample, member)
        if not items:
            raise FormatError(
                f"no {self.name} recording (*{self.suffix}) among {files} files, {skipped} of another data set, "
                f"{len(rejected)} with a name that is not a sample name: {nested}give the folder or zip that holds "
                f"them",
                ", ".join(map(str, raw)),
            )
        if missing_list is not None:
            lists = list(list_members([missing_list]))
        elif self.missing_pattern:
            # an archive comes without its list, so people put it beside
            beside = {path for root in raw for path in root.resolve().parent.glob(self.missing_pattern)}
            lists += list_members(sorted(beside - {root.resolve() for root in raw}))
        missing = {name: member.where for member in reversed(lists) for name in self._listed_names(member)}
        if missing_list is not None and not missing:
            raise FormatError(f"no line is the name of a {self.name} sample: pass the list as published", missing_list)
        return Listing(
            items=tuple(items[name] for name in sorted(items)),
            rejected=tuple(rejected),
            duplicates=tuple(duplicates),
            skipped=skipped,
            missing=missing,
        )

    def _listed_names(self, member: Member) -> list[str]:
        """Select the lines of a list of missing samples that are sample names; the others are its header."""
        names = []
        for line in member.read().decode("utf-8", "replace").splitlines():
            try:
                self.sample(name := line.strip().removesuffix(self.suffix))
            except FormatError:
                continue
            names.append(name)
        return names
