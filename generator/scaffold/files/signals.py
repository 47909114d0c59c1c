"""Defers, ignores or records interrupts (Ctrl-C, SIGTERM, SIGHUP)."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

_POLITE = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Deliver interrupts only after the block; on systems without signal masks, at once."""
    if not hasattr(signal, "pthread_sigmask"):  # pragma: no cover - Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _POLITE)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts() -> None:
    """Ignore interrupts until the process ends, because its work is done and the exit code must say so.

    Child processes inherit that.
    """
    for number in _POLITE:
        signal.signal(number, signal.SIG_IGN)


class Recorder:
    """Records interrupts instead of raising them, and terminates one child process when the first arrives.

    Attributes:
        arrived: Whether an interrupt has arrived.
    """

    def __init__(self) -> None:
        """Start without an interrupt."""
        self.arrived = False
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Terminate this process on an interrupt, or now if one has arrived."""
        self._process = process
        if self.arrived:
            process.terminate()

    def note(self, *_: object) -> None:
        """Handle a signal."""
        self.arrived = True
        if self._process is not None:
            self._process.terminate()


@contextmanager
def record_interrupts() -> Iterator[Recorder]:
    """Record interrupts during the block; then restore the handlers, unless `ignore_interrupts` was called in it."""
    recorder = Recorder()
    before = {number: signal.getsignal(number) for number in _POLITE}
    # A signal that the caller ignores (as nohup does) stays ignored.
    wanted = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    for number in wanted:
        signal.signal(number, recorder.note)
    try:
        yield recorder
    finally:
        for number, handler in wanted.items():
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, handler)
