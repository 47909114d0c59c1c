"""What comes of each kind of edit beside each kind of change of the template, and what plain Copier makes of it.

No byte of the user's is lost without a conflict. What Copier does is not quoted but run, on the same case.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import copier
import pytest
from tests.update.conftest import commit, git
from tests.update.sources import CODE, LETTER, PICTURE, Templates

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.conftest import Invoke

MINE = "this is mine\n"
THEIRS = "this is theirs\n"

Outcome = Literal["clean", "conflict"]
# Clean, conflict told in the exit code, conflict in spite of an exit code of 0, or something lost without a word.
Plain = Literal["clean", "unsaid conflict", "mine lost", "theirs lost", "failed"]


def _replace(name: str, old: str, new: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        content = (root / name).read_bytes()
        assert old.encode() in content
        (root / name).write_bytes(content.replace(old.encode(), new.encode()))

    return edit


def _write(name: str, content: str | bytes) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


def _delete(name: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        if (root / name).is_dir():
            shutil.rmtree(root / name)
        else:
            (root / name).unlink()

    return edit


def _move(old: str, new: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(root / new)

    return edit


def _mode(name: str, mode: int) -> Callable[[Path], None]:
    return lambda root: (root / name).chmod(mode)


def _link(name: str, to: str) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        (root / name).unlink()
        (root / name).symlink_to(to)

    return edit


def _all(*edits: Callable[[Path], None]) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        for each in edits:
            each(root)

    return edit


def _nothing(_: Path) -> None:
    pass


@dataclass(frozen=True)
class Case:
    """One user's edit beside one change of the template."""

    name: str
    user: Callable[[Path], None]
    template: Callable[[Path], None]
    outcome: Outcome
    plain: Plain
    #: Where the user's line and the template's must be afterwards, if it is clean.
    mine: str | None = None
    theirs: str | None = None
    answers: tuple[str, ...] = ()


