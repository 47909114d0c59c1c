"""Checks before a merge: the state of the repository, and files in the way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.errors import (
    AnswersFileError,
    ChangedStackError,
    DetachedHeadError,
    DirtyTreeError,
    InTheWayError,
    NamesCollideError,
    NoCommitError,
    UnderWayError,
)
from scaffold.questions.answers import parse_answers
from scaffold.vcs.git import split

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scaffold.project import Project
    from scaffold.vcs.worktree import WorkTree

_UNDER_WAY = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase or git am",
    "sequencer": "a series of picks or reverts",
    "BISECT_LOG": "a bisection",
}


def check(tree: WorkTree, project: Project, *, detached_too: bool) -> None:
    """Make sure that something can be merged into a project, and that git can undo it.

    Args:
        tree: The work tree that the project is in.
        project: The project.
        detached_too: Whether a detached HEAD is allowed.

    Raises:
        NoCommitError: There is no commit, or the project is not in it.
        UnderWayError: A merge or something like it is not finished.
        DetachedHeadError: The repository is on no branch.
        DirtyTreeError: There are changes that are not committed.
        ChangedStackError: The answers name another stack than the project was made with.
    """
    if not tree.committed:
        raise NoCommitError(
            f"nothing is committed yet in {tree.top}", hint="git add --all && git commit --message 'Begin'"
        )
    for name, what in _UNDER_WAY.items():
        if tree.git_path(name).exists():
            raise UnderWayError(f"{what} is under way in {tree.top}", hint="git status tells how to finish it")
    if not detached_too and not tree.git.succeeds("symbolic-ref", "--quiet", "HEAD"):
        raise DetachedHeadError
    answers = f"{tree.prefix}{project.answers_file.name}"
    if not tree.git.succeeds("cat-file", "-e", f"HEAD:{answers}"):
        raise NoCommitError(
            f"{project.answers_file} is not committed",
            hint="git add --force what belongs to the project, and commit it",
        )
    if dirty := tree.changed():
        raise DirtyTreeError(dirty)
    _check_stack(tree, project, answers)


def check_names(tree: WorkTree, result: str) -> None:
    """Make sure that no new names differ only in case, if the file system ignores case.

    Raises:
        NamesCollideError: Some do.
    """
    if not tree.git.succeeds("config", "--type=bool", "--get", "core.ignoreCase", "true"):
        return
    names: dict[str, list[str]] = {}
    for name in _files(tree, result):
        names.setdefault(name.casefold(), []).append(name)
    # Names that collide in HEAD already are not ours.
    here = set(_files(tree, "HEAD"))
    colliding = [name for same in names.values() if len(same) > 1 and not here.issuperset(same) for name in same]
    if colliding:
        raise NamesCollideError(colliding)


def check_way(tree: WorkTree, written: Iterable[str]) -> None:
    """Make sure that no untracked file, ignored or not, is where a file is to be written.

    Args:
        tree: The work tree.
        written: Paths of files that the result has and the last commit has not.

    Raises:
        InTheWayError: There are such files.
    """
    found: list[str] = []
    for path in written:
        place = tree.top / path
        if _is_folder(place):
            # Git would remove the whole folder, with ignored files in it.
            inside = tree.git.output("look into a folder", "ls-files", "--others", "-z", "--", f":(literal){path}")
            found += split(inside)
            continue
        parents = [parent for parent in place.parents if parent != tree.top and parent.is_relative_to(tree.top)]
        blocking = next((each for each in (place, *parents) if os.path.lexists(each) and not _is_folder(each)), None)
        if blocking is None:
            continue
        name = blocking.relative_to(tree.top).as_posix()
        # Git itself handles tracked files.
        if not tree.git.succeeds("ls-files", "--error-unmatch", "--", f":(literal){name}"):
            found.append(name)
    if found:
        raise InTheWayError(sorted(set(found)))


def _files(tree: WorkTree, name: str) -> list[str]:
    return split(tree.git.output("list files", "ls-tree", "-r", "-z", "--name-only", name))


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _check_stack(tree: WorkTree, project: Project, answers: str) -> None:
    # The last time the file was added: another project may have been here before. A shallow clone may not have it.
    first = tree.git.output(
        "read the history", "log", "-1", "--format=%H", "--diff-filter=A", "--", f":(literal){answers}"
    )
    if not first:
        return
    content = tree.git.run("cat-file", "blob", f"{first}:{answers}").stdout
    try:
        made_with = parse_answers(content.decode(errors="replace"), project.answers_file).get("stack")
    except AnswersFileError:
        return
    if made_with is not None and made_with != project.stack:
        raise ChangedStackError(
            f'{project.answers_file} says "{project.stack}", but the project was made with the stack "{made_with}"',
            hint=f"the stack of a project cannot be changed: put stack: {made_with} back",
        )
