"""Every mistake has a message, a stable code and an exit code, shows no traceback and leaves nothing behind."""

from __future__ import annotations

import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Invoke

# Copier leaves the listing of a folder open when a template in it fails.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@dataclass(frozen=True)
class Mistake:
    """A wrong invocation, and what the user is told."""

    name: str
    arguments: tuple[str, ...]
    exit_code: int
    code: str
    says: tuple[str, ...]
    given: Callable[[Path, Path], object] = lambda _work, _source: None
    path: str | None = None


def _write(name: str, text: str) -> Callable[[Path, Path], object]:
    return lambda work, _source: (work / name).write_bytes(text.encode("latin-1"))


def _template(name: str, text: str) -> Callable[[Path, Path], object]:
    return lambda _work, source: (source / name).write_text(text)


def _occupied(work: Path, _source: Path) -> None:
    (work / "pot").mkdir()
    (work / "pot" / "letter.txt").write_text("mine")


def _appended(name: str, text: str) -> Callable[[Path, Path], object]:
    def append(_work: Path, source: Path) -> None:
        with (source / name).open("a") as file:
            file.write(text)

    return append


def _replaced(name: str, old: str, new: str) -> Callable[[Path, Path], object]:
    def replace(_work: Path, source: Path) -> None:
        text = (source / name).read_text()
        assert old in text
        (source / name).write_text(text.replace(old, new))

    return replace


def _preferred(text: str) -> Callable[[Path, Path], object]:
    def prefer(work: Path, _source: Path) -> None:
        settings = work.parent / "home" / ".config" / "scaffold"
        settings.mkdir(parents=True)
        (settings / "answers.yml").write_text(text)

    return prefer


def _bad_evidence(_work: Path, source: Path) -> None:
    (source / "docs/evidence").mkdir(parents=True)
    (source / "docs/evidence/tea.json").write_text("{")


