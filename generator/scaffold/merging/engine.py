"""The way of an update or a change of answers, from the question to the merged project."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaffold import drift, worktree
from scaffold import project as projects
from scaffold.errors import AnswersFileError, BusyError, NotAProjectError, NotARepositoryError
from scaffold.history.store import open_store
from scaffold.merging import carrying_out, journal, plan, standing
from scaffold.publishing import workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scaffold.drift import Base
    from scaffold.history.store import Store
    from scaffold.merging.carrying_out import Order, Outcome
    from scaffold.merging.journal import Entry
    from scaffold.merging.plan import Plan
    from scaffold.merging.wishes import Wish
    from scaffold.project import Project
    from scaffold.worktree import WorkTree


@dataclass(frozen=True, slots=True)
class Done:
    """A plan, and what became of it where it was carried out."""

    plan: Plan
    outcome: Outcome | None


def merge(
    project: Project, order: Order, wish: Callable[[Base, Store], Wish], announce: Callable[[Plan], None]
) -> Done:
    """Bring a project to what is wished.

    Args:
        project: The project.
        order: How.
        wish: Works out what is wanted from what the project was made from.
        announce: Is told the plan before anything is touched.

    Raises:
        ScaffoldError: It is refused, or failed; the project is as it was.
    """
    store = open_store()
    with workspace(store.workspace()) as scratch:
        if order.dry_run:
            worktree.around(project.root, scratch)
            tree = worktree.observed(project.root, scratch, store)
            if journal.busy(tree):
                raise BusyError(tree.top)
            carrying_out.settle(tree)
            planned = _plan(project, order, wish, tree, store)
            announce(planned)
            return Done(planned, None)
        tree = worktree.around(project.root, scratch)
        with journal.alone(tree) as lock:
            carrying_out.settle(tree)
            planned = _plan(project, order, wish, tree, store)
            announce(planned)
            if planned.merge is None:
                return Done(planned, None)
            if order.verify:
                if planned.conflicts:
                    return Done(planned, None)
                carrying_out.try_out(tree, planned.merge)
            outcome = carrying_out.carry_out(tree, planned, order, lock)
            return Done(planned, outcome)


def find(path: Path) -> Project:
    """Return the project that a path is in.

    Raises:
        NotAProjectError: The path is in no project.
        UnderWayError: A merge has left the answers of the project unreadable, and has to be finished or undone first.
        AnswersFileError: They are unreadable for another reason.
    """
    try:
        return projects.find(path)
    except AnswersFileError:
        with workspace(open_store().workspace()) as scratch, suppress(NotARepositoryError):
            carrying_out.settle(worktree.around(_folder(path), scratch))
        raise


def go_on(path: Path) -> tuple[Entry, Outcome]:
    """Finish a merge whose conflicts are resolved.

    Raises:
        ScaffoldError: There is none, or it cannot be finished yet.
    """
    with _alone(path) as tree:
        return carrying_out.go_on(tree)


def go_back(path: Path) -> Entry:
    """Undo a merge that is not finished.

    Raises:
        ScaffoldError: There is none, or git refused.
    """
    with _alone(path) as tree:
        return carrying_out.go_back(tree)


@contextmanager
def _alone(path: Path) -> Iterator[WorkTree]:
    # The answers may themselves be in conflict, so the project is not read.
    with workspace(open_store().workspace()) as scratch:
        tree = worktree.around(_folder(path), scratch)
        with journal.alone(tree):
            yield tree


def _folder(path: Path) -> Path:
    """Return the folder that a path is, or is in."""
    if not path.exists():
        raise NotAProjectError(path)
    return path if path.is_dir() else path.parent


def _plan(project: Project, order: Order, wish: Callable[[Base, Store], Wish], tree: WorkTree, store: Store) -> Plan:
    standing.check(tree, project, detached_too=order.branch is not None)
    if order.branch is not None:
        carrying_out.check_branch(tree.git, order.branch)
    base = drift.base(project, store, order.template)
    planned = plan.make(project.root, base, wish(base, store), tree, store)
    if planned.merge is not None:
        standing.check_way(tree, planned.merge.added)
        standing.check_names(tree, planned.merge.result)
    return planned
