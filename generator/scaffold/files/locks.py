"""Locks between processes, by flock on an open file.

filelock does not fit: its lock is exclusive, and ends with the process that took it. Here, those that only add to the
store lock out nobody but those that clear it up, and a git that outlives its scaffold keeps the work tree locked.
"""

from __future__ import annotations

from typing import IO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows, where nobody is locked out
    fcntl = None  # type: ignore[assignment]


def lock(file: IO[str] | int, *, exclusive: bool) -> None:
    """Lock an open file until it is closed, here and in each program that has inherited it.

    Args:
        file: The file, or its descriptor.
        exclusive: Whether nobody else may hold the lock; otherwise, others may share it.
    """
    if fcntl is not None:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)


def try_lock(file: IO[str] | int) -> bool:
    """Lock an open file for oneself, as `lock` does, unless another holds the lock; tell whether that was possible."""
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
    return True
