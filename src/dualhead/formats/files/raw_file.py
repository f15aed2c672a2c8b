"""One raw file: where it lies and how its bytes are read."""

from __future__ import annotations

import os
import stat
from abc import ABC, abstractmethod
from dataclasses import dataclass

from dualhead.runtime.errors import FormatError, UnreadableError

MAX_BYTES = 128 * 2**20
"""Largest single file that is read, in bytes: about half an hour of one body in the NTU syntax."""


@dataclass(frozen=True)
class Member(ABC):
    """One raw file.

    Attributes:
        where: Its path in messages: the name of the raw folder or archive, then the path inside it.
        size: Its declared size in bytes.
        modified: When it, or its archive, last changed, from `last_change`.
    """

    where: str
    size: int
    modified: int

    @property
    def file_name(self) -> str:
        """The last part of its path."""
        return self.where.replace("\\", "/").rsplit("/", 1)[-1]

    @abstractmethod
    def read(self) -> bytes:
        """Read the whole content.

        Raises:
            FormatError: If it cannot be read, is damaged, or is larger than `MAX_BYTES`.
        """

    def _check_size(self) -> None:
        if self.size > MAX_BYTES:
            raise FormatError(
                f"{self.size} bytes are more than the {MAX_BYTES} that one recording may have", self.where
            )

    def _unreadable(self, error: OSError) -> FormatError:
        if isinstance(error, FileNotFoundError):
            return FormatError("the file was removed after it was listed", self.where)
        return UnreadableError(f"cannot be read: {error.strerror or error}", self.where)


def last_change(state: os.stat_result) -> int:
    """Return when a file was last modified (nanoseconds of the file system's clock).

    A file that is unpacked or downloaded again may be given the date of the old one, but not its change time.

    Args:
        state: The result of `stat`.
    """
    return max(state.st_mtime_ns, state.st_ctime_ns)


@dataclass(frozen=True)
class FileMember(Member):
    """A plain file.

    Attributes:
        path: The file.
    """

    path: str

    def read(self) -> bytes:
        """Read the file; see `Member.read`."""
        self._check_size()
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123 - a Path per file costs as much as opening it
                # asking for no more than there is: room for the most that is read costs more than the reading
                data = file.read(self.size + 1)
                if len(data) > self.size:  # it grew since it was listed
                    data += file.read(MAX_BYTES + 1 - len(data))
        except OSError as error:
            raise self._unreadable(error) from None
        if len(data) > MAX_BYTES:
            raise FormatError(f"more than the {MAX_BYTES} bytes that one recording may have", self.where)
        return data


@dataclass(frozen=True)
class SpecialFile(Member):
    """A named pipe, a socket or a device, which is never read: that might wait or go on for ever."""

    def read(self) -> bytes:
        """Raise the error of a special file; see `Member.read`."""
        raise FormatError("it is a named pipe, a socket or a device, not a file: omit it", self.where)


def is_special(state: os.stat_result) -> bool:
    """Check whether a path is neither a file nor a folder.

    Args:
        state: Its `os.stat`.
    """
    return not (stat.S_ISREG(state.st_mode) or stat.S_ISDIR(state.st_mode))


@dataclass(frozen=True)
class FilePart(FileMember):
    """A stretch of a plain file, such as one row of an array or one member of an uncompressed tar archive.

    Attributes:
        offset: The start, in bytes.
        problem: Why it must not be read, or "".
    """

    offset: int
    problem: str = ""

    def read(self) -> bytes:
        """Read the stretch; see `Member.read`."""
        if self.problem:
            raise FormatError(self.problem, self.where)
        self._check_size()
        try:
            with open(self.path, "rb") as file:  # noqa: PTH123
                file.seek(self.offset)
                data = file.read(self.size)
        except OSError as error:
            raise self._unreadable(error) from None
        if len(data) != self.size:
            raise FormatError("the file ends before its end: it is truncated, copy or download it again", self.where)
        return data


ESCAPES = "its path leads out of the archive: refused, make the archive again with plain relative paths"
"""The reason why a member whose path `escapes` is not read."""


def escapes(path: str) -> bool:
    """Check whether a path in an archive leads out of it.

    Args:
        path: As the archive has it.
    """
    parts = path.replace("\\", "/").split("/")
    return ".." in parts or parts[0] == "" or parts[0].endswith(":")
