"""Random templates, random edits, random updates: what must hold whatever happens.

SCAFFOLD_EXAMPLES says how many stories are told (100 by default), SCAFFOLD_SEED which; tests/update/long_run.py
tells thousands.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from tests.trees import snapshot
from tests.update.conftest import commit, git
from tests.update.sources import ANSWERS, QUESTIONS

from scaffold import creation, drift, render_cache
from scaffold.history.store import open_store
from scaffold.project import find_project
from scaffold.questions.answers import check_answers
from scaffold.questions.catalog import load_catalog
from scaffold.questions.questionnaire import Questionnaire
from scaffold.source import find_source
from scaffold.updating import workflow
from scaffold.updating.apply import MergeOptions
from scaffold.updating.target import UpdateRequest, changed_target, update_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.history.store import Store
    from scaffold.updating.base import Base
    from scaffold.updating.plan import Plan
    from scaffold.updating.target import Target
    from scaffold.updating.workflow import Done

    Files = dict[str, tuple[bytes, int]]

EXAMPLES = int(os.environ.get("SCAFFOLD_EXAMPLES", "100"))
SEED = os.environ.get("SCAFFOLD_SEED")
# So that they can be told side by side.
PARTS = 5
NAMES = ("a.txt", "b.txt", "dir/c.txt", "dir/d.txt", "dir/deep/e.txt", "extra/f.txt", "picture.bin", "dir/dos.txt")
BINARY, DOS = "picture.bin", "dir/dos.txt"
# Files that only the user has; the template never comes near.
OWN = ("mine.txt", "dir/mine.txt", "notes/ü.txt")

MARKS = {b"<" * 7, b"=" * 7, b"=" * 7 + b"\n", b">" * 7}

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
            self._write(self._template(name), _begun(name, [f"{name} {line}" for line in range(30)]))
        self._make(self.pot, {})
        assert self._update().plan.merge is None, "new, then update: an empty diff"
        assert not drift.of_project(find_project(self.pot)).drifted

    @rule(name=names, place=places, count=marks)
    def template_edits(self, name: str, place: int, count: int) -> None:
        """Change lines of a file of the template."""
        self._edit(self._template(name), "theirs", place, count, replace=True)

    @rule(name=names)
    def template_adds(self, name: str) -> None:
        """Add a file to the template."""
        if not self._template(name).exists():
            self.count += 1
            self._write(self._template(name), _begun(name, [f"theirs {self.count} {line}" for line in range(20)]))

    @rule(name=names, new=names)
    def template_moves(self, name: str, new: str) -> None:
        """Move a file of the template."""
        self._move(self._template(name), self._template(new))

    @rule(name=names)
    def template_deletes(self, name: str) -> None:
        """Delete a file of the template."""
        self._template(name).unlink(missing_ok=True)

    @rule(name=names)
    def template_changes_mode(self, name: str) -> None:
        """Make a file of the template one that can be run, or no more."""
        _turn(self._template(name))

    @rule(name=names)
    def template_changes_line_endings(self, name: str) -> None:
        """Give a file of the template the line endings of another system."""
        _convert(self._template(name))

    @rule(name=names, place=places, count=marks)
    def user_edits(self, name: str, place: int, count: int) -> None:
        """Add lines to a file of the project."""
        self._edit(self.pot / name, "mine", place, count, replace=False)

    @rule(name=st.sampled_from(OWN))
    def user_adds(self, name: str) -> None:
        """Write a file that only the user has."""
        self.count += 1
        self._write(self.pot / name, [f"mine {self.count} {line}\n".encode() for line in range(5)])

    @rule(name=names, new=st.sampled_from((*NAMES, "moved/x.txt", "moved/y.txt")))
    def user_moves(self, name: str, new: str) -> None:
        """Move a file of the project."""
        self._move(self.pot / name, self.pot / new)

    @rule(name=names)
    def user_deletes(self, name: str) -> None:
        """Delete a file of the project."""
        (self.pot / name).unlink(missing_ok=True)

    @rule(name=st.sampled_from((*NAMES, *OWN)))
    def user_changes_mode(self, name: str) -> None:
        """Make a file of the project one that can be run, or no more."""
        _turn(self.pot / name)

    @rule(name=names)
    def user_changes_line_endings(self, name: str) -> None:
        """Give a file of the project the line endings of another system."""
        _convert(self.pot / name)

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
        found = find_project(self.pot)
        before = self._tracked()
        other = not found.answers["extra"]
        own = {name: content for name, content in before.items() if name in OWN}
        assert not self._set(f"extra={str(other).lower()}").plan.conflicts
        if found.version == f"v{find_source(self.templates).version}":
            again = self.folder / "again"
            self._make(again, {"extra": other})
            assert {**snapshot(again), **own} == self._tracked()
            shutil.rmtree(again)
        assert not self._set(f"extra={str(not other).lower()}").plan.conflicts
        assert self._tracked() == before

    def teardown(self) -> None:
        """Leave nothing."""
        shutil.rmtree(self.folder)

    def _is_as_rendered(self) -> bool:
        """Tell whether the user changed nothing; a file of the template's that was kept is the user's by now."""
        files = drift.of_project(find_project(self.pot)).files
        return all(file.state == "untouched" or file.path in OWN for file in files)

    def _bring(self, merge: Callable[[], Done], *, resolve: bool) -> None:
        commit(self.pot)
        before, head = self._tracked(), git(self.pot, "rev-parse", "HEAD")
        mine = _lines(before, b"mine")
        done = merge()
        after = snapshot(self.pot)
        assert mine <= _lines({**after, **self._stages()}, b"mine"), "each line of the user's survives or conflicts"
        for name in OWN:
            assert after.get(name) == before.get(name), "what the template never touched is as it was"
        self._judge(done, before, after)
        if not done.plan.conflicts:
            assert git(self.pot, "status", "--porcelain") == ""
            assert self._same(merge), "twice is once"
        elif resolve:
            for path in git(self.pot, "diff", "--name-only", "--diff-filter=U", "-z").split("\0"):
                if path and (self.pot / path).exists():
                    lines = (self.pot / path).read_bytes().splitlines(keepends=True)
                    self._write(self.pot / path, [line for line in lines if line[:7] not in MARKS])
            git(self.pot, "add", "--all")
            workflow.continue_merge(self.pot)
            assert git(self.pot, "status", "--porcelain") == ""
            assert self._same(merge), "twice is once"
        else:
            workflow.abort_merge(self.pot)
            assert (snapshot(self.pot), git(self.pot, "rev-parse", "HEAD")) == (before, head)
            assert git(self.pot, "status", "--porcelain") == ""

    def _judge(self, done: Done, before: Files, after: Files) -> None:
        """Make sure of each file that neither moved: what only one of the two changed is as that one has it."""
        base, theirs = self._renderings(done)
        conflicts = {conflict.path for conflict in done.plan.conflicts}
        for name in base.keys() & theirs.keys():
            if theirs[name] == base[name]:
                assert after.get(name) == before.get(name), "what the template left alone is as the user has it"
            elif name not in before or name in conflicts:
                continue
            elif _in_git(before[name]) == base[name]:
                assert _in_git(after[name]) == theirs[name], "what the user left alone is as the template has it"
            else:
                ours, was, new = _in_git(before[name])[0], base[name][0], theirs[name][0]
                assert _in_git(after[name])[0] == (ours if new == was else new), "so are the modes"

    def _renderings(self, done: Done) -> tuple[dict[str, tuple[str, bytes]], dict[str, tuple[str, bytes]]]:
        """Return what git has of the old rendering and of the new one: the mode and the content of each file."""
        store, target = open_store(), done.plan.target
        new = render_cache.tree(store, target.origin, target.version, target.answers)
        folders = (store.folder(tree) for tree in (done.plan.base.tree, new))
        old, fresh = ({name: _in_git(file) for name, file in snapshot(folder).items()} for folder in folders)
        return old, fresh

    def _same(self, merge: Callable[[], Done]) -> bool:
        tree = git(self.pot, "rev-parse", "HEAD^{tree}")
        assert merge().plan.merge is None
        return git(self.pot, "rev-parse", "HEAD^{tree}") == tree

    def _update(self) -> Done:
        request = UpdateRequest(None, str(self.templates))
        return self._merge("update", lambda base, store: update_target(base, store, request))

    def _set(self, pair: str) -> Done:
        return self._merge("set", lambda base, store: changed_target(base, store, [pair]))

    def _merge(self, command: str, target_of: Callable[[Base, Store], Target]) -> Done:
        announced: list[Plan] = []
        done = workflow.merge(find_project(self.pot), MergeOptions(command), target_of, announced.append)
        assert announced == [done.plan]
        return done

    def _make(self, target: Path, given: dict[str, Any]) -> None:
        templates = find_source(self.templates)
        questionnaire = Questionnaire(load_catalog(templates.root))
        wanted = check_answers({"stack": "one", "project_name": "pot", **given}, questionnaire, where="here")
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
        lines = path.read_bytes().splitlines(keepends=True)
        ending = "\r\n" if lines and lines[0].endswith(b"\r\n") else "\n"
        place = min(place, len(lines))
        self.count += 1
        new = [f"{whose} {self.count} {line}{ending}".encode() for line in range(count)]
        lines[place : place + (count if replace else 0)] = new
        self._write(path, lines)

    def _move(self, path: Path, new: Path) -> None:
        if path.is_file() and not new.exists():
            new.parent.mkdir(parents=True, exist_ok=True)
            path.rename(new)

    def _write(self, path: Path, lines: list[bytes]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(lines))

    def _tracked(self) -> Files:
        assert git(self.pot, "status", "--porcelain") == ""
        return snapshot(self.pot)

    def _stages(self) -> Files:
        entries = [line.split() for line in git(self.pot, "ls-files", "--unmerged").splitlines()]
        said = {entry[1]: git(self.pot, "cat-file", "blob", entry[1]) for entry in entries}
        return {blob: (text.encode(errors="surrogateescape"), 0) for blob, text in said.items()}


def _begun(name: str, lines: list[str]) -> list[bytes]:
    """Return the lines of a new file of the template; to git, a file with a zero in it is binary."""
    before, after = ("\0", "\n") if name == BINARY else ("", "\r\n" if name == DOS else "\n")
    return [f"{before}{line}{after}".encode() for line in lines]


def _turn(path: Path) -> None:
    if path.is_file():
        path.chmod(0o644 if path.stat().st_mode & 0o100 else 0o755)


def _convert(path: Path) -> None:
    if path.is_file() and b"\0" not in path.read_bytes():
        content = path.read_bytes()
        path.write_bytes(content.replace(b"\r\n", b"\n") if b"\r\n" in content else content.replace(b"\n", b"\r\n"))


def _lines(files: Files, word: bytes) -> set[bytes]:
    return {line for content, _ in files.values() for line in content.splitlines() if line.startswith(word)}


def _in_git(file: tuple[bytes, int]) -> tuple[str, bytes]:
    """Return of a file what git keeps."""
    content, mode = file
    return "run" if mode & 0o100 else "read", content


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_life(part: int) -> None:
    # Each tells other stories; under Hypothesis' own seed all would tell the same.
    life = type(f"Life{part}", (Life,), {})
    run_state_machine_as_test(
        life if SEED is None else seed(f"{SEED} {part}")(life),
        settings=settings(
            max_examples=-(-EXAMPLES // PARTS),
            stateful_step_count=9,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