MINE_TOP = _replace("letter.txt", "line 2\n", f"line 2\n{MINE}")
THEIRS_TOP = _replace("letter.txt", "line 2\n", f"line 2\n{THEIRS}")
THEIRS_END = _replace("letter.txt", "line 39\n", f"line 39\n{THEIRS}")
DOS_MINE = _replace("dos.txt", "line 2\r\n", f"line 2\r\n{MINE}")
CASES = [
    Case("nothing x edit", _nothing, THEIRS_END, "clean", "clean", None, "letter.txt"),
    Case("edit x nothing", MINE_TOP, _nothing, "clean", "clean", "letter.txt"),
    Case("edit x edit far away", MINE_TOP, THEIRS_END, "clean", "clean", "letter.txt", "letter.txt"),
    Case("edit x edit of the same place", MINE_TOP, THEIRS_TOP, "conflict", "unsaid conflict"),
    Case("edit x the same edit", MINE_TOP, MINE_TOP, "clean", "clean", "letter.txt"),
    Case("edit x rename", MINE_TOP, _move("letter.txt", "post.txt"), "clean", "mine lost", "post.txt"),
    Case("edit x rename and edit", MINE_TOP, _all(THEIRS_END, _move("letter.txt", "post.txt")), "clean", "mine lost", "post.txt", "post.txt"),
    Case("edit x rename and edit of the same place", MINE_TOP, _all(THEIRS_TOP, _move("letter.txt", "post.txt")), "conflict", "mine lost"),
    Case("edit x move into another folder", MINE_TOP, _move("letter.txt", "deep/er/letter.txt"), "clean", "mine lost", "deep/er/letter.txt"),
    Case("edit x delete", MINE_TOP, _delete("letter.txt"), "conflict", "mine lost"),
    Case("edit x replacement by something else", MINE_TOP, _all(_delete("letter.txt"), _write("letter.txt/inside.txt", THEIRS)), "conflict", "failed"),
    Case("edit x rename of its folder", _replace("folder/one.txt", "first 2\n", MINE), _move("folder", "place"), "clean", "mine lost", "place/one.txt"),
    Case("addition x rename of its folder", _write("folder/new.txt", MINE), _move("folder", "place"), "conflict", "clean"),
    Case("delete x nothing", _delete("letter.txt"), _nothing, "clean", "clean"),
    Case("delete x edit", _delete("letter.txt"), THEIRS_END, "conflict", "theirs lost"),
    Case("delete x delete", _delete("letter.txt"), _delete("letter.txt"), "clean", "clean"),
    Case("delete x rename", _delete("letter.txt"), _move("letter.txt", "post.txt"), "conflict", "clean"),
    Case("rename x edit", _move("letter.txt", "mine.txt"), THEIRS_END, "clean", "theirs lost", None, "mine.txt"),
    Case("rename and edit x edit", _all(MINE_TOP, _move("letter.txt", "mine.txt")), THEIRS_END, "clean", "theirs lost", "mine.txt", "mine.txt"),
    Case("rename x delete", _all(MINE_TOP, _move("letter.txt", "mine.txt")), _delete("letter.txt"), "conflict", "clean"),
    Case("rename x other rename", _move("letter.txt", "mine.txt"), _move("letter.txt", "post.txt"), "conflict", "clean"),
    Case("rename x same rename", _all(MINE_TOP, _move("letter.txt", "post.txt")), _move("letter.txt", "post.txt"), "clean", "unsaid conflict", "post.txt"),
    Case("rename of a folder x edit in it", _move("folder", "mine"), _replace("folder/one.txt", "first 9\n", THEIRS), "clean", "theirs lost", None, "mine/one.txt"),
    Case("rename of a folder x addition to it", _move("folder", "mine"), _write("folder/four.txt", THEIRS), "conflict", "clean"),
    Case("addition x same addition", _write("new.txt", MINE), _write("new.txt", MINE), "clean", "clean", "new.txt"),
    Case("addition x other addition", _write("new.txt", MINE), _write("new.txt", THEIRS), "conflict", "unsaid conflict"),
    Case("addition x rename onto it", _write("post.txt", MINE), _move("letter.txt", "post.txt"), "conflict", "unsaid conflict"),
    Case("mode x edit", _mode("letter.txt", 0o755), THEIRS_END, "clean", "clean", None, "letter.txt"),
    Case("edit x mode", MINE_TOP, _mode("letter.txt", 0o755), "clean", "clean", "letter.txt"),
    Case("edit x mode taken away", _replace("tool.sh", "line 2\n", MINE), _mode("tool.sh", 0o644), "clean", "clean", "tool.sh"),
    Case("link instead x edit", _link("letter.txt", "code.py"), THEIRS_END, "conflict", "theirs lost"),
    Case("binary x nothing", _write("picture.bin", PICTURE + b"\n" + MINE.encode()), _nothing, "clean", "mine lost", "picture.bin"),
    Case("nothing x binary", _nothing, _write("picture.bin", PICTURE + b"\n" + THEIRS.encode()), "clean", "clean", None, "picture.bin"),
    Case("binary x binary", _write("picture.bin", PICTURE + b"\n" + MINE.encode()), _write("picture.bin", THEIRS.encode() + PICTURE), "conflict", "mine lost"),
    Case("edit of CRLF x edit far away", DOS_MINE, _replace("dos.txt", "line 39\r\n", f"line 39\r\n{THEIRS}"), "clean", "clean", "dos.txt", "dos.txt"),
    Case("edit of CRLF x rename", DOS_MINE, _move("dos.txt", "dossier.txt"), "clean", "mine lost", "dossier.txt"),
    Case("CRLF instead of LF x edit", _write("letter.txt", (LETTER + MINE).replace("\n", "\r\n")), THEIRS_END, "conflict", "unsaid conflict"),
    Case("move of a function x edit of another", _write("code.py", CODE.replace("def function_1()", "def mine()") + MINE), _replace("code.py", "return 64", "return 64  # this is theirs"), "clean", "clean", "code.py", "code.py"),
    Case("edit x switched on", _replace("toggled.md", "always 2\n", MINE), _nothing, "clean", "clean", "toggled.md", None, ("extra=true",)),
    Case("edit beside x switched on", _replace("toggled.md", "always 9\n", f"always 9\n{MINE}"), _nothing, "conflict", "unsaid conflict", None, None, ("extra=true",)),
    Case("addition x switched on", _write("extra/spice.txt", MINE), _nothing, "conflict", "unsaid conflict", None, None, ("extra=true",)),
]  # fmt: skip


def _prepare(case: Case, templates: Templates) -> None:
    templates.release("1.0.0")
    case.template(templates.root / "templates/one")
    templates.release("2.0.0")


def _held(root: Path) -> dict[str, bytes]:
    """Return what is on disk, and what git keeps beside it for files in conflict."""
    found = {}
    for folder, names, files in os.walk(root):
        if ".git" in names:
            names.remove(".git")
        for name in files:
            path = Path(folder) / name
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[path.relative_to(root).as_posix()] = content
    for line in git(root, "ls-files", "--unmerged").splitlines():
        _, blob, stage, *_ = line.split()
        found[f"stage {stage} {blob}"] = git(root, "cat-file", "blob", blob).encode(errors="surrogateescape")
    return found