NEW = ("new", "pot", "--stack", "tea")
MISTAKES = [
    # the command line itself
    Mistake("no such command", ("nwe",), 2, "usage", ("nwe", "new")),
    Mistake("no such flag", (*NEW, "--ouptut", "x"), 2, "usage", ("--ouptut", "--output")),
    Mistake("flag without value", ("new", "pot", "--stack"), 2, "usage", ("--stack",)),
    Mistake("too many names", ("new", "pot", "pan", "--stack", "tea"), 2, "usage", ("pan",)),
    Mistake("dry run with set-up", (*NEW, "--dry-run", "--setup"), 2, "usage", ("--dry-run", "--setup")),
    Mistake("name said twice", (*NEW, "-d", "project_name=pan"), 2, "usage", ("pot", "pan", "say it once")),
    Mistake("stack said twice", (*NEW, "-d", "stack=coffee"), 2, "usage", ("tea", "coffee")),
    Mistake("explain without file", ("explain",), 2, "usage", ("PATH",)),
    Mistake("verify without target", ("verify",), 2, "usage", ("--url",)),
    Mistake("verify with two targets", ("verify", ".", "--url", "http://x"), 2, "usage", ("only one of them",)),
    Mistake("record of a part", ("verify", ".", "--only", "X1", "--record", "f"), 2, "usage", ("--record",)),
    # what is asked for
    Mistake("no stack", ("new", "pot"), 2, "missing-answer", ("stack is needed", "tea, coffee")),
    Mistake("no name", ("new", "--stack", "tea"), 2, "missing-answer", ("project_name", "scaffold new NAME")),
    Mistake("misspelt stack", ("new", "pot", "--stack", "tae"), 2, "unknown-stack", ('did you mean "tea"?',)),
    Mistake("unlike any stack", ("new", "pot", "--stack", "zzz"), 2, "unknown-stack", ("stacks: tea, coffee",)),
    Mistake("misspelt option", (*NEW, "-d", "sise=large"), 2, "unknown-option", ('did you mean "size"?',)),
    Mistake("derived option", (*NEW, "-d", "shout=x"), 2, "unknown-option", ('"shout"',)),
    Mistake("option of another stack", ("new", "pot", "-s", "coffee", "-d", "leaf=x"), 2, "option-not-for-stack", ("leaf", "coffee")),
    Mistake("misspelt choice", (*NEW, "-d", "size=lrge"), 2, "unknown-choice", ('did you mean "large"?',)),
    Mistake("no boolean", (*NEW, "-d", "extras=perhaps"), 2, "wrong-type", ("extras must be true or false", "'perhaps'")),
    Mistake("no number", (*NEW, "-d", "strength=much"), 2, "wrong-type", ("strength must be a whole number", "'much'")),
    Mistake("rule of a number", (*NEW, "-d", "strength=9"), 2, "invalid-answer", ('strength "9": nobody drinks that',)),
    Mistake("no equals sign", (*NEW, "-d", "size"), 2, "usage", ("KEY=VALUE",)),
    Mistake("no key", (*NEW, "-d", "=large"), 2, "usage", ("KEY=VALUE",)),
    Mistake("key twice", (*NEW, "-d", "size=small", "-d", "size=large"), 2, "usage", ("size", "twice")),
    Mistake("bad name", ("new", "Pot", "-s", "tea"), 2, "invalid-answer", ('project_name "Pot"', "lower-case letters")),
    Mistake("empty name", ("new", "", "-s", "tea"), 2, "invalid-answer", ('project_name ""',)),
    Mistake("name with a path", ("new", "../pot", "-s", "tea"), 2, "invalid-answer", ("lower-case letters",)),
    Mistake("default breaks a rule", ("new", "nettle", "-s", "tea"), 2, "invalid-answer", ("leaf", "stings", "-d leaf=")),
    # files of answers
    Mistake("answers missing", ("new", "pot", "--answers", "no.yml"), 2, "answers-file", ("no.yml", "no such file")),
    Mistake("answers a folder", ("new", "pot", "--answers", "."), 2, "answers-file", ("is a directory",)),
    Mistake("answers not YAML", ("new", "pot", "--answers", "a.yml"), 2, "answers-file", ("not YAML", "line 1"), _write("a.yml", "a: [")),
    Mistake("answers not UTF-8", ("new", "pot", "--answers", "a.yml"), 2, "answers-file", ("utf-8",), _write("a.yml", "a: \xff\xfe")),
    Mistake("answers no mapping", ("new", "pot", "--answers", "a.yml"), 2, "answers-file", ("not a mapping",), _write("a.yml", "- tea\n")),
    Mistake("answers empty", ("new", "pot", "--answers", "a.yml"), 2, "answers-file", ("not a mapping",), _write("a.yml", "")),
    Mistake("answers with unknown key", ("new", "pot", "--answers", "a.yml"), 2, "unknown-option", ("stak", '"stack"', "a.yml"), _write("a.yml", "stak: tea\n")),
    Mistake("answers with wrong type", (*NEW, "--answers", "a.yml"), 2, "wrong-type", ("extras must be true or false", "'yes please'"), _write("a.yml", "extras: yes please\n")),
    Mistake("answers with a number for text", (*NEW, "--answers", "a.yml"), 2, "wrong-type", ("owner must be text", "7"), _write("a.yml", "owner: 7\n")),
    Mistake("answers with a boolean for a number", (*NEW, "--answers", "a.yml"), 2, "wrong-type", ("strength", "True"), _write("a.yml", "strength: true\n")),
    Mistake("answers with a key twice", (*NEW, "--answers", "a.yml"), 2, "answers-file", ('"size" is given twice', "line 2"), _write("a.yml", "size: small\nsize: large\n")),
    Mistake("answers with an object", (*NEW, "--answers", "a.yml"), 2, "answers-file", ("not YAML",), _write("a.yml", "size: !!python/object:os.system {}\n")),
    Mistake(
        "preferences with unknown key",
        NEW,
        2,
        "unknown-option",
        ("ownr", '"owner"', "scaffold/answers.yml"),
        _preferred("ownr: me"),
    ),
    Mistake(
        "preferences break a rule", NEW, 2, "invalid-answer", ("strength", "drinks", "-d strength="), _preferred("strength: 8")
    ),
    # the place
    Mistake("place taken", NEW, 1, "target-not-empty", ("pot exists and is not empty", "letter.txt", "--output"), _occupied),
    Mistake("place taken, dry run", (*NEW, "--dry-run"), 1, "target-not-empty", ("pot exists",), _occupied),
    Mistake("place is a file", NEW, 1, "target-unusable", ("exists and is not a folder",), _write("pot", "x")),
    Mistake("parent is a file", (*NEW, "--output", "file/sub"), 1, "target-unusable", ("file is not a folder",), _write("file", "x")),
    Mistake("place is a link to nowhere", NEW, 1, "target-unusable", ("link to nowhere",), lambda work, _: (work / "pot").symlink_to("gone")),
    Mistake("place cannot be written", (*NEW, "--output", "/proc/self/task"), 1, "write-failed", ("cannot write /proc",)),
    Mistake("name of the place too long", (*NEW, "--output", "x" * 300), 1, "target-unusable", ("File name too long",)),
    # the machine
    Mistake("git missing", NEW, 5, "missing-tool", ("git is not installed", "--no-git"), path=""),
    Mistake("make missing", (*NEW, "--setup"), 5, "missing-tool", ("make is not installed", "--setup"), path="git"),
    # the template
    Mistake("no template there", (*NEW, "--template", "nowhere"), 1, "template-not-found", ("no template at nowhere",)),
    Mistake("undefined variable", NEW, 1, "broken-template", ("templates/tea/README.md.jinja, line 2", "'nobody' is undefined"), _template("templates/tea/README.md.jinja", "\n{{ nobody }}\n")),
    Mistake("syntax error", NEW, 1, "broken-template", ("templates/tea/README.md.jinja, line 3",), _template("templates/tea/README.md.jinja", "\n\n{% if %}\n")),
    Mistake("missing part", NEW, 1, "broken-template", ("README.md.jinja", "gone.jinja"), _template("templates/tea/README.md.jinja", "{% include 'gone.jinja' %}")),
    Mistake("template not UTF-8", NEW, 1, "broken-template", ("utf-8",), lambda _, source: (source / "templates/tea/README.md.jinja").write_bytes(b"\xff\xfe")),
    Mistake("undefined in a file name", NEW, 1, "broken-template", ("nobody",), _template("templates/tea/{{ nobody }}.txt", "")),
    Mistake("questionnaire not YAML", NEW, 1, "broken-template", ("copier.yml",), _appended("copier.yml", "\n]\n")),
    Mistake("questionnaire no mapping", NEW, 1, "broken-template", ("copier.yml", "mapping"), _template("copier.yml", "hello\n")),
    Mistake("included part missing", NEW, 1, "broken-template", ("!include", "templates/milk.yml"), _replaced("copier.yml", "tea/copier.yml", "milk.yml")),
    Mistake("choices of no kind", NEW, 1, "broken-template", ("size", "choices"), _appended("templates/tea/copier.yml", "\nsize: {type: str, choices: 5}\n")),
    Mistake("broken rule", NEW, 1, "broken-template", ("validator of leaf",), _replaced("templates/tea/copier.yml", "{% if leaf in", "{% if nothing in")),
    Mistake("template that runs programs", NEW, 1, "broken-template", ("tasks",), _appended("templates/tea/copier.yml", "\n_tasks: [touch pwned]\n")),
    Mistake("template that records no answers", NEW, 1, "broken-template", (".copier-answers.yml",), lambda _, source: (source / "templates/tea/{{ _copier_conf.answers_file }}.jinja").unlink()),
    Mistake("template that records a path", NEW, 1, "broken-template", (".copier-answers.yml", "source"), _template("templates/shared/answers.yml.jinja", "{{ _copier_answers | to_nice_yaml }}")),
    Mistake("template for a newer Copier", NEW, 1, "broken-template", ("99.0",), _appended("templates/tea/copier.yml", "\n_min_copier_version: '99.0'\n")),
    Mistake("toolchain of a stack broken", ("doctor",), 1, "broken-template", ("toolchain.yml",), _template("templates/tea/toolchain.yml", "tools: [{name: x}]\n")),
    # other commands
    Mistake("explain outside a project", ("explain", "letter.txt"), 1, "not-a-project", ("letter.txt",), _write("letter.txt", "x")),
    Mistake("verify outside a project", ("verify", "."), 1, "not-a-project", (".copier-answers.yml",)),
    Mistake("doctor outside a project", ("doctor", "."), 1, "not-a-project", (".copier-answers.yml",)),
    Mistake("doctor of an unknown stack", ("doctor", "--stack", "tee"), 2, "unknown-stack", ('did you mean "tea"?',)),
    Mistake("project with broken answers", ("doctor", "."), 2, "answers-file", ("which stack",), _write(".copier-answers.yml", "size: small\n")),
    Mistake("evidence broken", ("list",), 1, "evidence", ("tea.json",), _bad_evidence),
    Mistake("admin without password", ("verify", "--url", "http://x", "--admin", "a@b.c"), 2, "usage", ("SCAFFOLD_ADMIN_PASSWORD",)),
]  # fmt: skip


