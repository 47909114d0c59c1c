"""Nonsense in a project, a cache that is damaged, and machines that lack something: an error says so, never a traceback."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.update.conftest import commit, git

from scaffold.history.store import open_store
from scaffold.vcs.git import Git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.integration.conftest import Invoke, Launch, Outcome
    from tests.update.sources import Templates


def _record(project: Path, key: str, value: str) -> None:
    """Let a project record something else, as YAML."""
    answers = project / ".copier-answers.yml"
    lines = [line for line in answers.read_text().splitlines() if not line.startswith(f"{key}:")]
    answers.write_text("\n".join([*lines, f"{key}: {value}", ""]))
    commit(project)


def _error(outcome: Outcome) -> tuple[int, str]:
    return outcome.code, outcome.envelope["error"]["code"]


OPTION = "--upload-pack=touch pwned;x@y:"


def test_a_record_gives_git_no_options(project: Path, templates: Templates, invoke: Invoke) -> None:
    git(project, "remote", "add", "origin", str(templates.origin))
    _record(project, "_src_path", f'"{OPTION}"')

    for command in (["status"], ["diff"], ["update"], ["update", "--template", OPTION]):
        assert invoke(*command, project, "--json").code == 2
    assert _error(invoke("new", "pan", f"--template={OPTION}", "--json")) == (2, "usage")

    assert not (project / "pwned").exists()
    assert not (project.parent / "pwned").exists()


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _no_folder(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.touch()


def _change_trees(change: Callable[[Path], object]) -> None:
    for tree in (open_store().root / "trees").iterdir():
        change(tree)


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "templates/one/tool.sh").unlink(),
        lambda tree: (tree / "templates/one/tool.sh").write_text("#!/bin/sh\n"),
        lambda tree: (tree / "templates/one/tool.sh").chmod(0o644),
        lambda tree: (tree / "templates/one/more.sh").touch(),
        _empty,
        _no_folder,
    ],
    ids=["lost", "changed", "another mode", "more", "empty", "no folder"],
)
def test_a_damaged_folder_of_templates_is_made_anew(
    change: Callable[[Path], object], project: Path, invoke: Invoke
) -> None:
    assert invoke("set", "size=large", "--dry-run", "--project", project).code == 0
    _change_trees(change)

    outcome = invoke("set", "extra=true", "--project", project, "--json")

    assert outcome.code == 0, outcome.out
    assert {change["path"] for change in outcome.envelope["result"]["changes"]} == {
        ".copier-answers.yml", "extra/spice.txt", "toggled.md",
    }  # fmt: skip


@pytest.mark.parametrize(
    "damage",
    [
        lambda store: (store / "HEAD").unlink(),
        lambda store: (store / "HEAD").write_text(""),
        lambda store: (store / "config").unlink(),
        lambda store: shutil.rmtree(store / "refs"),
        lambda store: shutil.rmtree(store / "objects"),
    ],
    ids=["no HEAD", "an empty HEAD", "no settings", "no refs", "no objects"],
)
def test_a_damaged_repository_of_templates_is_made_anew(
    damage: Callable[[Path], object], project: Path, invoke: Invoke
) -> None:
    damage(open_store().root / "templates.git")

    assert invoke("status", project).code == 0
    assert invoke("set", "extra=true", "--project", project).code == 0


def _cut_short(cache: Path) -> None:
    for file in (cache / "templates.git/objects").rglob("*"):
        if file.is_file():
            file.chmod(0o644)
            file.write_bytes(file.read_bytes()[:20])


@pytest.mark.parametrize(
    "damage",
    [
        _cut_short,
        lambda cache: _no_folder(cache / "templates.git"),
        lambda cache: _no_folder(cache / "trees"),
        lambda cache: _no_folder(cache / "work"),
    ],
    ids=["objects cut short", "no repository", "no folder of trees", "no folder to work in"],
)
def test_what_cannot_be_mended_is_to_be_removed(
    damage: Callable[[Path], object], project: Path, templates: Templates, invoke: Invoke
) -> None:
    cache = open_store().root
    # Without what was rendered before.
    _record(project, "title", "Another")
    damage(cache)

    for command in (["status"], ["update", "--dry-run"], ["update"]):
        outcome = invoke(*command, project, "--json")
        assert outcome.envelope["error"]["code"] in {"cache-unusable", "git-failed"}, outcome.out
        assert "remove" in outcome.envelope["error"]["hint"]
    shutil.rmtree(cache)
    assert invoke("new", "pan", "-s", "one", "--template", templates.origin).code == 0


def test_a_folder_of_places_that_is_none(project: Path, templates: Templates, invoke: Invoke) -> None:
    _no_folder(open_store().root / "places")

    assert _error(invoke("new", "pan", "-s", "one", "--template", templates.origin, "--json")) == (1, "cache-unusable")
    assert _error(invoke("status", project, "--json")) == (1, "source-not-found")


def test_a_place_that_was_not_written_to_its_end_is_none(
    project: Path, templates: Templates, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    for place in (open_store().root / "places").iterdir():
        place.write_text("")
    monkeypatch.chdir(templates.origin)

    assert _error(invoke("status", project, "--json")) == (1, "source-not-found")


def test_many_at_once_fetch_the_same(templates: Templates, work: Path) -> None:
    templates.release("1.0.0")
    for number in range(4):
        templates.git("checkout", "--quiet", "-b", f"later{number}")
        templates.write("letter.txt", f"later {number}\n")
        commit(templates.root)
        templates.git("push", "--quiet", str(templates.origin), f"later{number}")

    def fetch(name: str) -> None:
        open_store().fetch(str(templates.origin), [f"+{name}:refs/releases/fork/{name}"], settings=Git(work))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fetch, [f"later{number}" for number in range(4) for _ in range(8)]))

    assert len(open_store().names("releases/fork")) == 4


def test_a_lock_that_cannot_be_taken(templates: Templates, invoke: Invoke) -> None:
    templates.release("1.0.0")
    (open_store().root / "lock").mkdir()

    outcome = invoke("new", "pot", "-s", "one", "--template", templates.origin, "--json")

    assert _error(outcome) == (1, "cache-unusable")


NONSENSE = {
    "a place that is too long": ("_src_path", "x" * 5000),
    "a place with a NUL": ("_src_path", '"a\\0b"'),
    "a mark with a NUL": ("_src_path", '"local:\\0"'),
    "half a character as a place": ("_src_path", '"https://\\ud800"'),
    "no place": ("_src_path", "null"),
    "a list of places": ("_src_path", "[a, b]"),
    "a version with a NUL": ("_commit", '"v1\\0"'),
    "a version that is too long": ("_commit", "1" * 4000 + "." * 1000),
    "a list that holds itself": ("x", "&a [*a]"),
    "too many brackets": ("x", "[" * 3000 + "]" * 3000),
    "keys that are no text": ("x", "{2020-01-01: a, 1: b, c: d}"),
    "a day that never was": ("x", "2020-13-45"),
    "a number without digits": ("x", '!!int ""'),
}


@pytest.mark.parametrize(("key", "value"), NONSENSE.values(), ids=NONSENSE)
def test_nonsense_in_a_record(key: str, value: str, project: Path, invoke: Invoke) -> None:
    _record(project, key, value)

    for command in (["status"], ["diff"], ["update"], ["set", "size=large", "--project"]):
        assert _error(invoke(*command, project, "--json")) == (2, "answers-file")


@pytest.mark.parametrize("place", ["~nobody-of-that-name/x", "x" * 300])
def test_a_place_that_cannot_be(place: str, project: Path, invoke: Invoke) -> None:
    assert _error(invoke("status", place, "--json")) == (1, "not-a-project")
    assert _error(invoke("update", project, "--template", place, "--json")) == (1, "template-not-found")
    _record(project, "_src_path", f'"{place}"')
    assert _error(invoke("status", project, "--json")) == (1, "source-not-found")


@pytest.mark.parametrize("version", ["null", '""', "HEAD", "v", '"@"'])
def test_a_record_of_whatever_there_is_now_is_none(version: str, project: Path, invoke: Invoke) -> None:
    _record(project, "_commit", version)

    for command in (["status"], ["diff"], ["update"], ["set", "size=large", "--project"]):
        assert _error(invoke(*command, project, "--json")) == (1, "unrecorded-version")


def test_no_version_is_wished_for(project: Path, invoke: Invoke) -> None:
    assert _error(invoke("update", project, "--to", "", "--json")) == (1, "unknown-version")


def test_in_a_folder_that_was_deleted(project: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke) -> None:
    assert invoke("status", project).code == 0
    gone = project.parent / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert _error(invoke("status", "--json")) == (1, "not-a-project")
    for command in ("status", "diff", "update"):
        outcome = invoke(command, project, "--json")
        assert outcome.code == 0, outcome.out


@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict", "latin-1:strict", "ascii:surrogateescape"])
def test_names_that_cannot_be_written(encoding: str, project: Path, launch: Launch) -> None:
    (project / os.fsdecode(b"no\xfftext.txt")).write_text("mine\n")
    (project / "\N{SNOWMAN}.txt").write_text("mine\n")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}

    outcome = launch("diff", project, "--json", env=environment)

    assert (outcome.code, outcome.err) == (0, "")
    names = {file["path"] for file in outcome.envelope["result"]["files"]}
    assert {"no\N{REPLACEMENT CHARACTER}text.txt", "\N{SNOWMAN}.txt"} <= names
    for command in (["diff", "--stat"], ["status"]):
        shown = launch(*command, project, env=environment)
        assert (shown.code, shown.err) == (0, "")


def _ask(templates: Templates, old: str, new: str) -> None:
    questions = templates.root / "copier.yml"
    assert old in questions.read_text()
    questions.write_text(questions.read_text().replace(old, new))
    templates.release("2.0.0")


CHANGED = {
    "another type": (
        "type: str\n  default: small\n  choices: [small, large]",
        "type: int\n  default: 3",
        "wrong-type",
        "size=5",
    ),
    "other choices": ("choices: [small, large]", "choices: [tiny, huge]", "unknown-choice", "size=tiny"),
    "a new rule": (
        "choices: [small, large]",
        "validator: \"{% if size == 'small' %}too small{% endif %}\"",
        "invalid-answer",
        "size=large",
    ),
    "a new question": ("extra:\n", "team:\n  type: str\nextra:\n", "missing-answer", "team=red"),
}


@pytest.mark.parametrize(("old", "new", "code", "answer"), CHANGED.values(), ids=CHANGED)
def test_a_question_that_changed_can_be_answered(
    old: str, new: str, code: str, answer: str, project: Path, templates: Templates, invoke: Invoke
) -> None:
    _ask(templates, old, new)
    key = answer.partition("=")[0]

    refused = invoke("update", project, "--json")
    seen = invoke("diff", "--template", project, "--json")
    done = invoke("update", project, "-d", answer, "--json")

    assert (_error(refused), _error(seen)) == ((2, code), (2, code))
    assert f"-d {key}=" in refused.envelope["error"]["hint"]
    assert f"scaffold update -d {key}=… --dry-run" in seen.envelope["error"]["hint"]
    assert done.code == 0, done.out


@pytest.mark.parametrize("pair", ["foo", "foo=bar", "=x"])
def test_set_speaks_of_what_it_has(pair: str, project: Path, invoke: Invoke) -> None:
    outcome = invoke("set", pair, "--project", project, "--json")

    assert _error(outcome)[0] == 2
    assert "-d" not in str(outcome.envelope["error"])


@pytest.mark.parametrize("who", ["AUTHOR", "COMMITTER"])
@pytest.mark.parametrize("config", ["", "[user]\n\tname = Ada\n"])
def test_half_an_identity_is_filled_up(
    who: str, config: str, project: Path, work: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    (work.parent / "home/.gitconfig").write_text(config)
    monkeypatch.setenv(f"GIT_{who}_NAME", "Bot")
    monkeypatch.setenv(f"GIT_{who}_EMAIL", "bot@example.com")
    other = "Ada" if config else "scaffold"

    assert invoke("set", "size=large", "--project", project).code == 0
    assert invoke("new", "pan", "-s", "one", "--template", work.parent / "templates.git").code == 0

    for made in (project, work / "pan"):
        names = git(made, "log", "-1", "--format=%an,%cn")
        assert names == (f"Bot,{other}" if who == "AUTHOR" else f"{other},Bot")


@pytest.mark.parametrize("lost", ["templates/one/{{ _copier_conf.answers_file }}.jinja", "templates/one"])
def test_a_new_version_that_makes_no_project(lost: str, project: Path, templates: Templates, invoke: Invoke) -> None:
    templates.git("rm", "-rq", lost)
    commit(templates.root)
    templates.release("2.0.0")

    outcome = invoke("update", project, "--json")

    assert _error(outcome) == (1, "broken-template")
    assert git(project, "status", "--porcelain") == ""