def _lines(text: bytes) -> set[bytes]:
    return set(text.replace(b"\r", b"").splitlines())


def _mine(root: Path, before: dict[str, bytes]) -> set[bytes]:
    """Return the lines that the user has written."""
    after = _held(root)
    old = {line for content in before.values() for line in _lines(content)}
    return {line for content in after.values() for line in _lines(content)} - old


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_ours(case: Case, templates: Templates, work: Path, invoke: Invoke) -> None:
    _prepare(case, templates)
    assert invoke("new", "pot", "-s", "one", "--template", templates.origin, "--version", "1.0.0").code == 0
    pot = work / "pot"
    rendered = _held(pot)
    case.user(pot)
    commit(pot)
    mine = _mine(pot, rendered)
    before = _state(pot)

    planned = invoke("update", "pot", "--dry-run", "--json", *_data(case))
    assert _state(pot) == before, "a dry run leaves no trace"
    outcome = invoke("update", "pot", "--json", *_data(case))

    wanted = 3 if case.outcome == "conflict" else 0
    assert (planned.code, outcome.code) == (wanted, wanted), outcome.out
    result = outcome.envelope["result"]
    assert _plan(planned.envelope["result"]) == _plan(result), "the plan is what happens"
    held = _held(pot)
    assert mine <= {line for content in held.values() for line in _lines(content)}, "nothing of the user's is lost"
    if case.outcome == "conflict":
        assert result["conflicts"]
        assert git(pot, "ls-files", "--unmerged")
        assert invoke("update", "pot", "--abort").code == 0
        assert _state(pot) == before
        return
    assert git(pot, "status", "--porcelain") == ""
    if case.mine:
        assert MINE.strip().encode() in held[case.mine]
    if case.theirs:
        assert THEIRS.strip().encode() in held[case.theirs]
    assert invoke("update", "pot", "--json").envelope["result"]["state"] == "nothing-to-do"


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
@pytest.mark.filterwarnings("ignore")  # Copier's own
def test_plain_copier(case: Case, templates: Templates, work: Path) -> None:
    _prepare(case, templates)
    pot = work / "pot"
    answers = {"stack": "one", "project_name": "pot"}
    copier.run_copy(str(templates.origin), pot, data=answers, vcs_ref="v1.0.0", defaults=True, quiet=True)
    git(pot, "init", "--quiet")
    commit(pot)
    rendered = _held(pot)
    case.user(pot)
    commit(pot)
    mine = _mine(pot, rendered)
    data = {key: value == "true" for key, value in (pair.split("=") for pair in case.answers)}

    theirs = any(THEIRS.strip() in file.read_text(errors="replace") for file in templates.files())
    assert _plainly(pot, mine, data, theirs=theirs) == case.plain


def _plainly(pot: Path, mine: set[bytes], data: dict[str, bool], *, theirs: bool) -> Plain:
    try:
        copier.run_update(pot, data=data, vcs_ref="v2.0.0", defaults=True, overwrite=True, quiet=True)
    except Exception:  # noqa: BLE001 - whatever it is, the user sees it
        return "failed"
    held = _held(pot)
    lines = {line for content in held.values() for line in _lines(content)}
    if not mine <= lines:
        return "mine lost"
    if any(line.startswith(b"<<<<<<< ") for line in lines) or any(name.startswith("stage") for name in held):
        return "unsaid conflict"
    if theirs and not any(THEIRS.strip().encode() in content for content in held.values()):
        return "theirs lost"
    return "clean"


def _state(root: Path) -> tuple[dict[str, tuple[bytes, int]], str, str]:
    found = {
        name: (content, (root / name).lstat().st_mode) for name, content in _held(root).items() if "stage " not in name
    }
    return found, git(root, "rev-parse", "HEAD"), git(root, "status", "--porcelain", "--ignored")


def _plan(result: dict[str, Any]) -> dict[str, Any]:
    # Where two files want one name, git calls the template's after the commit, which is another one each time.
    text = re.sub(r"~[0-9a-f]{7,} ", "~", json.dumps({key: result[key] for key in ("changes", "conflicts", "touched")}))
    plan: dict[str, Any] = json.loads(text)
    return plan


def _data(case: Case) -> list[str]:
    return [word for pair in case.answers for word in ("-d", pair)]
