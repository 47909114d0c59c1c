"""Carries a merge out, goes on with one after conflicts, and goes back: always leaving an ordinary state of git."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING, Literal

from scaffold import repository
from scaffold.errors import (
    BranchTakenError,
    CheckFailedError,
    ConflictsError,
    DirtyTreeError,
    GitFailedError,
    NothingUnderWayError,
    ScaffoldError,
    UnderWayError,
)
from scaffold.git import environment_for_programs, last_words, split
from scaffold.interruption import deferred, ignore, recorded
from scaffold.merging import journal
from scaffold.merging.plan import MERGING
from scaffold.merging.standing import changed, check_way, git_path

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from scaffold.git import Git
    from scaffold.merging.journal import Entry
    from scaffold.merging.plan import Merge, Plan
    from scaffold.worktree import WorkTree

State = Literal["none", "conflicts", "interrupted", "finished"]


@dataclass(frozen=True, slots=True)
class Order:
    """How a merge is to be done.

    Attributes:
        command: The command that wants it: `update` or `set`.
        template: Where to look for the templates if the place that is recorded is not to be found.
        dry_run: Whether only the plan is wanted.
        verify: Whether the project's own checks have to pass on the result.
        branch: A branch to make for it.
    """

    command: str
    template: str | None = None
    dry_run: bool = False
    verify: bool = False
    branch: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a merge.

    Attributes:
        conflicts: The files that are in conflict, as git lists them.
        commit: The commit that was made, where there are none.
        branch: The branch that it is on.
    """

    conflicts: tuple[str, ...]
    commit: str | None
    branch: str | None


def carry_out(tree: WorkTree, plan: Plan, order: Order, lock: int) -> Outcome:
    """Do what was planned.

    Args:
        tree: The work tree that the project is in.
        plan: What was planned.
        order: How.
        lock: The lock of the work tree, which git holds with us.

    Raises:
        InTheWayError: Files that git does not know are where files are to be written.
        BranchTakenError: There is such a branch.
        GitFailedError: Git refused; the project is as it was.
    """
    merge, branch = plan.merge, order.branch
    if merge is None:
        return _finished(tree)
    check_way(tree, merge.added)
    before = tree.git.ask("symbolic-ref", "--quiet", "HEAD")
    return_to = os.fsdecode(before.stdout).strip() if before.returncode == 0 else merge.head
    entry = journal.Entry(
        command=order.command,
        title=plan.wish.title,
        head=merge.head,
        change=merge.change,
        result=merge.result,
        branch=branch,
        return_to=return_to if branch else None,
    )
    journal.write(tree, entry)
    git = _merging(tree).holding(lock)
    index_lock = git_path(tree, "index.lock")
    of_another = index_lock.exists()
    with recorded() as interrupts:
        try:
            if branch is not None:
                _check(git.finish(interrupts, "switch", "--quiet", "--create", branch), "make the branch")
            done = git.finish(interrupts, "cherry-pick", "--strategy=ort", "--allow-empty", merge.change)
            outcome = _judge(tree, entry, plan, done, interrupted=interrupts.arrived)
        except ScaffoldError as error:
            with deferred():
                if interrupts.arrived and not of_another:
                    # The git that was ended left it.
                    index_lock.unlink(missing_ok=True)
                _take_back(tree, entry)
            if interrupts.arrived:
                raise KeyboardInterrupt from error
            raise
        # Git has come to its end: an interrupt is too late to change anything, and must not deny what was done.
        ignore()
    return outcome


def _judge(tree: WorkTree, entry: Entry, plan: Plan, done: CompletedProcess[bytes], *, interrupted: bool) -> Outcome:
    """Note what has come of a pick.

    Raises:
        GitFailedError: Git neither picked the change nor stopped at a conflict.
        WriteFailedError: The system refused to write.
    """
    if done.returncode == 0:
        journal.close(tree)
        return _finished(tree)
    # Where nothing is left in conflict, git stopped for what it had told before, or was not able to commit.
    conflicts = _unmerged(tree)
    if not conflicts and not interrupted:
        conflicts = tuple(normpath(tree.prefix + conflict.path) for conflict in plan.conflicts)
    if conflicts and _picking(tree, entry):
        journal.write(tree, replace(entry, conflicts=conflicts))
        return Outcome(conflicts, None, entry.branch)
    raise GitFailedError("pick the change", last_words(done), hint="the project is as it was")


def _check(done: CompletedProcess[bytes], action: str) -> None:
    if done.returncode != 0:
        raise GitFailedError(action, last_words(done))


