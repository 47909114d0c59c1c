"""--continue and --abort: finishes a merge whose conflicts are resolved, or undoes it."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from scaffold.errors import ConflictsError, DirtyTreeError, GitFailedError, NothingUnderWayError
from scaffold.files.signals import ignore_interrupts, record_interrupts
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
from scaffold.vcs.git import failure_reason

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
    # Resolving to the state before makes an empty commit, which is allowed.
    with record_interrupts() as interrupts:
        done = merging_git(tree).run_interruptible(
            interrupts, "commit", "--quiet", "--no-edit", "--allow-empty", "--cleanup=strip"
        )
        if done.returncode == 0:
            ignore_interrupts()
        elif interrupts.arrived:
            raise KeyboardInterrupt
        else:
            raise GitFailedError("commit", failure_reason(done))
    journal.close(tree)
    return entry, finished(tree)


def abort_merge(tree: WorkTree) -> Entry:
    """Undo a merge that is not finished: the project is as it was, byte for byte.

    Raises:
        NothingUnderWayError: None has begun.
        GitFailedError: Git refused.
    """
    entry = _begun(tree)
    # Do not interrupt an abort half-way.
    ignore_interrupts()
    if state(tree, entry) == "interrupted":
        # We hold our lock, so none of our gits runs: this lock file is left of one that was killed.
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
        git.output("go back", "reset", "--quiet", "--keep", entry.head)
    # First, so that a full disk has space again for what git restores.
    _sweep(tree, entry)
    at_work = resolve(tree, "HEAD") == entry.head
    picking = is_picking(tree, entry)
    # Prefer git's own abort; it fails after some conflicts, and where it cannot write refs.
    if not (picking and git.succeeds("cherry-pick", "--abort")) and at_work and (picking or tree.changed()):
        if foreign := _foreign(tree, entry):
            hint = "git restore --staged --worktree takes them back, --abort then the rest: copy first what you want to keep"
            raise DirtyTreeError(foreign, hint=hint)
        git.output("go back", "read-tree", "--reset", "-u", entry.head)
        git.output("go back", "cherry-pick", "--quit")
    _sweep(tree, entry)
    if at_work and entry.branch and entry.return_to and current_branch(tree) == f"refs/heads/{entry.branch}":
        if entry.return_to.startswith("refs/"):
            git.output("return to the branch", "symbolic-ref", "HEAD", entry.return_to)
        else:
            git.output("return to the commit", "update-ref", "--no-deref", "HEAD", entry.return_to)
        git.output("remove the branch", "update-ref", "-d", f"refs/heads/{entry.branch}", entry.head)
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
    """Remove what `left_behind` returns, and folders that are empty then."""
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
    """Return tracked files with changes that are neither committed nor from the merge, those in conflict left out."""
    in_conflict = {*unmerged(tree), *(entry.conflicts or ())}
    found = []
    for path in tree.changed():
        place = tree.top / path
        # Its content is in the commit.
        if path in in_conflict or (not place.is_symlink() and not place.is_file()):
            continue
        made = [
            tree.git.run("cat-file", "--filters", f"{commit}:{path}").stdout for commit in (entry.result, entry.head)
        ]
        there = content_of(place)
        if not any(_unlabelled(each).startswith(_unlabelled(there)) for each in made):
            found.append(path)
    return found


def _unlabelled(content: bytes) -> bytes:
    # The labels of the two sides differ between the plan and the cherry-pick.
    return re.sub(rb"^([<|>]{7,}) .*$", rb"\1", content, flags=re.MULTILINE)


def _marked(tree: WorkTree, entry: Entry) -> list[str]:
    """Return the files that still have conflict markers."""
    marked = []
    for path in entry.conflicts or ():
        staged, *before = (_marks(tree, f"{name}:{path}") for name in ("", "HEAD", entry.change))
        # Text about conflicts may contain such lines on either side.
        if staged.difference(*before):
            marked.append(path)
    return marked


def _marks(tree: WorkTree, name: str) -> set[bytes]:
    found = tree.git.run("cat-file", "blob", name)
    return set(re.findall(rb"^(?:<{7,}|>{7,}) .*$", found.stdout, re.MULTILINE)) if found.returncode == 0 else set()
