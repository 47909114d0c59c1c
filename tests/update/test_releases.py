"""A history of seven releases: from each to each, and what forks add to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import copier
import pytest
from tests.update.conftest import commit, git
from tests.update.sources import ANSWERS, LETTER, QUESTIONS

from scaffold import drift
from scaffold.history.addresses import origin_at
from scaffold.history.store import open_store
from scaffold.project import find_project
from scaffold.updating.base import render_base
from scaffold.updating.target import UpdateRequest, update_target

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.conftest import Invoke, Outcome
    from tests.update.sources import Templates

VERSIONS = ("1.0.0", "1.1.0", "1.2.0", "1.3.0", "2.0.0", "2.1.0", "2.1.1")
LOG = """\
# Changelog

## Unreleased

- Not yet.

## [2.0.0] - 2026-03-01

- Another place for everything.

### Tool

#### Added

- A kettle.

### To do by hand

- Tell your
  colleagues.
- Drink tea.

## 1.3.0

- A question.
"""


@pytest.fixture
def released(templates: Templates) -> Templates:
    """A source with releases in which everything happens that does."""
    templates.release("1.0.0")
    templates.write("letter.txt", LETTER.replace("line 20\n", "line twenty\n"))
    templates.release("1.1.0")
    templates.file("tool.sh").rename(templates.file("renamed.sh"))
    templates.write("added.txt", LETTER)
    templates.release("1.2.0")
    question = 'sugar:\n  type: int\n  default: 2\n  validator: "{% if sugar > 9 %}too sweet{% endif %}"\n'
    (templates.root / "copier.yml").write_text(QUESTIONS + question)
    templates.write("sugar.txt.jinja", "{{ sugar }} lumps\n")
    templates.release("1.3.0")
    templates.file("folder").rename(templates.file("place"))
    templates.file("code.py").unlink()
    templates.write("picture.bin", bytes(range(255, -1, -1)) * 8)
    (templates.root / "CHANGELOG.md").write_text(LOG)
    templates.release("2.0.0")
    (templates.root / "copier.yml").write_text(QUESTIONS)
    templates.file("sugar.txt.jinja").unlink()
    templates.file("letter.txt").chmod(0o755)
    templates.release("2.1.0")
    templates.write("dos.txt", LETTER)
    templates.release("2.1.1")
    return templates


@pytest.fixture
def make(released: Templates, work: Path, invoke: Invoke) -> Callable[[str, str], Path]:
    """Make a project from a release."""

    def make(version: str, name: str) -> Path:
        outcome = invoke("new", "pot", "-s", "one", "--template", released.origin, "--version", version, "-o", name)
        assert outcome.code == 0, outcome.err
        return work / name / "pot"

    return make


def _result(outcome: Outcome) -> dict[str, Any]:
    assert outcome.code == 0, outcome.out
    result: dict[str, Any] = outcome.envelope["result"]
    return result


def test_from_each_to_each_and_back(make: Callable[[str, str], Path], invoke: Invoke) -> None:
    trees = {version: git(make(version, version), "rev-parse", "HEAD^{tree}") for version in VERSIONS}
    walker = make(VERSIONS[0], "walker")
    for distance in range(1, len(VERSIONS)):
        for number in range(len(VERSIONS)):
            version = VERSIONS[(number * distance) % len(VERSIONS)]
            invoke("update", walker, "--to", version)
            assert git(walker, "rev-parse", "HEAD^{tree}") == trees[version]
    assert _result(invoke("update", walker, "--to", "1.0.0", "--json"))["to"] == "1.0.0"
    assert _result(invoke("update", walker, "--json"))["to"] == "2.1.1"
    assert git(walker, "rev-parse", "HEAD^{tree}") == trees["2.1.1"]


@pytest.mark.parametrize("old", VERSIONS[:-1])
def test_edits_reach_the_newest(old: str, make: Callable[[str, str], Path], invoke: Invoke) -> None:
    pot = make(old, "edited")
    tool = next(path for path in (pot / "tool.sh", pot / "renamed.sh") if path.exists())
    tool.write_text(tool.read_text().replace("line 5\n", "mine\n"))
    one = next(path for path in (pot / "folder/one.txt", pot / "place/one.txt") if path.exists())
    one.write_text(one.read_text().replace("first 5\n", "mine\n"))
    (pot / "mine.txt").write_text("mine\n")
    commit(pot)

    result = _result(invoke("update", pot, "--json"))

    assert set(result["touched"]) <= {"tool.sh", "renamed.sh", "folder/one.txt", "place/one.txt"}
    for name in ("renamed.sh", "place/one.txt", "mine.txt"):
        assert "mine\n" in (pot / name).read_text()
    assert (pot / "letter.txt").stat().st_mode & 0o111
    assert sorted(_result(invoke("status", pot, "--json"))["drifted"]) == ["place/one.txt", "renamed.sh"]


def test_the_plan_quotes_the_change_log(make: Callable[[str, str], Path], invoke: Invoke) -> None:
    pot = make("1.2.0", "pot")

    result = _result(invoke("update", pot, "--to", "2.0.0", "--dry-run", "--json"))
    later = _result(invoke("update", make("2.0.0", "later"), "--dry-run", "--json"))

    assert "A question." in result["notes"]
    assert "Another place for everything." in result["notes"]
    assert "Not yet." not in result["notes"]
    assert "kettle" not in result["notes"]
    assert result["by_hand"] == ["Tell your colleagues.", "Drink tea."]
    assert later["notes"] == ""


def test_new_questions_take_their_default_are_answered_or_asked(
    make: Callable[[str, str], Path], invoke: Invoke
) -> None:
    for arguments, sugar in (([], 2), (["-d", "sugar=5"], 5)):
        pot = make("1.2.0", f"sugar{sugar}")
        assert _result(invoke("update", pot, "--to", "1.3.0", *arguments, "--json"))["answers"]["sugar"] == sugar
        assert (pot / "sugar.txt").read_text() == f"{sugar} lumps\n"
    refused = invoke("update", make("1.2.0", "sweet"), "--to", "1.3.0", "-d", "sugar=10", "--json")
    assert (refused.code, refused.envelope["error"]["code"]) == (2, "invalid-answer")

    asked = []

    def ask(question: Any, default: Any, check: Callable[[Any], str]) -> Any:
        asked.append((question.key, default, bool(check(99))))
        return 7

    store = open_store()
    base = render_base(find_project(make("1.2.0", "asked")), store)
    target = update_target(base, store, UpdateRequest("1.3.0", ask=ask))
    assert asked == [("sugar", 2, True)]
    assert target.answers["sugar"] == 7


def test_what_was_only_a_default_follows_what_it_came_from(make: Callable[[str, str], Path], invoke: Invoke) -> None:
    pot = make("1.0.0", "pot")

    result = _result(invoke("set", "project_name=kettle", "--project", pot, "--json"))
    assert result["answers"]["title"] == "The kettle"
    assert _result(invoke("set", "title=Mine", "--project", pot, "--json"))["answers"]["title"] == "Mine"
    result = _result(invoke("set", "project_name=pan", "--project", pot, "--json"))
    assert result["answers"]["title"] == "Mine"


def test_a_fork_may_add_stacks_options_and_parts(
    released: Templates, make: Callable[[str, str], Path], work: Path, invoke: Invoke
) -> None:
    released.git("checkout", "--quiet", "-b", "fork")
    questions = QUESTIONS.replace("choices: [one, two]", "choices: [one, two, three]")
    (released.root / "copier.yml").write_text(questions + "milk:\n  type: bool\n  default: true\n")
    released.write("../three/{{ _copier_conf.answers_file }}.jinja", ANSWERS)
    released.write("../three/milk.txt.jinja", "{% include 'contract/milk.yaml' %}{{ milk }}\n")
    (released.root / "contract").mkdir()
    (released.root / "contract/milk.yaml").write_text("cow: ")
    released.write("milk.txt.jinja", "{{ milk }}\n")
    released.git("add", "--all")
    released.git("commit", "--quiet", "--message", "Fork")
    released.git("tag", "v3.0.0")
    fork = work.parent / "fork.git"
    released.git("clone", "--quiet", "--bare", str(released.root), str(fork))

    assert invoke("new", "jug", "-s", "three", "--template", fork).code == 0
    assert (work / "jug/milk.txt").read_text() == "cow: True\n"
    assert {stack["name"] for stack in _result(invoke("list", "--template", fork, "--json"))["stacks"]} >= {"three"}
    assert "contract/milk.yaml" in _result(
        invoke("explain", work / "jug/milk.txt", "--template", fork, "--json")
    )["contract"]  # fmt: skip
    assert invoke("doctor", work / "jug", "--template", fork).code == 0
    assert _result(invoke("set", "milk=false", "--project", work / "jug", "--json"))["state"] == "done"
    assert (work / "jug/milk.txt").read_text() == "cow: False\n"
    # A project of another source moves to the fork, and stays with it.
    pot = make("1.0.0", "pot")
    assert _result(invoke("update", pot, "--template", fork, "--json"))["to"] == "3.0.0"
    assert (pot / "milk.txt").read_text() == "True\n"
    assert find_project(pot).origin == origin_at(fork).name
    assert _result(invoke("update", pot, "--json"))["state"] == "nothing-to-do"


def test_the_folder_of_the_templates_has_moved(
    released: Templates, make: Callable[[str, str], Path], work: Path, invoke: Invoke
) -> None:
    pot = make("1.0.0", "pot")
    moved = work / "moved.git"
    released.origin.rename(moved)

    refused = invoke("status", pot, "--json")
    assert (refused.code, refused.envelope["error"]["code"]) == (1, "source-not-found")
    assert "--template" in refused.envelope["error"]["hint"]
    assert _result(invoke("status", pot, "--template", moved, "--json"))["newest"] == "2.1.1"
    assert _result(invoke("update", pot, "--template", moved, "--json"))["to"] == "2.1.1"


def test_a_project_that_plain_copier_made(released: Templates, work: Path, invoke: Invoke) -> None:
    data = {"stack": "one", "project_name": "pot"}
    copier.run_copy(str(released.origin), work / "pot", data=data, vcs_ref="v1.0.0", defaults=True, quiet=True)
    git(work / "pot", "init", "--quiet")
    commit(work / "pot")

    assert _result(invoke("status", "pot", "--json"))["drifted"] == []
    assert _result(invoke("set", "extra=true", "--project", "pot", "--json"))["state"] == "done"
    assert _result(invoke("update", "pot", "--json"))["to"] == "2.1.1"
    # From here on no path of this machine is in it.
    assert str(work.parent) not in (work / "pot/.copier-answers.yml").read_text()


def test_a_project_without_a_repository_has_a_status(released: Templates, work: Path, invoke: Invoke) -> None:
    arguments: list[str | Path] = ["new", "pot", "-s", "one", "--no-git", "--template", released.origin]
    assert invoke(*arguments).code == 0
    pot = work / "pot"
    (pot / ".gitignore").write_text("*.log\n")
    (pot / "much.log").touch()
    (pot / "letter.txt").rename(pot / "post.txt")

    result = _result(invoke("status", pot, "--json"))

    assert result["drift"] == {"untouched": 9, "edited": 0, "deleted": 0, "added": 1, "moved": 1}
    patch = invoke("diff", pot).out
    assert "rename from letter.txt\nrename to post.txt\n" in patch
    assert not (pot / ".git").exists()


def test_a_diff_is_a_patch(make: Callable[[str, str], Path], work: Path, invoke: Invoke) -> None:
    pot = make("1.0.0", "pot")
    pristine = git(pot, "rev-parse", "HEAD^{tree}")
    (pot / "letter.txt").write_text(LETTER.replace("line 5\n", "tab\there \N{SNOWMAN}\n"))
    (pot / "picture.bin").write_bytes(b"\0\xff\xfe")
    (pot / "folder/one.txt").unlink()
    (pot / "tool.sh").chmod(0o644)
    (pot / "new \N{SNOWMAN}.txt").write_bytes(b"no line feed, \xff")

    (work / "mine.patch").write_bytes(_raw(pot, invoke))
    git(pot, "add", "--all")
    mine = git(pot, "write-tree")
    git(pot, "reset", "--hard", "--quiet")
    git(pot, "apply", "--index", str(work / "mine.patch"))

    assert git(pot, "write-tree") == mine != pristine


def _raw(pot: Path, invoke: Invoke) -> bytes:
    assert invoke("diff", pot).code == 0
    return drift.of_project(find_project(pot), patch=True).patch
