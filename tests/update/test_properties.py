"""Random templates, random edits, random updates: what must hold whatever happens.

SCAFFOLD_EXAMPLES says how many stories are told (100 by default); tests/update/long_run.py tells thousands.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from tests.update.conftest import commit, git
from tests.update.sources import ANSWERS, QUESTIONS

from scaffold import answers, catalog, creation, drift, project, source
from scaffold.merging import engine, wishes
from scaffold.merging.carrying_out import Order
from scaffold.questionnaire import Questionnaire

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.merging.engine import Done

EXAMPLES = int(os.environ.get("SCAFFOLD_EXAMPLES", "100"))
# So that they can be told side by side.
PARTS = 5
NAMES = ("a.txt", "b.txt", "dir/c.txt", "dir/d.txt", "dir/deep/e.txt", "extra/f.txt")
# Files that only the user has; the template never comes near.
OWN = ("mine.txt", "dir/mine.txt", "notes/ü.txt")

names = st.sampled_from(NAMES)
places = st.integers(0, 30)
marks = st.integers(1, 3)


class Life(RuleBasedStateMachine):
    """A template that changes, and a project of it in which somebody works."""

    def __init__(self) -> None:
        """Make a place to live in."""
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="life-"))
        self.templates = self.folder / "templates"
        self.pot = self.folder / "pot"
        self.count = 0

    @initialize(first=st.lists(names, min_size=2, max_size=5, unique=True))
    def begin(self, first: list[str]) -> None:
        """Make the template and the project, which is then up to date and as it was rendered."""
        (self.templates / "templates/one").mkdir(parents=True)
        (self.templates / "copier.yml").write_text(QUESTIONS)
        (self.templates / "templates/one/{{ _copier_conf.answers_file }}.jinja").write_text(ANSWERS)
        for name in first:
            self._write(self._template(name), [f"{name} {line}\n" for line in range(30)])
        self._make(self.pot, {})
        assert self._update().plan.merge is None, "new, then update: an empty diff"
        assert not drift.of_project(project.find(self.pot)).drifted

    @rule(name=names, place=places, count=marks)
    def template_edits(self, name: str, place: int, count: int) -> None:
        """Change lines of a file of the template."""
        self._edit(self._template(name), "theirs", place, count, replace=True)

    @rule(name=names)
    def template_adds(self, name: str) -> None:
        """Add a file to the template."""
        if not self._template(name).exists():
            self.count += 1
            self._write(self._template(name), [f"theirs {self.count} {line}\n" for line in range(20)])

    @rule(name=names, new=names)
    def template_moves(self, name: str, new: str) -> None:
        """Move a file of the template."""
        self._move(self._template(name), self._template(new))

    @rule(name=names)
    def template_deletes(self, name: str) -> None:
        """Delete a file of the template."""
        self._template(name).unlink(missing_ok=True)

    @rule(name=names, place=places, count=marks)
    def user_edits(self, name: str, place: int, count: int) -> None:
        """Add lines to a file of the project."""
        self._edit(self.pot / name, "mine", place, count, replace=False)

    @rule(name=st.sampled_from(OWN))
    def user_adds(self, name: str) -> None:
        """Write a file that only the user has."""
        self.count += 1
        self._write(self.pot / name, [f"mine {self.count} {line}\n" for line in range(5)])

    @rule(name=names, new=st.sampled_from((*NAMES, "moved/x.txt", "moved/y.txt")))
    def user_moves(self, name: str, new: str) -> None:
        """Move a file of the project."""
        self._move(self.pot / name, self.pot / new)

    @rule(name=names)
    def user_deletes(self, name: str) -> None:
        """Delete a file of the project."""
        (self.pot / name).unlink(missing_ok=True)

    @rule(resolve=st.booleans())
    def update(self, *, resolve: bool) -> None:
        """Update; resolve what is in conflict or go back."""
        self._bring(self._update, resolve=resolve)

    @rule(value=st.booleans(), resolve=st.booleans())
    def choose(self, *, value: bool, resolve: bool) -> None:
        """Switch an option on or off."""
        self._bring(lambda: self._set(f"extra={str(value).lower()}"), resolve=resolve)

    @precondition(lambda self: self.pot.exists() and self._is_as_rendered())
    @rule()
    def choose_and_choose_back(self) -> None:
        """Where the user changed nothing: set is what new would have made, and setting back is as if nothing was."""
        commit(self.pot)
        found = project.find(self.pot)
        before = self._tracked()
        other = not found.answers["extra"]
        own = {name: content for name, content in before.items() if name in OWN}
        assert not self._set(f"extra={str(other).lower()}").plan.conflicts
        if found.version == f"v{source.find(self.templates).version}":
            again = self.folder / "again"
            self._make(again, {"extra": other})
            assert {**self._held(again), **own} == self._tracked()
            shutil.rmtree(again)
        assert not self._set(f"extra={str(not other).lower()}").plan.conflicts
        assert self._tracked() == before

    def teardown(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self.folder)

    def _is_as_rendered(self) -> bool:
        """Tell whether the user changed nothing; a file of the template's that was kept is the user's by now."""
        files = drift.of_project(project.find(self.pot)).files
        return all(file.state == "untouched" or file.path in OWN for file in files)

    def _bring(self, merge: Callable[[], Done], *, resolve: bool) -> None:
        commit(self.pot)
        before, head = self._tracked(), git(self.pot, "rev-parse", "HEAD")
        mine = _lines(before, b"mine")
        done = merge()
        after = self._held(self.pot)
        assert mine <= _lines({**after, **self._stages()}, b"mine"), "each line of the user's survives or conflicts"
        for name in OWN:
            assert after.get(name) == before.get(name), "what the template never touched is as it was"
        if not done.plan.conflicts:
            assert git(self.pot, "status", "--porcelain") == ""
            assert self._same(merge), "twice is once"
        elif resolve:
            for path in git(self.pot, "diff", "--name-only", "--diff-filter=U", "-z").split("\0"):
                if path and (self.pot / path).exists():
                    lines = (self.pot / path).read_text().splitlines(keepends=True)
                    self._write(self.pot / path, [line for line in lines if line[:7] not in {"<" * 7, "=" * 7 + "\n", "=" * 7, ">" * 7}])  # fmt: skip
            git(self.pot, "add", "--all")
            engine.go_on(self.pot)
            assert git(self.pot, "status", "--porcelain") == ""
            assert self._same(merge), "twice is once"
        else:
            engine.go_back(self.pot)
            assert (self._held(self.pot), git(self.pot, "rev-parse", "HEAD")) == (before, head)
            assert git(self.pot, "status", "--porcelain") == ""

    def _same(self, merge: Callable[[], Done]) -> bool:
        tree = git(self.pot, "rev-parse", "HEAD^{tree}")
        assert merge().plan.merge is None
        return git(self.pot, "rev-parse", "HEAD^{tree}") == tree

    def _update(self) -> Done:
        target = wishes.Target(None, str(self.templates), (), None)
        return engine.merge(
            project.find(self.pot), Order("update"), lambda base, store: wishes.update(base, store, target)
        )

    def _set(self, pair: str) -> Done:
        return engine.merge(
            project.find(self.pot), Order("set"), lambda base, store: wishes.change(base, store, [pair])
        )

    def _make(self, target: Path, given: dict[str, Any]) -> None:
        templates = source.find(self.templates)
        questionnaire = Questionnaire(catalog.load(templates))
        wanted = answers.checked({"stack": "one", "project_name": "pot", **given}, questionnaire, where="here")
        creation.create(
            creation.Plan(
                source=templates,
                answers=questionnaire.complete(wanted),
                target=target,
                git=True,
                setup=False,
                command="",
            )
        )

    def _template(self, name: str) -> Path:
        return self.templates / "templates/one" / name

    def _edit(self, path: Path, whose: str, place: int, count: int, *, replace: bool) -> None:
        if not path.is_file():
            return
        lines = path.read_text().splitlines(keepends=True)
        place = min(place, len(lines))
        self.count += 1
        lines[place : place + (count if replace else 0)] = [f"{whose} {self.count} {line}\n" for line in range(count)]
        self._write(path, lines)

    def _move(self, path: Path, new: Path) -> None:
        if path.is_file() and not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            path.rename(new)

    def _write(self, path: Path, lines: list[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines))

    def _tracked(self) -> dict[str, bytes]:
        assert git(self.pot, "status", "--porcelain") == ""
        return self._held(self.pot)

    def _held(self, root: Path) -> dict[str, bytes]:
        return {
            path.relative_to(root).as_posix(): path.read_bytes()
            for path in root.rglob("*")
            if path.is_file() and path.relative_to(root).parts[0] != ".git"
        }

    def _stages(self) -> dict[str, bytes]:
        entries = [line.split() for line in git(self.pot, "ls-files", "--unmerged").splitlines()]
        return {entry[1]: git(self.pot, "cat-file", "blob", entry[1]).encode() for entry in entries}


def _lines(files: dict[str, bytes], word: bytes) -> set[bytes]:
    return {line for content in files.values() for line in content.splitlines() if line.startswith(word)}


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_life(part: int) -> None:  # noqa: ARG001 - each tells other stories
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=-(-EXAMPLES // PARTS),
            stateful_step_count=7,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
