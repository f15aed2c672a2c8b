"""Writing files so that a reader sees either the old content or the whole new one, never a part."""

from __future__ import annotations

import errno
import os
import re
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dualhead.runtime.errors import ConfigError

_TEMPORARY = re.compile(r"\..*-[a-z0-9_]{8}(\.[^.]*)?")
"""Names that `_make_temporary` gives."""


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success flush it to disk and rename it over `path`.

    On any exception (a full disk and Ctrl-C too) the temporary file is removed and `path` stays as it was.

    Args:
        path: The file to create or replace; its folder is created. Of a link, the file that it leads to.

    Yields:
        The path to write to, in the folder of the file that is replaced, with the same suffix.

    Raises:
        ConfigError: If it is a device, a pipe or a socket, which no file may replace.
        OSError: If it cannot be written; it names `path`, not the temporary file.
    """
    target = Path(path)
    with naming(target):
        place = _find_place(target)
        temporary = _make_temporary(place)
    try:
        try:
            yield temporary
        except OSError as error:  # one without a name comes from writing what is open, and that is this file
            if error.filename is None or str(error.filename) == str(temporary):
                raise _renamed(error, target) from None
            raise
        with naming(target):
            mask = os.umask(0)
            os.umask(mask)
            temporary.chmod(0o666 & ~mask)
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Replace the temporary path in an error of the operating system by the path that the user passed.

    Args:
        path: The path that the user requested.

    Raises:
        OSError: The error of the block, of the same kind, about `path`.
    """
    try:
        yield
    except OSError as error:
        raise _renamed(error, path) from None


def check_writable(path: str | Path) -> None:
    """Find out before long work whether its result can be written.

    Args:
        path: The file that is to be created or replaced; its folder is created.

    Raises:
        ConfigError: If it is a device, a pipe or a socket.
        OSError: If it cannot be; it names `path`.
    """
    target = Path(path)
    with naming(target):
        _make_temporary(_find_place(target)).unlink()


def check_apart(out: str | Path, inputs: Iterable[str | Path]) -> None:
    """Raise, before any work, if an output would overwrite an input.

    Args:
        out: The file that is to be written.
        inputs: Files that are read, and folders everything in which is, such as a store. Links are followed.

    Raises:
        ConfigError: If `out` is one of them or is inside one.
    """
    place = Path(os.path.realpath(out))
    for given in inputs:
        source = Path(os.path.realpath(given))
        if place == source:
            raise ConfigError(f"{out} is an input and would be overwritten: choose another output")
        if source in place.parents and source.is_dir():
            raise ConfigError(f"{out} is inside {given}, which is an input: choose another output")


def remove_temporaries(folder: Path) -> None:
    """Remove what `replacing` left in a folder, and in those below, when its process was killed.

    Args:
        folder: A folder in which no other person writes now.
    """
    for place, _, names in os.walk(folder):
        for name in filter(_TEMPORARY.fullmatch, names):
            with suppress(OSError):
                Path(place, name).unlink()


def _find_place(target: Path) -> Path:
    """Return the path to rename to, that of the file itself where `target` is a link."""
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG  # it will be one
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise ConfigError(
            f"{target} is a device, a pipe or a socket, which must not be replaced: expected a file's name"
        )
    return Path(os.path.realpath(target))


def _make_temporary(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}-", suffix=target.suffix)
    os.close(handle)
    return Path(name)


def _renamed(error: OSError, path: str | Path) -> OSError:
    """Create the same error about another path; Python picks the subclass by the number."""
    if error.errno is None:
        return error
    # only making a folder where a file is says that something exists, which would not be true of `path`
    number = errno.ENOTDIR if error.errno == errno.EEXIST else error.errno
    return OSError(number, os.strerror(number), str(path))


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 to `path` in one step; what is not text, such as a lone surrogate, as its escape sequence.

    Args:
        path: The file to create or replace.
        text: Its whole new content.
    """
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
