"""Standard output that never makes anybody wait, and whose end ends nothing."""

import atexit
import os
import queue
import sys
import threading
from contextlib import suppress
from pathlib import Path

BACKLOG = 10_000  # lines; more than these are lost
BATCH = 100
FLUSH_SECONDS = 1.0


class Output:
    """A file for a logger: a thread of its own writes the lines, one for each process.

    Where nobody reads them, or nobody can any more, lines are lost and nothing else.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._forget()
        os.register_at_fork(after_in_child=self._forget)
        atexit.register(self.drain)

    def _forget(self) -> None:
        """A new process has no thread yet; the lines that wait are those of its parent."""
        self._lines: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def write(self, line: bytes) -> None:
        if self._thread is None:
            self._start()
        if self._lines.qsize() < BACKLOG:
            self._lines.put(line)

    def flush(self) -> None:
        """The logger calls it after each line; see `drain`."""

    def drain(self) -> None:
        """Waits until all lines are written, though not for ever."""
        if self._thread is not None:
            written = threading.Event()
            self._lines.put(written)
            written.wait(FLUSH_SECONDS)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            items = [self._lines.get()]
            while len(items) < BATCH and not self._lines.empty():
                items.append(self._lines.get())
            rest = memoryview(b"".join(item for item in items if isinstance(item, bytes)))
            with suppress(OSError):  # closed, or its reader has gone
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()


output = Output()


def open_standard_streams() -> None:
    """Where a process was started without them, the next file opened would take their places."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - stays open
            setattr(sys, name, stream)
