"""What is noted in a repository while something is merged into it, so that there is always a way on and a way back."""

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
        conflicts: The files that git left in conflict; nothing as long as it is at work.
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
    """Note how far a merge is; it is on disk before anything else is.

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
    """Note that the merge is over."""
    _place(tree).unlink(missing_ok=True)


@contextmanager
def alone(tree: WorkTree) -> Iterator[int]:
    """Keep every other scaffold out of a work tree; lends the lock, for programs that must outlive this one.

    Raises:
        BusyError: Another one was faster.
        WriteFailedError: The system refused to write.
    """
    folder = _place(tree).parent
    try:
        folder.mkdir(exist_ok=True)
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise WriteFailedError(folder, error.strerror or str(error)) from error
    try:
        # A process that only asks whether an update runs holds it for a moment, too.
        if not _take(lock):
            raise BusyError(tree.top)
        yield lock
    finally:
        os.close(lock)


def busy(tree: WorkTree) -> bool:
    """Tell whether another scaffold is at work in a work tree, without keeping it out."""
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
