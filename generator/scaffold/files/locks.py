"""Locks between processes, by flock on an open file.

filelock has neither of the two kinds that are needed: the store needs a shared lock beside the exclusive one, and the
lock of a work tree must be inherited by git, which may outlive the process that took it.
"""

from __future__ import annotations

from typing import IO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, which has no flock
    fcntl = None  # type: ignore[assignment]


def lock(file: IO[str] | int, *, exclusive: bool) -> None:
    """Lock an open file, waiting for it; the lock lasts until this process and all that inherited the file have closed it.

    Args:
        file: The file, or its descriptor.
        exclusive: Whether to exclude all others; a shared lock excludes only exclusive ones.
    """
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)


def try_lock(file: IO[str] | int) -> bool:
    """Take the exclusive lock of an open file without waiting; return whether it was free."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
