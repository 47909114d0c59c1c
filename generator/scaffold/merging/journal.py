"""What is noted in a repository while something is merged into it, so that there is always a way on and a way back."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from scaffold.errors import BusyError
from scaffold.merging.standing import git_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scaffold.worktree import WorkTree


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
    """

    command: str
    title: str
    head: str
    change: str
    result: str
    branch: str | None
    return_to: str | None


def read(tree: WorkTree) -> Entry | None:
    """Return the merge that has begun, if one has."""
    try:
        return Entry(**json.loads(_place(tree).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write(tree: WorkTree, entry: Entry) -> None:
    """Note that a merge begins; it is on disk before anything else is."""
    place = _place(tree)
    beside = place.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        json.dump(asdict(entry), file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(place)


def close(tree: WorkTree) -> None:
    """Note that the merge is over."""
    _place(tree).unlink(missing_ok=True)


@contextmanager
def alone(tree: WorkTree) -> Iterator[int]:
    """Keep every other scaffold out of a work tree; lends the lock, for programs that must outlive this one.

    Raises:
        BusyError: Another one was faster.
    """
    import fcntl  # noqa: PLC0415 - only on systems that have it, and only here

    folder = _place(tree).parent
    folder.mkdir(exist_ok=True)
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BusyError(tree.top) from error
        yield lock
    finally:
        os.close(lock)


def _place(tree: WorkTree) -> Path:
    return git_path(tree, "scaffold/merge.json")
