"""Projects that are lived in: with an edit and a lock file of their owner's they follow the templates, and work."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from rows import NAME, run
from tests.stack_files import described, oldest_releases

if TYPE_CHECKING:
    from pathlib import Path


def _edit(stack: str, project: Path) -> None:
    """Do what the stack's stack.yml says an owner does: put a comment before a line."""
    edit = described(stack)["edit"]
    place = project / edit["file"]
    before, found, after = place.read_text(encoding="utf-8").partition(edit["line"])
    assert found, f"{place.name} has no line {edit['line']!r} any more: choose another one"
    place.write_text(f"{before}{edit['comment']}\n{found}{after}", encoding="utf-8")


def bring_on(stack: str, folder: Path) -> None:
    """Make a project of the oldest release that has the stack, work in it, update it, and check what has become of it.

    Its tree is that of a project made today, which the suite proves elsewhere; its database is an old one.
    Where there is but one release, the newest templates are those of the work tree: `scaffold update` takes them.
    """
    scaffold = [sys.executable, "-m", "scaffold"]
    make = [*scaffold, "new", NAME, "--stack", stack, "--yes", "--output"]
    oldest = oldest_releases()[stack]
    project, made_today = folder / "living" / NAME, folder / "today" / NAME

    run([*make, project.parent, "--version", oldest], folder)
    run(["make", "setup", "migrate", "CI="], project)
    _edit(stack, project)
    _commit(project)
    was = _commit_of_templates(project)
    run([*scaffold, "update", "--yes"], project)

    run([*make, made_today.parent], folder)
    _edit(stack, made_today)
    lock = described(stack)["lock"]
    shutil.copy(project / lock, made_today / lock)
    _commit(made_today)
    assert _commit_of_templates(project) == _commit_of_templates(made_today) != was == f"v{oldest}"
    assert run(["git", "ls-tree", "-r", "HEAD"], project) == run(["git", "ls-tree", "-r", "HEAD"], made_today)

    run(["make", "setup", "check", "migrate", "CI="], project)


def change_an_option(stack: str, folder: Path) -> None:
    """Give a project that is lived in another dependency, and set it up again as it is told to."""
    scaffold = [sys.executable, "-m", "scaffold"]
    run([*scaffold, "new", NAME, "--stack", stack, "--yes", "--output", folder], folder)
    project = folder / NAME
    run(["make", "setup", "CI="], project)
    _commit(project)
    lock = described(stack)["lock"]
    before = (project / lock).read_text(encoding="utf-8")

    run([*scaffold, "set", "redis=true", "--project", project], folder)
    run(["make", "setup", "CI="], project)

    after = (project / lock).read_text(encoding="utf-8")
    assert "redis" in after
    assert "redis" not in before
    assert run(["git", "status", "--porcelain"], project).split() == ["M", lock]
    _commit(project)
    run(["make", "setup", "CI="], project)
    assert run(["git", "status", "--porcelain"], project) == "", "what is in order is not written again"


def _commit(project: Path) -> None:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@localhost.invalid"]
    run(["git", "add", "--all"], project)
    run(["git", *identity, "commit", "--quiet", "--message", "Ours"], project)


def _commit_of_templates(project: Path) -> str:
    lines = (project / ".copier-answers.yml").read_text(encoding="utf-8").splitlines()
    return next(line.removeprefix("_commit: ") for line in lines if line.startswith("_commit: "))
