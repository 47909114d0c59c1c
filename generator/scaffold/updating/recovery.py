"""The two ways out of a merge that has stopped: to finish it once its conflicts are resolved, or to undo it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from scaffold.errors import ConflictsError, DirtyTreeError, GitFailedError, NothingUnderWayError
from scaffold.files.signals import ignore, recorded
from scaffold.updating import journal
from scaffold.updating.merge_state import (
    content_of,
    current_branch,
    finished,
    is_picking,
    left_behind,
    merging_git,
    resolve,
    state,
    under_way,
    unmerged,
)
from scaffold.vcs.git import last_words

if TYPE_CHECKING:
    from scaffold.updating.journal import Entry
    from scaffold.updating.merge_state import Outcome
    from scaffold.vcs.worktree import WorkTree


def continue_merge(tree: WorkTree) -> tuple[Entry, Outcome]:
    """Finish a merge whose conflicts are resolved.

    Raises:
        NothingUnderWayError: None has begun.
        UnderWayError: It was interrupted and can only be aborted.
        ConflictsError: Some are not resolved.
        GitFailedError: Git refused.
    """
    entry = _begun(tree)
    if state(tree, entry) == "interrupted":
        raise under_way(entry, "interrupted")
    if conflicts := unmerged(tree):
        raise ConflictsError(f"still in conflict: {', '.join(conflicts)}", hint="resolve them and git add the files")
    if marked := _marked(tree, entry):
        raise ConflictsError(
            f"conflict markers are left: {', '.join(marked)}", hint="resolve them and git add the file"
        )
    # What was resolved may be what was there before; that is an answer too.
    with recorded() as interrupts:
        done = merging_git(tree).finish(
            interrupts, "commit", "--quiet", "--no-edit", "--allow-empty", "--cleanup=strip"
        )
        if done.returncode == 0:
            ignore()
        elif interrupts.arrived:
            raise KeyboardInterrupt
        else:
            raise GitFailedError("commit", last_words(done))
    journal.close(tree)
    return entry, finished(tree)


def abort_merge(tree: WorkTree) -> Entry:
    """Undo a merge that is not finished: the project is as it was, byte for byte.

    Raises:
        NothingUnderWayError: None has begun.
        GitFailedError: Git refused.
    """
    entry = _begun(tree)
    # From here to the end without an interrupt: half an abort would help nobody.
    ignore()
    if state(tree, entry) == "interrupted":
        # We hold the lock, so no git of ours runs any more: this lock file is of one that was killed.
        tree.git_path("index.lock").unlink(missing_ok=True)
    restore(tree, entry)
    return entry


def restore(tree: WorkTree, entry: Entry) -> None:
    """Bring a project back to what it was before a merge.

    Raises:
        DirtyTreeError: There are changes that are not the merge's.
        GitFailedError: Git refused.
    """
    git = merging_git(tree)
    if entry.conflicts is None and _committed(tree, entry):
        git.tell("go back", "reset", "--quiet", "--keep", entry.head)
    # First, so that on a full disk there is space again for what git brings back.
    _sweep(tree, entry)
    at_work = resolve(tree, "HEAD") == entry.head
    picking = is_picking(tree, entry)
    # Git goes back gently, but stops at what some conflicts leave, and where it cannot write refs.
    if not (picking and git.holds("cherry-pick", "--abort")) and at_work and (picking or tree.changed()):
        if foreign := _foreign(tree, entry):
            hint = "git restore --staged --worktree takes them back, --abort then the rest: copy first what you want to keep"
            raise DirtyTreeError(foreign, hint=hint)
        git.tell("go back", "read-tree", "--reset", "-u", entry.head)
        git.tell("go back", "cherry-pick", "--quit")
    _sweep(tree, entry)
    if at_work and entry.branch and entry.return_to and current_branch(tree) == f"refs/heads/{entry.branch}":
        if entry.return_to.startswith("refs/"):
            git.tell("return to the branch", "symbolic-ref", "HEAD", entry.return_to)
        else:
            git.tell("return to the commit", "update-ref", "--no-deref", "HEAD", entry.return_to)
        git.tell("remove the branch", "update-ref", "-d", f"refs/heads/{entry.branch}", entry.head)
    journal.close(tree)


def _begun(tree: WorkTree) -> Entry:
    entry = journal.read(tree)
    if entry is not None and state(tree, entry) == "finished":
        journal.close(tree)
        entry = None
    if entry is None:
        raise NothingUnderWayError("no update is under way here")
    return entry


def _sweep(tree: WorkTree, entry: Entry) -> None:
    """Remove what `left_behind` finds, and the folders that are empty then."""
    for path in left_behind(tree, entry):
        (tree.top / path).unlink()
        for parent in (tree.top / path).parents:
            if parent == tree.top:
                break
            with suppress(OSError):
                parent.rmdir()


def _committed(tree: WorkTree, entry: Entry) -> bool:
    return resolve(tree, "HEAD^") == entry.head and resolve(tree, "HEAD^{tree}") == entry.result


def _foreign(tree: WorkTree, entry: Entry) -> list[str]:
    """Return tracked files with content that is neither committed nor the merge's, and not what a conflict is about."""
    in_conflict = {*unmerged(tree), *(entry.conflicts or ())}
    found = []
    for path in tree.changed():
        place = tree.top / path
        # What is gone, or stands where a folder was, is in the commit.
        if path in in_conflict or (not place.is_symlink() and not place.is_file()):
            continue
        made = [
            tree.git.ask("cat-file", "--filters", f"{commit}:{path}").stdout for commit in (entry.result, entry.head)
        ]
        there = content_of(place)
        if not any(_unlabelled(each).startswith(_unlabelled(there)) for each in made):
            found.append(path)
    return found


def _unlabelled(content: bytes) -> bytes:
    # The names of the two sides are others in the plan than in earnest.
    return re.sub(rb"^([<|>]{7,}) .*$", rb"\1", content, flags=re.MULTILINE)


def _marked(tree: WorkTree, entry: Entry) -> list[str]:
    """Return the files of a conflict that still hold its marks."""
    marked = []
    for path in entry.conflicts or ():
        staged, *before = (_marks(tree, f"{name}:{path}") for name in ("", "HEAD", entry.change))
        # What shows how conflicts look was there before, on one side or the other.
        if staged.difference(*before):
            marked.append(path)
    return marked


def _marks(tree: WorkTree, name: str) -> set[bytes]:
    found = tree.git.ask("cat-file", "blob", name)
    return set(re.findall(rb"^(?:<{7,}|>{7,}) .*$", found.stdout, re.MULTILINE)) if found.returncode == 0 else set()
