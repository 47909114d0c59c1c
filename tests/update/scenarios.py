"""The scenario table: what a user did to a project, what its template did meanwhile, and what comes of both.

Files are named by their part in a scenario, such as {letter}; `stages.py` says which file of a source that is.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tests.update.sources import PICTURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.update.stages import Side

MINE = "this is mine\n"
THEIRS = "this is theirs\n"

Outcome = Literal["clean", "conflict"]
# Clean, conflict told in the exit code, conflict in spite of an exit code of 0, or something lost without a word.
Plain = Literal["clean", "unsaid conflict", "mine lost", "theirs lost", "failed"]
#: What an option does to a file: changes it, takes lines out of it, brings it, takes it away.
Part = Literal["changes", "takes", "comes", "goes"]
FIRST, LAST = 0, -1


def nothing(_: Side) -> None:
    """Do nothing."""


def _after(name: str, which: int, text: str) -> Callable[[Side], None]:
    """Write a line after the first or the last line that user and template know a file by."""

    def edit(side: Side) -> None:
        lines = side.place(name).read_bytes().splitlines(keepends=True)
        index = side.find(name, which, lines)
        ending = b"\r\n" if lines[index].endswith(b"\r\n") else b"\n"
        lines.insert(index + 1, text.encode().replace(b"\n", ending))
        side.place(name).write_bytes(b"".join(lines))

    return edit


def _instead(name: str, which: int, text: str) -> Callable[[Side], None]:
    def edit(side: Side) -> None:
        lines = side.place(name).read_bytes().splitlines(keepends=True)
        lines[side.find(name, which, lines)] = text.encode()
        side.place(name).write_bytes(b"".join(lines))

    return edit


def _write(name: str, content: str | bytes) -> Callable[[Side], None]:
    def edit(side: Side) -> None:
        side.place(name).parent.mkdir(parents=True, exist_ok=True)
        side.place(name).write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


def _append(name: str, text: str) -> Callable[[Side], None]:
    return lambda side: _write(name, side.place(name).read_bytes() + text.encode())(side)


def _crlf(name: str) -> Callable[[Side], None]:
    return lambda side: _write(name, side.place(name).read_bytes().replace(b"\n", b"\r\n"))(side)


def _delete(name: str) -> Callable[[Side], None]:
    return lambda side: side.place(name).unlink()


def _move(old: str, new: str) -> Callable[[Side], None]:
    def edit(side: Side) -> None:
        place = side.place(old)
        # What is rendered stays so: of the template's name only what a project sees is another one.
        to = side.place(new + (".jinja" if place.is_file() and place.suffix == ".jinja" else ""))
        to.parent.mkdir(parents=True, exist_ok=True)
        place.rename(to)

    return edit


def _mode(name: str, mode: int) -> Callable[[Side], None]:
    return lambda side: side.place(name).chmod(mode)


def _link(name: str, to: str) -> Callable[[Side], None]:
    def edit(side: Side) -> None:
        side.place(name).unlink()
        side.place(name).symlink_to(side.place(to).relative_to(side.root))

    return edit


def _folder_instead(name: str) -> Callable[[Side], None]:
    def edit(side: Side) -> None:
        side.place(name).unlink()
        _write(f"{name}/inside.txt", THEIRS)(side)

    return edit


def _delete_folder(name: str) -> Callable[[Side], None]:
    return lambda side: shutil.rmtree(side.place(name))


def _all(*edits: Callable[[Side], None]) -> Callable[[Side], None]:
    def edit(side: Side) -> None:
        for each in edits:
            each(side)

    return edit


@dataclass(frozen=True)
class Case:
    """One user's edit beside one change of the template, or beside a switch of an option."""

    name: str
    user: Callable[[Side], None]
    template: Callable[[Side], None]
    outcome: Outcome
    plain: Plain
    #: Where the user's line and the template's must be afterwards, if it is clean.
    mine: str | None = None
    theirs: str | None = None
    #: What the option that is switched has to do, if one is.
    part: Part | None = None
    #: Whether it is played on the real stacks too, which takes seconds a case; the others with SCAFFOLD_SCENARIOS=all.
    everywhere: bool = False


