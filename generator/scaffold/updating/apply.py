"""Carries a planned merge out with `git cherry-pick`."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from posixpath import normpath
from typing import TYPE_CHECKING

from scaffold.errors import BranchTakenError, CheckFailedError, GitFailedError, ScaffoldError
from scaffold.files.signals import defer_interrupts, ignore_interrupts, record_interrupts
from scaffold.updating import journal
from scaffold.updating.merge_state import Outcome, finished, is_picking, merging_git, under_way, unmerged
from scaffold.updating.preflight import check_way
from scaffold.updating.recovery import restore
from scaffold.vcs.git import environment_for_programs, failure_reason

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


def apply_merge(tree: WorkTree, plan: Plan, options: MergeOptions, lock: int) -> Outcome:
    """Carry a plan out.

    Args:
        tree: The work tree that the project is in.
        plan: What was planned.
        options: How.
        lock: The lock of the work tree, which git inherits.

    Raises:
        InTheWayError: Untracked files are where files are to be written.
        BranchTakenError: There is such a branch.
        GitFailedError: Git refused; the project is as it was.
    """
    merge, branch = plan.merge, options.branch
    if merge is None:
        return finished(tree)
    check_way(tree, merge.added)
    before = tree.git.run("symbolic-ref", "--quiet", "HEAD")
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
    git = merging_git(tree).keeping_open(lock)
    index_lock = tree.git_path("index.lock")
    of_another = index_lock.exists()
    with record_interrupts() as interrupts:
        try:
            if branch is not None:
                _check(git.run_interruptible(interrupts, "switch", "--quiet", "--create", branch), "make the branch")
            done = git.run_interruptible(interrupts, "cherry-pick", "--strategy=ort", "--allow-empty", merge.change)
            outcome = _judge(tree, entry, plan, done, interrupted=interrupts.arrived)
        except ScaffoldError as error:
            with defer_interrupts():
                if interrupts.arrived and not of_another:
                    # The git that was terminated has left it.
                    index_lock.unlink(missing_ok=True)
                _undo(tree, entry)
            if interrupts.arrived:
                raise KeyboardInterrupt from error
            raise
        # The merge is done: an interrupt must not make it look cancelled.
        ignore_interrupts()
    return outcome


def _judge(tree: WorkTree, entry: Entry, plan: Plan, done: CompletedProcess[bytes], *, interrupted: bool) -> Outcome:
    """Record the outcome of the cherry-pick.

    Raises:
        GitFailedError: Git neither committed nor stopped at a conflict.
        WriteFailedError: The system refused to write.
    """
    if done.returncode == 0:
        journal.close(tree)
        return finished(tree)
    # Git can stop without unmerged files: at a conflict that only the plan shows, or because it could not commit.
    conflicts = unmerged(tree)
    if not conflicts and not interrupted:
        conflicts = tuple(normpath(tree.prefix + conflict.path) for conflict in plan.conflicts)
    if conflicts and is_picking(tree, entry):
        journal.write(tree, replace(entry, conflicts=conflicts))
        return Outcome(conflicts, None, entry.branch)
    raise GitFailedError("pick the change", failure_reason(done), hint="the project is as it was")


def _check(done: CompletedProcess[bytes], action: str) -> None:
    if done.returncode != 0:
        raise GitFailedError(action, failure_reason(done))


def run_checks(tree: WorkTree, merge: Merge) -> None:
    """Run the project's own checks on the result of a merge, in a temporary work tree.

    Raises:
        CheckFailedError: They fail.
        GitFailedError: Git refused.
    """
    git = merging_git(tree)
    made = git.output("make a commit", "commit-tree", merge.result, "-p", merge.head, "-m", "On trial")
    place = tree.scratch / "trial"
    git.output("make a work tree", "worktree", "add", "--quiet", "--detach", str(place), made)
    try:
        done = subprocess.run(
            ["make", "setup", "check"],  # noqa: S607 - the user's own make is meant
            cwd=place / tree.prefix,
            # With CI set, only locked packages are installed, and the result may need others.
            env={name: value for name, value in environment_for_programs().items() if name != "CI"},
            stdin=subprocess.DEVNULL,
            # The result of the command is the only thing on stdout.
            stdout=sys.stderr,
            check=False,
        )
    finally:
        git.run("worktree", "remove", "--force", str(place))
    if done.returncode != 0:
        raise CheckFailedError(
            "the project's own `make check` fails on the result, so nothing was changed",
            hint="see what it says above; without --verify the change is merged all the same",
        )


def _undo(tree: WorkTree, entry: Entry) -> None:
    """Undo what this process has begun, or tell the user how to.

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
        BranchTakenError: The name is invalid, or taken.
    """
    # Git expands @{-1} to the previous branch.
    called = git.run("check-ref-format", "--branch", branch)
    if called.returncode != 0 or os.fsdecode(called.stdout).strip() != branch:
        raise BranchTakenError(f'"{branch}" is no valid name of a branch')
    # A branch cannot be below another one, as a file cannot be below a file.
    names = {f"refs/heads/{part}" for part in (branch, *map(str, PurePosixPath(branch).parents)) if part != "."}
    listed = git.output("list branches", "for-each-ref", "--format=%(refname)", *names).split("\n")
    taken = [name for name in listed if name in names or name.startswith(f"refs/heads/{branch}/")]
    if taken:
        there = taken[0].removeprefix("refs/heads/")
        raise BranchTakenError(f'there is a branch "{there}" already', hint="choose another name")
