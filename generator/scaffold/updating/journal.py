"""The record of a merge that has begun, kept in the repository, and the lock of the work tree."""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING

from scaffold.errors import BusyError, WriteFailedError
from scaffold.files.locks import try_lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scaffold.vcs.worktree import WorkTree

_LOCK = "lock"
_TRIES, _WAIT_SECONDS = 3, 0.02


@dataclass(frozen=True, slots=True)
class Entry:
    """A merge that has begun.

    Attributes:
        command: The command that began it.
        title: What it is about.
        head: The commit that it began on.
        change: The commit that is picked.
        result: The tree that comes of it, conflicts marked in it.
        branch: The branch that was made for it.
        return_to: Where HEAD was before that branch was made: a ref or a commit.
        conflicts: The files that git left in conflict; nothing until the cherry-pick has ended.
    """

    command: str
    title: str
    head: str
    change: str
    result: str
    branch: str | None
    return_to: str | None
    conflicts: tuple[str, ...] | None = None


def read(tree: WorkTree) -> Entry | None:
    """Return the merge that has begun, if one has."""
    try:
        noted = Entry(**json.loads(_place(tree).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return noted if noted.conflicts is None else replace(noted, conflicts=tuple(noted.conflicts))


def write(tree: WorkTree, entry: Entry) -> None:
    """Write the record of a merge, and sync it to disk.

    Raises:
        WriteFailedError: The system refused to write.
    """
    place = _place(tree)
    beside = place.with_suffix(".new")
    try:
        with beside.open("w", encoding="utf-8") as file:
            json.dump(asdict(entry), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(place)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise WriteFailedError(place, error.strerror or str(error)) from error


def close(tree: WorkTree) -> None:
    """Remove the record."""
    _place(tree).unlink(missing_ok=True)


@contextmanager
def exclusive(tree: WorkTree) -> Iterator[int]:
    """Lock a work tree against other scaffolds; yields the descriptor, for git to inherit.

    Raises:
        BusyError: Another scaffold holds the lock.
        WriteFailedError: The system refused to write.
    """
    folder = _place(tree).parent
    try:
        folder.mkdir(exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise WriteFailedError(folder, error.strerror or str(error)) from error
    try:
        # `is_locked` of another process holds the lock for a moment.
        if not _take(lock):
            raise BusyError(tree.top)
        yield lock
    finally:
        os.close(lock)


def is_locked(tree: WorkTree) -> bool:
    """Tell whether another scaffold is at work in a work tree."""
    try:
        lock = os.open(_place(tree).parent / _LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not try_lock(lock)
    finally:
        os.close(lock)


def _take(file: int) -> bool:
    for _ in range(_TRIES):
        if try_lock(file):
            return True
        time.sleep(_WAIT_SECONDS)
    return False


def _place(tree: WorkTree) -> Path:
    return tree.git_path("scaffold/merge.json")