MINE_TOP = _after("{letter}", FIRST, MINE)
THEIRS_TOP = _after("{letter}", FIRST, THEIRS)
THEIRS_END = _after("{letter}", LAST, THEIRS)
DOS_MINE = _after("{dos}", FIRST, MINE)
MINE_CODE = _after("{code}", FIRST, MINE)
TO_POST = _move("{letter}", "post.txt")
TO_PLACE = _move("{folder}", "place")
CASES = [
    Case("nothing x edit", nothing, THEIRS_END, "clean", "clean", None, "{letter}"),
    Case("edit x nothing", MINE_TOP, nothing, "clean", "clean", "{letter}"),
    Case("edit x edit far away", MINE_TOP, THEIRS_END, "clean", "clean", "{letter}", "{letter}", everywhere=True),
    Case("edit x edit of the same place", MINE_TOP, THEIRS_TOP, "conflict", "unsaid conflict", everywhere=True),
    Case("edit x the same edit", MINE_TOP, MINE_TOP, "clean", "clean", "{letter}", everywhere=True),
    Case("edit x rename", MINE_TOP, TO_POST, "clean", "mine lost", "post.txt", everywhere=True),
    Case("edit x rename and edit", MINE_TOP, _all(THEIRS_END, TO_POST), "clean", "mine lost", "post.txt", "post.txt"),
    Case("edit x rename and edit of the same place", MINE_TOP, _all(THEIRS_TOP, TO_POST), "conflict", "mine lost"),
    Case("edit x move into another folder", MINE_TOP, _move("{letter}", "deep/er/letter.txt"), "clean", "mine lost", "deep/er/letter.txt", everywhere=True),
    Case("edit x delete", MINE_TOP, _delete("{letter}"), "conflict", "mine lost", everywhere=True),
    Case("edit x replacement by something else", MINE_CODE, _folder_instead("{code}"), "conflict", "failed"),
    Case("edit x rename of its folder", _instead("{folder}/{one}", FIRST, MINE), TO_PLACE, "clean", "mine lost", "place/{one}"),
    Case("edit x delete of its folder", _instead("{folder}/{one}", FIRST, MINE), _delete_folder("{folder}"), "conflict", "mine lost"),
    Case("addition x rename of its folder", _write("{folder}/new.txt", MINE), TO_PLACE, "conflict", "clean"),
    Case("delete x nothing", _delete("{letter}"), nothing, "clean", "clean"),
    Case("delete x edit", _delete("{letter}"), THEIRS_END, "conflict", "theirs lost", everywhere=True),
    Case("delete x delete", _delete("{letter}"), _delete("{letter}"), "clean", "clean"),
    Case("delete x rename", _delete("{letter}"), TO_POST, "conflict", "clean"),
    Case("rename x edit", _move("{letter}", "mine.txt"), THEIRS_END, "clean", "theirs lost", None, "mine.txt", everywhere=True),
    Case("rename and edit x edit", _all(MINE_TOP, _move("{letter}", "mine.txt")), THEIRS_END, "clean", "theirs lost", "mine.txt", "mine.txt"),
    Case("rename x delete", _all(MINE_TOP, _move("{letter}", "mine.txt")), _delete("{letter}"), "conflict", "clean"),
    Case("rename x other rename", _move("{letter}", "mine.txt"), TO_POST, "conflict", "clean"),
    Case("rename x same rename", _all(MINE_TOP, TO_POST), TO_POST, "clean", "unsaid conflict", "post.txt"),
    Case("rename of a folder x edit in it", _move("{folder}", "mine"), _instead("{folder}/{one}", LAST, THEIRS), "clean", "theirs lost", None, "mine/{one}"),
    Case("rename of a folder x addition to it", _move("{folder}", "mine"), _write("{folder}/four.txt", THEIRS), "conflict", "clean"),
    Case("addition x same addition", _write("new.txt", MINE), _write("new.txt", MINE), "clean", "clean", "new.txt"),
    Case("addition x other addition", _write("new.txt", MINE), _write("new.txt", THEIRS), "conflict", "unsaid conflict"),
    Case("addition x rename onto it", _write("post.txt", MINE), TO_POST, "conflict", "unsaid conflict"),
    Case("mode x edit", _mode("{letter}", 0o755), THEIRS_END, "clean", "clean", None, "{letter}"),
    Case("edit x mode", MINE_TOP, _mode("{letter}", 0o755), "clean", "clean", "{letter}", everywhere=True),
    Case("edit x mode taken away", _instead("{tool}", LAST, MINE), _mode("{tool}", 0o644), "clean", "clean", "{tool}"),
    Case("link instead x edit", _link("{letter}", "{code}"), THEIRS_END, "conflict", "theirs lost"),
    Case("binary x nothing", _write("{picture}", PICTURE + b"\n" + MINE.encode()), nothing, "clean", "mine lost", "{picture}", everywhere=True),
    Case("nothing x binary", nothing, _write("{picture}", PICTURE + b"\n" + THEIRS.encode()), "clean", "clean", None, "{picture}"),
    Case("binary x binary", _write("{picture}", PICTURE + b"\n" + MINE.encode()), _write("{picture}", THEIRS.encode() + PICTURE), "conflict", "mine lost"),
    Case("edit of CRLF x edit far away", DOS_MINE, _after("{dos}", LAST, THEIRS), "clean", "clean", "{dos}", "{dos}", everywhere=True),
    Case("edit of CRLF x rename", DOS_MINE, _move("{dos}", "dossier.txt"), "clean", "mine lost", "dossier.txt"),
    Case("CRLF instead of LF x edit", _all(_append("{letter}", MINE), _crlf("{letter}")), THEIRS_END, "conflict", "unsaid conflict"),
    Case("edits of code x edit of code", _all(_instead("{code}", FIRST, MINE), _append("{code}", MINE)), _after("{code}", LAST, THEIRS), "clean", "clean", "{code}", "{code}"),
    Case("edit x switched", _after("{switched}", LAST, MINE), nothing, "clean", "clean", "{switched}", None, "changes"),
    Case("edit beside x switched", _after("{switched}", FIRST, MINE), nothing, "conflict", "unsaid conflict", None, None, "changes"),
    Case("edit inside x switched", _instead("{switched}", FIRST, MINE), nothing, "conflict", "unsaid conflict", None, None, "takes"),
    Case("addition x switched", _write("{switched}", MINE), nothing, "conflict", "unsaid conflict", None, None, "comes", everywhere=True),
    Case("edit x switched away", _after("{switched}", FIRST, MINE), nothing, "conflict", "mine lost", None, None, "goes", everywhere=True),
    Case("rename x switched away", _all(_after("{switched}", FIRST, MINE), _move("{switched}", "mine.txt")), nothing, "conflict", "clean", None, None, "goes"),
    Case("delete x switched away", _delete("{switched}"), nothing, "clean", "clean", None, None, "goes"),
]  # fmt: skip
