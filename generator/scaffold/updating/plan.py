"""Plans a merge with `git merge-tree`, without touching the work tree."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scaffold import render_cache
from scaffold.errors import GitFailedError
from scaffold.history import versions
from scaffold.updating import env_example, references
from scaffold.updating.merge_state import merging_git
from scaffold.vcs import tree_diff
from scaffold.vcs.git import failure_reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scaffold.history.store import Store
    from scaffold.updating.base import Base
    from scaffold.updating.target import Target
    from scaffold.vcs.git import Git
    from scaffold.vcs.tree_diff import Change
    from scaffold.vcs.worktree import WorkTree

_CLEAN, _CONFLICTS = 0, 1
_NO_FILES = "directory rename unclear split"
_BY_HAND = "To do by hand"
# This section of the change log is not about projects.
_OF_THE_TOOL = "Tool"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A file with changes of the user and of the template that contradict each other.

    Attributes:
        path: Where it is in the project.
        kind: What contradicts what, in git's words, for example `contents` or `modify/delete`.
    """

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What a merge would do to a project.

    Attributes:
        root: The project.
        target: What it is to become.
        base: What it was made from.
        changes: What happens to its files, those in conflict left out.
        conflicts: The files that are left in conflict.
        touched: Files of the template that the user had changed and that this changes again.
        notes: What the change log says of the versions in between.
        by_hand: What is to be done by hand: what the change log says, and what `.env` needs.
        merge: The commits and trees that it consists of; nothing where there is nothing to do.
    """

    root: Path
    target: Target
    base: Base
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    touched: tuple[str, ...]
    notes: str
    by_hand: tuple[str, ...]
    merge: Merge | None


@dataclass(frozen=True, slots=True)
class Merge:
    """The commits and trees of a merge.

    Attributes:
        head: The commit that it goes onto.
        change: The commit to pick: the new rendering on the old one.
        result: The tree that comes of it, conflicts marked in it.
        added: Paths that are in the result but not in the commit.
    """

    head: str
    change: str
    result: str
    added: tuple[str, ...]


def make(root: Path, base: Base, target: Target, tree: WorkTree, store: Store) -> Plan:
    """Work out what it takes to bring a project to a target.

    Args:
        root: The project.
        base: What it was made from.
        target: What it is to become.
        tree: The work tree that it is in.
        store: Where renderings are kept.

    Raises:
        BrokenTemplateError: The template is at fault.
        GitFailedError: Git refused.
    """
    old = tree.rendered(partial(store.write, base.tree))
    rendering = render_cache.tree(store, target.origin, target.version, target.answers)
    new = tree.rendered(partial(store.write, rendering))
    notes = _notes(store, base, target)
    nothing = Plan(root, target, base, (), (), (), notes, (), None)
    if old == new:
        return nothing
    git = merging_git(tree)
    head = git.output("find the last commit", "rev-parse", "HEAD")
    onto = git.output("find its tree", "rev-parse", "HEAD^{tree}")
    rendering = _commit(git, old, (), "What was rendered")
    change = _commit(git, new, (rendering,), _message(base, target))
    ours = _commit(git, onto, (rendering,), "What the project is")
    # Where two files get one name, git appends the name of their side: use the same names as the cherry-pick will.
    sides = {ours: "HEAD", change: f"{git.output('shorten', 'rev-parse', '--short', change)} ({target.title})"}
    result, conflicts = _merge(git, ours, change)
    conflicts = {_called(path, sides): kind for path, kind in conflicts.items()}
    if result == onto and not conflicts:
        return nothing
    found = [replace(each, path=_called(each.path, sides)) for each in tree_diff.between(git, onto, result)]
    edited = tree_diff.between(git, old, onto, tree.prefix)
    inside = {_inside(tree, change.path): change for change in found}
    in_conflict = {_inside(tree, path): kind for path, kind in conflicts.items()}
    owned = {f"{tree.prefix}{each.path}" for each in edited if each.kind == "added"}
    mine = {name for each in edited if each.kind != "added" for name in (each.path, each.was) if name}
    return Plan(
        root=root,
        target=target,
        base=base,
        changes=tuple(_renamed(tree, inside[path]) for path in sorted(inside) if path not in in_conflict),
        conflicts=tuple(Conflict(path, in_conflict[path]) for path in sorted(in_conflict)),
        touched=tuple(sorted(mine & {*inside, *in_conflict, *(_inside(tree, each.was) for each in found if each.was)})),
        notes=notes,
        by_hand=(
            *_by_hand(notes),
            *env_example.to_do(*(_example(git, each, tree) for each in (old, new))),
            *(
                f"{_inside(tree, path)} names {_inside(tree, folder)}/, which is removed"
                for path, folder in references.dangling(git, onto, result, owned)
            ),
        ),
        merge=Merge(head, change, result, tuple(each.path for each in found if each.kind in {"added", "moved"})),
    )


def _example(git: Git, rendering: str, tree: WorkTree) -> str:
    done = git.run("cat-file", "blob", f"{rendering}:{tree.prefix}{env_example.EXAMPLE}")
    return os.fsdecode(done.stdout) if done.returncode == 0 else ""


def _merge(git: Git, ours: str, theirs: str) -> tuple[str, dict[str, str]]:
    done = git.run("merge-tree", "--write-tree", "-z", "--messages", ours, theirs)
    if done.returncode not in {_CLEAN, _CONFLICTS}:
        raise GitFailedError("merge", failure_reason(done), hint="git 2.38 or newer is needed")
    words = iter(os.fsdecode(done.stdout).split("\0"))
    result = next(words)
    conflicts: dict[str, str] = {}
    for word in words:
        if not word:
            break
        conflicts.setdefault(word.partition("\t")[2], "contents")
    for paths, kind in _messages(words):
        if kind.startswith("CONFLICT"):
            what = kind.removeprefix("CONFLICT").strip(" ()")
            # Git lists all paths of a conflict; only those left in conflict count. A folder that was moved to several
            # places leaves no such path, but git stops there too.
            conflicts |= {path: what for path in paths if path in conflicts or what == _NO_FILES}
    return result, conflicts if done.returncode == _CONFLICTS else {}


def _called(path: str, sides: Mapping[str, str]) -> str:
    for commit, name in sides.items():
        path = path.replace(f"~{commit}", f"~{name.replace('/', '_')}")
    return path


def _messages(words: Iterator[str]) -> Iterator[tuple[list[str], str]]:
    for count in words:
        if not count.strip():
            return
        paths = list(islice(words, int(count)))
        kind = next(words)
        next(words)
        yield paths, kind


def _commit(git: Git, tree: str, parents: tuple[str, ...], message: str) -> str:
    follows = [word for parent in parents for word in ("-p", parent)]
    return git.output("make a commit", "commit-tree", tree, *follows, "-m", message)


def _message(base: Base, target: Target) -> str:
    if target.version.name == base.version.name:
        return f"{target.title}\n\nMade by scaffold with its templates v{base.version.name}."
    before = f"v{base.version.name}" + (f" of {base.origin.name}" if target.moves else "")
    return f"{target.title}\n\nMade by scaffold from {before}."


def _inside(tree: WorkTree, path: str) -> str:
    """Return a path relative to the project, which it may be outside of."""
    if path.startswith(tree.prefix):
        return path[len(tree.prefix) :]
    return PurePosixPath(os.path.relpath(path, tree.prefix)).as_posix()


def _renamed(tree: WorkTree, change: Change) -> Change:
    was = _inside(tree, change.was) if change.was else None
    return tree_diff.Change(_inside(tree, change.path), change.kind, was, change.content, change.mode)


def _notes(store: Store, base: Base, target: Target) -> str:
    """Return the sections of the change log between the old version and the new one."""
    if target.moves or target.version.name == base.version.name:
        return ""
    log = store.text("CHANGELOG.md", target.version.tree) or ""
    sections = re.split(r"^(?=## )", log, flags=re.MULTILINE)[1:]
    wanted = []
    for section in sections:
        heading = re.match(r"## \[?([^\]\s]+)", section)
        name = heading[1] if heading else ""
        released = versions.is_one(name)
        since = (
            released and versions.is_older(base.version.name, name) and not versions.is_older(target.version.name, name)
        )
        unreleased = name.lower() == "unreleased" and versions.tree_in(target.version.name) is not None
        if since or unreleased:
            wanted += [part.strip() for title, part in _parts(section) if title != _OF_THE_TOOL.lower()]
    return "\n\n".join(wanted)


def _parts(log: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a change log, each with its title in lower case."""
    for part in filter(str.strip, re.split(r"^(?=###? )", log, flags=re.MULTILINE)):
        yield part.partition("\n")[0].strip("# \t\r").lower(), part


def _by_hand(notes: str) -> Iterator[str]:
    for title, part in _parts(notes):
        if title == _BY_HAND.lower():
            body = part.partition("\n")[2]
            yield from (" ".join(item.split()) for item in re.split(r"^- ", body, flags=re.MULTILINE) if item.strip())
