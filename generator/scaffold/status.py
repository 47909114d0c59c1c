"""The status of a project: its version, the newest one, its options, and how it differs from what was rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaffold import drift
from scaffold.errors import BusyError, NotARepositoryError, UnreachedError
from scaffold.files.staging import workspace
from scaffold.history import versions
from scaffold.history.store import open_store
from scaffold.updating import journal, merge_state
from scaffold.updating.base import render_base
from scaffold.updating.target import has_same_templates, update_origin
from scaffold.vcs import worktree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scaffold.drift import Drift
    from scaffold.errors import ScaffoldError
    from scaffold.project import Project


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a project.

    Attributes:
        root: Its folder.
        stack: Its stack.
        origin: What it records as the source of its templates.
        version: The version that it was made with or last updated to.
        newest: The newest version; of those that are on this machine where the source cannot be reached.
        unreached: Why the source cannot be reached, if it cannot.
        moves_to: The source of the newest version, if these are other templates than the project's.
        update_available: Whether the newest is another one, and not older.
        options: The answers.
        drift: How it differs from what was rendered.
        under_way: A merge that is not finished, or another scaffold at work.
    """

    root: Path
    stack: str
    origin: str
    version: str
    newest: str
    unreached: UnreachedError | None
    moves_to: str | None
    update_available: bool
    options: Mapping[str, Any]
    drift: Drift
    under_way: ScaffoldError | None


def read_status(project: Project, template: str | None = None, otherwise: str | None = None) -> Status:
    """Return the status of a project.

    Args:
        project: The project.
        template: Other templates than the project's own, whose newest version is of interest.
        otherwise: Where the project's own are, for when they are no more where it says.

    Raises:
        ScaffoldError: What it was rendered from is not available.
    """
    store = open_store()
    base = render_base(project, store, template or otherwise)
    origin = update_origin(project.origin, template, otherwise)
    moves = template is not None and not has_same_templates(origin, store, base)
    version = versions.plain(str(project.version))
    unreached = None
    try:
        newest = origin.newest(store)
    except UnreachedError as error:
        unreached = error
        newest = origin.newest_cached(store) or version
    return Status(
        root=project.root,
        stack=project.stack,
        origin=project.origin,
        version=version,
        newest=newest,
        unreached=unreached,
        moves_to=origin.name if moves else None,
        update_available=moves or (version != newest and not versions.is_older(newest, base.version.name)),
        options={key: value for key, value in project.answers.items() if key != "stack"},
        drift=drift.since(base, project, store),
        under_way=_under_way(project),
    )


def _under_way(project: Project) -> ScaffoldError | None:
    with workspace(open_store().workspace()) as scratch:
        try:
            tree = worktree.open_work_tree(project.root, scratch)
        except NotARepositoryError:
            return None
        if journal.is_locked(tree):
            return BusyError(tree.top)
        entry = journal.read(tree)
        now = merge_state.state(tree, entry)
        return merge_state.under_way(entry, now) if entry is not None and now in {"conflicts", "interrupted"} else None
