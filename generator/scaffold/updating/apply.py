"""Carries a planned merge out, as a commit that git picks: whatever stops it leaves an ordinary state of git."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING

from scaffold.errors import BranchTakenError, CheckFailedError, GitFailedError, ScaffoldError
from scaffold.files.signals import deferred, ignore, recorded
from scaffold.updating import journal
from scaffold.updating.merge_state import Outcome, finished, is_picking, merging_git, under_way, unmerged
from scaffold.updating.preflight import check_way
from scaffold.updating.recovery import restore
from scaffold.vcs.git import environment_for_programs, last_words

if TYPE_CHECKING:
    from subprocess import CompletedProcess

    from scaffold.updating.journal import Entry
    from scaffold.updating.plan import Merge, Plan
    from scaffold.vcs.git import Git
    from scaffold.vcs.worktree import WorkTree


@dataclass(frozen=True, slots=True)
class MergeOptions:
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


def carry_out(tree: WorkTree, plan: Plan, options: MergeOptions, lock: int) -> Outcome:
    """Do what was planned.

    Args:
        tree: The work tree that the project is in.
        plan: What was planned.
        options: How.
        lock: The lock of the work tree, which git holds with us.

    Raises:
        InTheWayError: Files that git does not know are where files are to be written.
        BranchTakenError: There is such a branch.
        GitFailedError: Git refused; the project is as it was.
    """
    merge, branch = plan.merge, options.branch
    if merge is None:
        return finished(tree)
    check_way(tree, merge.added)
    before = tree.git.ask("symbolic-ref", "--quiet", "HEAD")
    return_to = os.fsdecode(before.stdout).strip() if before.returncode == 0 else merge.head
    entry = journal.Entry(
        command=options.command,
        title=plan.target.title,
        head=merge.head,
        change=merge.change,
        result=merge.result,
        branch=branch,
        return_to=return_to if branch else None,
    )
    journal.write(tree, entry)
    git = merging_git(tree).holding(lock)
    index_lock = tree.git_path("index.lock")
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
        return finished(tree)
    # Where nothing is left in conflict, git stopped for what it had told before, or was not able to commit.
    conflicts = unmerged(tree)
    if not conflicts and not interrupted:
        conflicts = tuple(normpath(tree.prefix + conflict.path) for conflict in plan.conflicts)
    if conflicts and is_picking(tree, entry):
        journal.write(tree, replace(entry, conflicts=conflicts))
        return Outcome(conflicts, None, entry.branch)
    raise GitFailedError("pick the change", last_words(done), hint="the project is as it was")


def _check(done: CompletedProcess[bytes], action: str) -> None:
    if done.returncode != 0:
        raise GitFailedError(action, last_words(done))


def try_out(tree: WorkTree, merge: Merge) -> None:
    """Run the project's own checks on what a merge makes, in a work tree of its own.

    Raises:
        CheckFailedError: They fail.
        GitFailedError: Git refused.
    """
    git = merging_git(tree)
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


def _take_back(tree: WorkTree, entry: Entry) -> None:
    """Undo what this very process has begun, or tell how to.

    Raises:
        UnderWayError: It cannot be undone now.
    """
    try:
        restore(tree, entry)
    except ScaffoldError as error:
        raise under_way(entry, "interrupted") from error


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
