"""Ctrl-C and SIGTERM: one way to end, at any moment."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

_received: int | None = None


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command just as Ctrl-C does."""


def raise_on_signals() -> None:
    """Convert SIGTERM to `Terminated` as Ctrl-C raises `KeyboardInterrupt`; processes forked from here ignore Ctrl-C.

    Meant for a process of which the package is in charge, from its main thread.
    """
    _set_handlers(_raise)
    sys.unraisablehook = _report_unraisable
    if hasattr(signal, "SIGALRM") and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGALRM, _raise_again)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_become_worker)


def end_on_signals() -> None:
    """End this process on either signal with one message: before there is something to clean up, or afterwards."""
    _set_handlers(_end)


def leave_signals_to_parent() -> None:
    """Ignore Ctrl-C, which a terminal sends to every process, and end silently with SIGTERM."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)


def interruption() -> KeyboardInterrupt:
    """Return the exception of the signal that was received."""
    return Terminated() if _received == signal.SIGTERM else KeyboardInterrupt()


def was_interrupted() -> bool:
    """Return whether a signal was received: what comes out of a library afterwards may be of any type."""
    return _received is not None


def check_interrupt() -> None:
    """Raise an interruption again that was swallowed, as code that runs in a destructor does.

    Raises:
        KeyboardInterrupt: If a signal was received since `raise_on_signals`.
    """
    if _received is not None:
        raise interruption()


@contextmanager
def signals_held() -> Iterator[None]:
    """Handle Ctrl-C and SIGTERM after the block: half-started processes and threads would wait for ever.

    Processes that are started in the block begin with the signals held back, until they call `leave_signals_to_parent`.
    """
    if not hasattr(signal, "pthread_sigmask") or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def _set_handlers(handler: Callable[[int, FrameType | None], object]) -> None:
    if threading.current_thread() is threading.main_thread():  # the system allows no other
        for number in _SIGNALS:
            signal.signal(number, handler)


def _raise(number: int, frame: FrameType | None) -> None:
    global _received
    _received = number
    raise interruption()


def _raise_again(number: int, frame: FrameType | None) -> None:
    check_interrupt()


def _report_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Report what comes out of a destructor or a hook, but raise an interruption that was lost there again, soon."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        if not was_interrupted():  # what is taken apart half-built has no more to say
            sys.__unraisablehook__(unraisable)
    elif hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0.05)


def _become_worker() -> None:
    """Ignore signals and errors in a forked process: its parent handles signals and receives errors another way."""
    leave_signals_to_parent()
    sys.unraisablehook = sys.__unraisablehook__
    sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  (for as long as the process lives)


def _end(number: int, frame: FrameType | None) -> None:
    if sys.stderr:
        os.write(2, b"dualhead: interrupted: run the same command again\n")
    os._exit(128 + number)