def state(tree: WorkTree, entry: Entry | None) -> State:
    """Tell what has become of a merge that has begun."""
    if entry is None:
        return "none"
    if _picking(tree, entry):
        # Git picks as long as it commits, too: only what had come to its end is more than half done.
        return "conflicts" if entry.conflicts is not None else "interrupted"
    # Once it had got to conflicts, nobody but the user has ended it.
    if entry.conflicts is not None or _resolve(tree, "HEAD") != entry.head:
        return "finished"
    half_done = git_path(tree, "index.lock").exists() or changed(tree) or _left(tree, entry)
    return "interrupted" if half_done or (entry.branch and _on(tree) == f"refs/heads/{entry.branch}") else "finished"


def settle(tree: WorkTree) -> None:
    """Forget a merge that is over, and refuse to go on beside one that is not.

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
    """Return the error that tells the ways out of a merge that is not over."""
    if now == "interrupted":
        return UnderWayError(
            f'"{entry.title}" was interrupted half-way', hint=f"scaffold {entry.command} --abort goes back"
        )
    return UnderWayError(
        f'"{entry.title}" is under way, with conflicts',
        hint=f"resolve them and git add the files; then scaffold {entry.command} --continue, or --abort to go back",
    )


def go_on(tree: WorkTree) -> tuple[Entry, Outcome]:
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
    if unmerged := _unmerged(tree):
        raise ConflictsError(f"still in conflict: {', '.join(unmerged)}", hint="resolve them and git add the files")
    if marked := _marked(tree, entry):
        raise ConflictsError(
            f"conflict markers are left: {', '.join(marked)}", hint="resolve them and git add the file"
        )
    # What was resolved may be what was there before; that is an answer too.
    with recorded() as interrupts:
        done = _merging(tree).finish(interrupts, "commit", "--quiet", "--no-edit", "--allow-empty", "--cleanup=strip")
        if done.returncode == 0:
            ignore()
        elif interrupts.arrived:
            raise KeyboardInterrupt
        else:
            raise GitFailedError("commit", last_words(done))
    journal.close(tree)
    return entry, _finished(tree)


def go_back(tree: WorkTree) -> Entry:
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
        git_path(tree, "index.lock").unlink(missing_ok=True)
    _restore(tree, entry)
    return entry


def try_out(tree: WorkTree, merge: Merge) -> None:
    """Run the project's own checks on what a merge makes, in a work tree of its own.

    Raises:
        CheckFailedError: They fail.
        GitFailedError: Git refused.
    """
    git = _merging(tree)
    made = git.tell("make a commit", "commit-tree", merge.result, "-p", merge.head, "-m", "On trial")
    place = tree.scratch / "trial"
    git.tell("make a work tree", "worktree", "add", "--quiet", "--detach", str(place), made)
    try:
        done = subprocess.run(
            ["make", "setup", "check"],  # noqa: S607 - the user's own make is meant
            cwd=place / tree.prefix,
            # CI installs only what is locked, and what is tried out may need other packages.
            env={name: value for name, value in environment_for_programs().items() if name != "CI"},
            stdin=subprocess.DEVNULL,
            # The result of the command is the only thing on stdout.
            stdout=sys.stderr,
            check=False,
        )
    finally:
        git.ask("worktree", "remove", "--force", str(place))
    if done.returncode != 0:
        raise CheckFailedError(
            "the project's own `make check` fails on the result, so nothing was changed",
            hint="see what it says above; without --verify the change is merged all the same",
        )


def _begun(tree: WorkTree) -> Entry:
    entry = journal.read(tree)
    if entry is not None and state(tree, entry) == "finished":
        journal.close(tree)
        entry = None
    if entry is None:
        raise NothingUnderWayError("no update is under way here")
    return entry


def _take_back(tree: WorkTree, entry: Entry) -> None:
    """Undo what this very process has begun, or tell how to.

    Raises:
        UnderWayError: It cannot be undone now.
    """
    try:
        _restore(tree, entry)
    except ScaffoldError as error:
        raise under_way(entry, "interrupted") from error


def _restore(tree: WorkTree, entry: Entry) -> None:
    git = _merging(tree)
    if entry.conflicts is None and _committed(tree, entry):
        git.tell("go back", "reset", "--quiet", "--keep", entry.head)
    # First, so that on a full disk there is space again for what git brings back.
    _sweep(tree, entry)
    at_work = _resolve(tree, "HEAD") == entry.head
    picking = _picking(tree, entry)
    # Git goes back gently, but stops at what some conflicts leave, and where it cannot write refs.
    if not (picking and git.holds("cherry-pick", "--abort")) and at_work and (picking or changed(tree)):
        if foreign := _foreign(tree, entry):
            hint = "git restore --staged --worktree takes them back, --abort then the rest: copy first what you want to keep"
            raise DirtyTreeError(foreign, hint=hint)
        git.tell("go back", "read-tree", "--reset", "-u", entry.head)
        git.tell("go back", "cherry-pick", "--quit")
    _sweep(tree, entry)
    if at_work and entry.branch and entry.return_to and _on(tree) == f"refs/heads/{entry.branch}":
        if entry.return_to.startswith("refs/"):
            git.tell("return to the branch", "symbolic-ref", "HEAD", entry.return_to)
        else:
            git.tell("return to the commit", "update-ref", "--no-deref", "HEAD", entry.return_to)
        git.tell("remove the branch", "update-ref", "-d", f"refs/heads/{entry.branch}", entry.head)
    journal.close(tree)


def _sweep(tree: WorkTree, entry: Entry) -> None:
    """Remove what `_left` finds, and the folders that are empty then."""
    for path in _left(tree, entry):
        (tree.top / path).unlink()
        for parent in (tree.top / path).parents:
            if parent == tree.top:
                break
            with suppress(OSError):
                parent.rmdir()


def _picking(tree: WorkTree, entry: Entry) -> bool:
    return _resolve(tree, "CHERRY_PICK_HEAD") == entry.change


def _committed(tree: WorkTree, entry: Entry) -> bool:
    return _resolve(tree, "HEAD^") == entry.head and _resolve(tree, "HEAD^{tree}") == entry.result


def _foreign(tree: WorkTree, entry: Entry) -> list[str]:
    """Return tracked files with content that is neither committed nor the merge's, and not what a conflict is about."""
    in_conflict = {*_unmerged(tree), *(entry.conflicts or ())}
    found = []
    for path in changed(tree):
        place = tree.top / path
        # What is gone, or stands where a folder was, is in the commit.
        if path in in_conflict or (not place.is_symlink() and not place.is_file()):
            continue
        made = [
            tree.git.ask("cat-file", "--filters", f"{commit}:{path}").stdout for commit in (entry.result, entry.head)
        ]
        there = _content(place)
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


