"""Decides what an interrupt (Ctrl-C, SIGTERM, SIGHUP) may cut short, and what it may not."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

_POLITE = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def deferred() -> Iterator[None]:
    """Deliver interrupts only after the block; at once where the system cannot hold them back."""
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover - Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _POLITE)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore() -> None:
    """Ignore interrupts until the process ends: what it was to do is done, and its exit code says so.

    Programs that are started from now on ignore them as well.
    """
    for number in _POLITE:
        signal.signal(number, signal.SIG_IGN)


class Recorder:
    """Notes interrupts instead of raising them, and ends one program when the first arrives.

    Attributes:
        arrived: Whether an interrupt has arrived.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self.arrived = False
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """End this program when an interrupt arrives, or has arrived."""
        self._process = process
        if self.arrived:
            process.terminate()

    def note(self, *_: object) -> None:
        """Take an interrupt, as the handler of a signal."""
        self.arrived = True
        if self._process is not None:
            self._process.terminate()


@contextmanager
def recorded() -> Iterator[Recorder]:
    """Note interrupts during the block; afterwards they are what they were, unless `ignore` was called in it."""
    recorder = Recorder()
    before = {number: signal.getsignal(number) for number in _POLITE}
    # What the caller has chosen to ignore (nohup, for one) stays ignored.
    wanted = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in wanted:
        signal.signal(number, recorder.note)
    try:
        yield recorder
    finally:
        for number, handler in wanted.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)
