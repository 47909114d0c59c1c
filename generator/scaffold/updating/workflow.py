"""The steps of an update or a change of answers: check, plan, merge."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaffold.errors import AnswersFileError, BusyError, NotAProjectError, NotARepositoryError
from scaffold.files.staging import workspace
from scaffold.history.store import open_store
from scaffold.project import find_project
from scaffold.updating import apply, journal, plan, preflight, recovery
from scaffold.updating.base import render_base
from scaffold.updating.merge_state import settle
from scaffold.vcs import worktree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scaffold.history.store import Store
    from scaffold.project import Project
    from scaffold.updating.apply import MergeOptions
    from scaffold.updating.base import Base
    from scaffold.updating.journal import Entry
    from scaffold.updating.merge_state import Outcome
    from scaffold.updating.plan import Plan
    from scaffold.updating.target import Target
    from scaffold.vcs.worktree import WorkTree


@dataclass(frozen=True, slots=True)
class Done:
    """A plan, and the outcome if it was carried out."""

    plan: Plan
    outcome: Outcome | None


def merge(
    project: Project,
    options: MergeOptions,
    target_of: Callable[[Base, Store], Target],
    announce: Callable[[Plan], None],
) -> Done:
    """Bring a project to a target.

    Args:
        project: The project.
        options: How.
        target_of: Returns the target, given what the project was made from.
        announce: Called with the plan before anything is touched.

    Raises:
        ScaffoldError: It is refused, or failed; the project is as it was.
    """
    store = open_store()
    with workspace(store.workspace()) as scratch:
        if options.dry_run:
            worktree.open_work_tree(project.root, scratch)
            tree = worktree.open_read_only(project.root, scratch, store.objects)
            if journal.is_locked(tree):
                raise BusyError(tree.top)
            settle(tree)
            planned = _plan(project, options, target_of, tree, store)
            announce(planned)
            return Done(planned, None)
        tree = worktree.open_work_tree(project.root, scratch)
        with journal.exclusive(tree) as lock:
            settle(tree)
            planned = _plan(project, options, target_of, tree, store)
            announce(planned)
            if planned.merge is None:
                return Done(planned, None)
            if options.verify:
                if planned.conflicts:
                    return Done(planned, None)
                apply.run_checks(tree, planned.merge)
            outcome = apply.apply_merge(tree, planned, options, lock)
            return Done(planned, outcome)


def find(path: Path) -> Project:
    """Return the project that a path is in.

    Raises:
        NotAProjectError: The path is in no project.
        UnderWayError: A merge has left the answers of the project unreadable, and has to be finished or undone first.
        AnswersFileError: They are unreadable for another reason.
    """
    try:
        return find_project(path)
    except AnswersFileError:
        with workspace(open_store().workspace()) as scratch, suppress(NotARepositoryError):
            settle(worktree.open_work_tree(_folder(path), scratch))
        raise


def continue_merge(path: Path) -> tuple[Entry, Outcome]:
    """Finish a merge whose conflicts are resolved.

    Raises:
        ScaffoldError: There is none, or it cannot be finished yet.
    """
    with _alone(path) as tree:
        return recovery.continue_merge(tree)


def abort_merge(path: Path) -> Entry:
    """Undo a merge that is not finished.

    Raises:
        ScaffoldError: There is none, or git refused.
    """
    with _alone(path) as tree:
        return recovery.abort_merge(tree)


@contextmanager
def _alone(path: Path) -> Iterator[WorkTree]:
    # The answers may themselves be in conflict, so the project is not read.
    with workspace(open_store().workspace()) as scratch:
        tree = worktree.open_work_tree(_folder(path), scratch)
        with journal.exclusive(tree):
            yield tree


def _folder(path: Path) -> Path:
    """Return the folder that a path is, or is in."""
    if not path.exists():
        raise NotAProjectError(path)
    return path if path.is_dir() else path.parent


def _plan(
    project: Project, options: MergeOptions, target_of: Callable[[Base, Store], Target], tree: WorkTree, store: Store
) -> Plan:
    preflight.check(tree, project, detached_too=options.branch is not None)
    if options.branch is not None:
        apply.check_branch(tree.git, options.branch)
    base = render_base(project, store, options.template)
    planned = plan.make(project.root, base, target_of(base, store), tree, store)
    if planned.merge is not None:
        preflight.check_way(tree, planned.merge.added)
        preflight.check_names(tree, planned.merge.result)
    return planned