def _left(tree: WorkTree, entry: Entry) -> list[str]:
    """Return files that the merge was killed while writing: git does not know them, and they hold what it wrote."""
    git = tree.git
    names = git.tell("list what was added", "diff-tree", "-r", "-z", "--no-renames", "--diff-filter=A", "--name-only",
                     f"{entry.head}^{{tree}}", entry.result)  # fmt: skip
    left = []
    for name in split(names):
        place = tree.top / name
        if not os.path.lexists(place) or git.holds("ls-files", "--error-unmatch", "--", f":(literal){name}"):
            continue
        whole = git.ask("cat-file", "--filters", f"{entry.result}:{name}").stdout
        if (place.is_symlink() or place.is_file()) and whole.startswith(_content(place)):
            left.append(name)
    return left


def _content(path: Path) -> bytes:
    return os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()


def _finished(tree: WorkTree) -> Outcome:
    on = _on(tree)
    return Outcome((), _resolve(tree, "HEAD"), on.removeprefix("refs/heads/") if on else None)


def check_branch(git: Git, branch: str) -> None:
    """Make sure that a branch can be made.

    Raises:
        BranchTakenError: It cannot be called that, or there is one that is in its way.
    """
    # Git takes @{-1} for the branch before.
    called = git.ask("check-ref-format", "--branch", branch)
    if called.returncode != 0 or os.fsdecode(called.stdout).strip() != branch:
        raise BranchTakenError(f'no branch can be called "{branch}"')
    # Branches are like files: one cannot be below another.
    names = {f"refs/heads/{part}" for part in (branch, *map(str, PurePosixPath(branch).parents)) if part != "."}
    listed = git.tell("list branches", "for-each-ref", "--format=%(refname)", *names).split("\n")
    taken = [name for name in listed if name in names or name.startswith(f"refs/heads/{branch}/")]
    if taken:
        there = taken[0].removeprefix("refs/heads/")
        raise BranchTakenError(f'there is a branch "{there}" already', hint="choose another name")


def _merging(tree: WorkTree) -> Git:
    settings = (*repository.UNDISTURBED, *repository.identity_settings(tree.top), *MERGING, "core.editor=true")
    return tree.git.having(*settings)


def _unmerged(tree: WorkTree) -> tuple[str, ...]:
    listed = tree.git.tell("list conflicts", "diff", "--name-only", "--diff-filter=U", "-z")
    return tuple(sorted(set(split(listed))))


def _resolve(tree: WorkTree, name: str) -> str | None:
    done = tree.git.ask("rev-parse", "--verify", "--quiet", name)
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None


def _on(tree: WorkTree) -> str | None:
    done = tree.git.ask("symbolic-ref", "--quiet", "HEAD")
    return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None
