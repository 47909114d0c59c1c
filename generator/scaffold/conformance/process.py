"""Processes that the suite starts, and ends in any case.

Each runs in a process group of its own (so that its workers end with it) and, on Linux, is killed
by the kernel when the suite itself dies.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

Unread = Literal["closed", "full"]
"""How standard output can be without a reader: its other end is closed, or it fills up."""

_PR_SET_PDEATHSIG = 1
_PR_CAPBSET_DROP = 24
_CAP_DAC_OVERRIDE = 1
# Resolved before any fork: a lookup between fork and exec could wait for a lock held by another thread.
_prctl = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent() -> None:
    """Ask the kernel to kill this process when its parent dies (runs between fork and exec)."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _confined() -> None:
    """As `die_with_parent`; and make file modes apply to root as well (runs between fork and exec)."""
    die_with_parent()
    if _prctl is not None and os.geteuid() == 0:
        _prctl(_PR_CAPBSET_DROP, _CAP_DAC_OVERRIDE)


@dataclass
class Output:
    """The lines a process writes, with the time each arrived; grows while the process runs."""

    lines: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    _grown: threading.Condition = field(default_factory=threading.Condition)

    def append(self, line: str) -> None:
        """Take one more line."""
        with self._grown:
            self.lines.append(line)
            self.times.append(time.monotonic())
            self._grown.notify_all()

    def wait(self, found: Callable[[], bool], timeout: float) -> bool:
        """Wait until `found`, tried after each new line."""
        with self._grown:
            return self._grown.wait_for(found, timeout)

    @property
    def text(self) -> str:
        """Everything so far."""
        return "\n".join(self.lines)


class Process:
    """A started program with captured output."""

    def __init__(  # noqa: PLR0913 - what a process consists of
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | str,
        user: str | None = None,
        stdout_filter: Callable[[str], str | None] | None = None,
        confined: bool = False,
        unread: Unread | None = None,
    ) -> None:
        """Start `command` (no shell).

        Args:
            command: Program and arguments.
            env: Its whole environment.
            cwd: Its working directory.
            user: The user that runs it; the current one if not given.
            stdout_filter: Changes each line of standard output, or drops it.
            confined: It may write only where the modes of files let it, even as root.
            unread: Nobody reads its standard output, in this way.
        """
        self.command = tuple(command)
        self.started = time.monotonic()
        self.stdout = Output()
        self.stderr = Output()
        writing = self._nobody(unread) if unread is not None else None
        self._popen = subprocess.Popen(
            self.command,
            env=dict(env),
            cwd=cwd,
            user=user,
            group=user,
            extra_groups=[] if user is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if unread is None else writing,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=_confined if confined else die_with_parent,  # noqa: PLW1509 - they take no lock
        )
        if writing is not None:
            os.close(writing)
        self._readers = [
            _reader(self._popen.stdout, self.stdout, stdout_filter),
            _reader(self._popen.stderr, self.stderr, None),
        ]

    @staticmethod
    def _nobody(unread: Unread) -> int:
        """The write end of a pipe whose read end is closed, or open and never read."""
        reading, writing = os.pipe()
        if unread == "closed":
            os.close(reading)
        elif hasattr(fcntl, "F_SETPIPE_SZ"):
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        return writing

    @property
    def pid(self) -> int:
        """Process id, which is also the id of the group."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code (negative: the signal that ended it), or None while it runs."""
        return self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program itself, as a container's runtime does."""
        if self._popen.poll() is None:
            self._popen.send_signal(number)

    def wait(self, timeout: float) -> int | None:
        """Wait for the exit; return its code, or None when it still runs after `timeout` seconds."""
        try:
            self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        self._drain()
        return self._popen.returncode

    def stop(self, grace: float = 5.0) -> int:
        """End it: first SIGTERM, then SIGKILL to the whole group."""
        self.signal(signal.SIGTERM)
        if self.wait(grace) is None:
            self.kill()
        else:
            self._kill_group()
        return self._popen.returncode

    def kill(self) -> None:
        """End the whole group at once."""
        self._kill_group()
        self._popen.wait()
        self._drain()

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)

    def _drain(self) -> None:
        # A grandchild that outlives the group's leader may hold the pipes: do not wait for it.
        for reader in self._readers:
            reader.join(1.0)


def _reader(
    stream: IO[bytes] | None, output: Output, line_filter: Callable[[str], str | None] | None
) -> threading.Thread:
    """Collect a stream's lines in the background."""

    def read() -> None:
        if stream is None:
            return
        with stream:
            for raw in stream:
                line: str | None = raw.decode("utf-8", "backslashreplace").rstrip("\n")
                if line_filter is not None and line is not None:
                    line = line_filter(line)
                if line is not None:
                    output.append(line)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
