"""Differences between two git trees: files that were added, changed, deleted and moved."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scaffold.vcs.git import Git

Kind = Literal["added", "changed", "deleted", "moved"]

# Rename detection, with the same limit as in merges.
_MOVES = ("-M", "-l7000")
_KINDS: dict[str, Kind] = {"A": "added", "D": "deleted", "R": "moved"}


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs.

    Attributes:
        path: Where it is, or was if it is deleted.
        kind: What happened to it.
        was: Where it was before it was moved.
        content: Whether more than its place or mode is different.
        mode: The new mode where it changed, such as 100755.
    """

    path: str
    kind: Kind
    was: str | None
    content: bool
    mode: str | None


def between(git: Git, old: str, new: str, prefix: str = "") -> tuple[Change, ...]:
    """Return how one tree differs from another.

    Args:
        git: Git in a repository that has both.
        old: The tree before.
        new: The tree after.
        prefix: Limits the comparison to a folder, to which paths are relative.

    Raises:
        GitFailedError: Git refused.
    """
    arguments = ["diff-tree", "-r", "-z", "--raw", *_MOVES, *([f"--relative={prefix}"] if prefix else [])]
    said = git.output("compare", *arguments, old, new)
    return tuple(_read(said.split("\0")))


def patch(git: Git, old: str, new: str, prefix: str = "", paths: Sequence[str] = ()) -> bytes:
    """Return how one tree differs from another as a patch that git can apply.

    Raises:
        GitFailedError: Git refused.
    """
    arguments = ["diff-tree", "-r", "-p", "--binary", *_MOVES, *([f"--relative={prefix}"] if prefix else [])]
    literal = [f":(literal){prefix}{path}" for path in paths]
    settings = ("core.quotePath=false", "diff.noprefix=false", "diff.mnemonicPrefix=false")
    said = git.configured(*settings).output(
        "compare", *arguments, "--no-ext-diff", "--no-textconv", old, new, "--", *literal
    )
    return os.fsencode(said + "\n") if said else b""


def counted(git: Git, old: str, new: str, prefix: str = "") -> dict[str, tuple[int, int]]:
    """Return the numbers of added and deleted lines of each file; -1 for binary files.

    Raises:
        GitFailedError: Git refused.
    """
    arguments = ["diff-tree", "-r", "-z", "--numstat", *_MOVES, *([f"--relative={prefix}"] if prefix else [])]
    words = iter(git.output("compare", *arguments, old, new).split("\0"))
    found = {}
    for word in words:
        if not word:
            continue
        added, deleted, path = word.split("\t", 2)
        if not path:
            next(words)
            path = next(words)
        found[path] = (_number(added), _number(deleted))
    return found


def _number(word: str) -> int:
    return -1 if word == "-" else int(word)


def _read(words: Sequence[str]) -> Iterator[Change]:
    rest = iter(words)
    for word in rest:
        if not word:
            continue
        old_mode, new_mode, old, new, letter = word.removeprefix(":").split(" ")
        path = next(rest)
        was = None
        if letter.startswith("R"):
            was, path = path, next(rest)
        kind = _KINDS.get(letter[0], "changed")
        moved_mode = kind in {"changed", "moved"} and old_mode != new_mode
        yield Change(path, kind, was, old != new, new_mode if moved_mode else None)
