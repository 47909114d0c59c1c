"""The state of a merge that has begun, from the journal and from git."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scaffold.errors import UnderWayError
from scaffold.updating import journal
from scaffold.vcs.git import split
from scaffold.vcs.settings import NEUTRAL_SETTINGS, identity_settings

if TYPE_CHECKING:
    from pathlib import Path

    from scaffold.updating.journal import Entry
    from scaffold.vcs.git import Git
    from scaffold.vcs.worktree import WorkTree

State = Literal["none", "conflicts", "interrupted", "finished"]

_MERGING = ("merge.renames=true", "merge.directoryRenames=conflict", "submodule.recurse=false", "core.editor=true")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a merge.

    Attributes:
        conflicts: The files that are in conflict, as git lists them.
        commit: The commit that was made, where there are none.
        branch: The branch that it is on.
    """

    conflicts: tuple[str, ...]
    commit: str | None
    branch: str | None


def state(tree: WorkTree, entry: Entry | None) -> State:
    """Return the state of a merge that has begun."""
    if entry is None:
        return "none"
    if is_picking(tree, entry):
        # CHERRY_PICK_HEAD also exists while git is at work; the journal has conflicts only after that.
        return "conflicts" if entry.conflicts is not None else "interrupted"
    # After conflicts, only the user can have ended it.
    if entry.conflicts is not None or resolve(tree, "HEAD") != entry.head:
        return "finished"
    half_done = tree.git_path("index.lock").exists() or tree.changed() or left_behind(tree, entry)
    return (
        "interrupted"
        if half_done or (entry.branch and current_branch(tree) == f"refs/heads/{entry.branch}")
        else "finished"
    )


def settle(tree: WorkTree) -> None:
    """Remove the record of a merge that is over; refuse to continue if it is not.

    Raises:
        UnderWayError: A merge has begun and is not over.
    """
    entry = journal.read(tree)
    now = state(tree, entry)
    if entry is None or now == "none":
        return
    if now == "finished":
        journal.close(tree)
        return
    raise under_way(entry, now)


def under_way(entry: Entry, now: State) -> UnderWayError:
    """Return the error for a merge that is not over, with what the user can do."""
    if now == "interrupted":
        return UnderWayError(
            f'"{entry.title}" was interrupted half-way', hint=f"scaffold {entry.command} --abort goes back"
        )
    return UnderWayError(
        f'"{entry.title}" is under way, with conflicts',
        hint=f"resolve them and git add the files; then scaffold {entry.command} --continue, or --abort to go back",
    )


def finished(tree: WorkTree) -> Outcome:
    """Return the outcome of a merge without conflicts."""
    on = current_branch(tree)
    return Outcome((), resolve(tree, "HEAD"), on.removeprefix("refs/heads/") if on else None)


def is_picking(tree: WorkTree, entry: Entry) -> bool:
    """Tell whether the cherry-pick of a merge runs, or has stopped at conflicts."""
    return resolve(tree, "CHERRY_PICK_HEAD") == entry.change


def left_behind(tree: WorkTree, entry: Entry) -> list[str]:
    """Return the untracked files that a killed merge has written, wholly or in part."""
    git = tree.git
    names = git.output("list what was added", "diff-tree", "-r", "-z", "--no-renames", "--diff-filter=A", "--name-only",
                     f"{entry.head}^{{tree}}", entry.result)  # fmt: skip
    left = []
    for name in split(names):
        place = tree.top / name
        if not os.path.lexists(place) or git.succeeds("ls-files", "--error-unmatch", "--", f":(literal){name}"):
            continue
        whole = git.run("cat-file", "--filters", f"{entry.result}:{name}").stdout
        if (place.is_symlink() or place.is_file()) and whole.startswith(content_of(place)):
            left.append(name)
    return left


def content_of(path: Path) -> bytes:
    """Return the bytes of a file, or where a link leads."""
    return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def unmerged(tree: WorkTree) -> tuple[str, ...]:
    """Return the files that git has left in conflict."""
    listed = tree.git.output("list conflicts", "diff", "--name-only", "--diff-filter=U", "-z")
    return tuple(sorted(set(split(listed))))


def resolve(tree: WorkTree, name: str) -> str | None:
    """Return the object that a revision names, if any."""
    done = tree.git.run("rev-parse", "--verify", "--quiet", name)
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None


def current_branch(tree: WorkTree) -> str | None:
    """Return the ref of the current branch, or nothing on a detached HEAD."""
    done = tree.git.run("symbolic-ref", "--quiet", "HEAD")
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None


def merging_git(tree: WorkTree) -> Git:
    """Return git with the settings for merges, the same for the plan and for the merge itself."""
    return tree.git.configured(*NEUTRAL_SETTINGS, *identity_settings(tree.top), *_MERGING)
