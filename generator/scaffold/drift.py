"""How a project differs from what was rendered: the state of each file, and a patch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from scaffold import render_cache
from scaffold.files.staging import workspace
from scaffold.history.store import open_store
from scaffold.updating.base import render_base
from scaffold.updating.target import UpdateRequest, update_target
from scaffold.vcs import tree_diff, worktree
from scaffold.vcs.git import split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scaffold.history.store import Store
    from scaffold.project import Project
    from scaffold.updating.base import Base
    from scaffold.vcs.git import Git

State = Literal["untouched", "edited", "deleted", "added", "moved"]
STATES: tuple[State, ...] = ("untouched", "edited", "deleted", "added", "moved")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a project, or of what was rendered for it.

    Attributes:
        path: Where it is in the project, or was if it is deleted.
        state: What the user did to it; a file that was moved may be edited as well.
        was: Where it was rendered, if it is moved.
        added: How many lines it has more, nothing for a file without lines.
        deleted: How many lines it has less.
    """

    path: str
    state: State
    was: str | None
    added: int | None
    deleted: int | None


@dataclass(frozen=True, slots=True)
class Drift:
    """How a project differs from what was rendered, or one rendering from another.

    Attributes:
        old: What is on the left side.
        new: What is on the right side.
        files: Each file, by its path.
        patch: The difference, as git writes it; nothing where it was not asked for.
    """

    old: str
    new: str
    files: tuple[File, ...]
    patch: bytes

    def count(self, state: State) -> int:
        """Return how many files are of a state."""
        return sum(file.state == state for file in self.files)

    @property
    def drifted(self) -> tuple[File, ...]:
        """The files that are not as they were rendered; files that were only added do not count."""
        return tuple(file for file in self.files if file.state in {"edited", "deleted", "moved"})


def of_project(project: Project, template: str | None = None, *, patch: bool = False) -> Drift:
    """Tell what the user has changed since the project was rendered.

    Raises:
        ScaffoldError: What it was rendered from cannot be had: see `render_base`.
    """
    store = open_store()
    return since(render_base(project, store, template), project, store, patch=patch)


def since(made_from: Base, project: Project, store: Store, *, patch: bool = False) -> Drift:
    """Tell what the user has changed in a project since it was made from something.

    Raises:
        GitFailedError: Git refused.
    """
    with workspace(store.workspace()) as scratch:
        tree = worktree.open_read_only(project.root, scratch, store.objects)
        old, new = tree.rendered(partial(store.write, made_from.tree)), tree.snapshot()
        found = tree_diff.between(tree.git, old, new, tree.prefix)
        counted = tree_diff.counted(tree.git, old, new, tree.prefix) if found else {}
        return Drift(
            old=f"v{made_from.version.name} as rendered",
            new=str(project.root),
            files=_files(tree.git, _below(old, tree.prefix), found, counted),
            patch=tree_diff.patch(tree.git, old, new, tree.prefix) if patch else b"",
        )


def of_template(
    project: Project, to: str | None = None, template: str | None = None, otherwise: str | None = None
) -> Drift:
    """Tell what the template has changed since the project was rendered, with the project's own answers.

    Args:
        project: The project.
        to: The version to compare with; the newest without it.
        template: Other templates than the project's own to compare with.
        otherwise: Where the project's own are, for when they are no more where it says.

    Raises:
        ScaffoldError: What it was rendered from cannot be had: see `render_base`; or there is no such version.
    """
    store = open_store()
    made_from = render_base(project, store, template or otherwise)
    target = update_target(made_from, store, UpdateRequest(to, template, otherwise))
    old, new = made_from.tree, render_cache.tree(store, target.origin, target.version, target.answers)
    found = tree_diff.between(store.git, old, new)
    counted = tree_diff.counted(store.git, old, new)
    return Drift(
        old=f"v{made_from.version.name}",
        new=f"v{target.version.name}",
        files=_files(store.git, old, found, counted),
        patch=tree_diff.patch(store.git, old, new),
    )


def _files(
    git: Git, rendering: str, found: Sequence[tree_diff.Change], counted: Mapping[str, tuple[int, int]]
) -> tuple[File, ...]:
    files = {change.path: _file(change, counted) for change in found}
    gone = {change.was for change in found}
    names = git.output("list what was rendered", "ls-tree", "-r", "-z", "--name-only", rendering)
    for name in split(names):
        if name not in files and name not in gone:
            files[name] = File(name, "untouched", None, 0, 0)
    return tuple(files[name] for name in sorted(files))


def _below(tree: str, prefix: str) -> str:
    return f"{tree}:{prefix}" if prefix else tree


def _file(change: tree_diff.Change, counted: Mapping[str, tuple[int, int]]) -> File:
    states: dict[tree_diff.Kind, State] = {
        "added": "added",
        "changed": "edited",
        "deleted": "deleted",
        "moved": "moved",
    }
    added, deleted = counted.get(change.path, (-1, -1))
    return File(
        change.path,
        states[change.kind],
        change.was,
        None if added < 0 else added,
        None if deleted < 0 else deleted,
    )