def _state(folder: Path) -> dict[str, object]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if stat.S_ISREG(path.lstat().st_mode) else "other"
        for path in folder.rglob("*")
    }


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_a_mistake_is_explained_and_leaves_nothing(
    mistake: Mistake, work: Path, small: Path, temporary: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake.given(work, small)
    monkeypatch.setenv("SCAFFOLD_TEMPLATE", str(small))
    if mistake.path is not None:
        tools = work.parent / "tools"
        tools.mkdir()
        for tool in mistake.path.split():
            (tools / tool).symlink_to(str(shutil.which(tool)))
        monkeypatch.setenv("PATH", str(tools))
    before = _state(work)

    outcome = invoke(*mistake.arguments)

    assert outcome.code == mistake.exit_code
    assert outcome.err.startswith(f"error[{mistake.code}]: ")
    for part in mistake.says:
        assert part in outcome.err
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    assert _state(work) == before
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("mistake", MISTAKES[11:20], ids=lambda mistake: mistake.name)
def test_programs_get_the_same_explanation(
    mistake: Mistake, work: Path, small: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    mistake.given(work, small)
    monkeypatch.setenv("SCAFFOLD_TEMPLATE", str(small))

    outcome = invoke(*mistake.arguments, "--json")

    assert outcome.code == mistake.exit_code
    assert outcome.err == ""
    assert outcome.envelope["result"] is None
    assert outcome.envelope["exit_code"] == mistake.exit_code
    error = outcome.envelope["error"]
    assert error["code"] == mistake.code
    for part in mistake.says:
        assert part in f"{error['message']} {error['hint']}"


def test_the_table_is_long_enough() -> None:
    assert len(MISTAKES) >= 30
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES)
