"""Where scenarios are played: on a small source, and on a fork of the real templates for each stack there is.

Which file plays which part is found out, not listed, so a stack that joins the catalogue is played on as well.
"""

from __future__ import annotations

import re
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

import copier
from tests.trees import contents
from tests.update.conftest import commit, git
from tests.update.scenarios import THEIRS, Part
from tests.update.sources import Templates

from scaffold import provenance
from scaffold.errors import NotExplainedError
from scaffold.project import ANSWERS_FILE, find_project
from scaffold.source import find_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tests.integration.conftest import Invoke
    from tests.update.scenarios import Case

    from scaffold.provenance import Explanation

FIRST_RELEASE = "1.0.0"
# How far from a change an edit is of another place, for git and for Copier alike.
FAR = 8


@dataclass(frozen=True)
class Switch:
    """An option that goes from one value to another, and what that does to some file."""

    option: str
    before: str
    after: str
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        """Name it, for the test's own name."""
        return f"{self.option} {self.before} to {self.after}"


SMALL = "small"
CODE = (".py", ".ts", ".go", ".java")
_SMALL_SWITCHES = (
    Switch("extra", "false", "true", ("changes", "comes")),
    Switch("extra", "true", "false", ("changes", "takes", "goes")),
)
_SWITCHES = (
    Switch("sample", "true", "false", ("changes", "takes", "goes")),
    Switch("sample", "false", "true", ("changes", "comes")),
    Switch("redis", "false", "true", ("changes",)),
    Switch("redis", "true", "false", ("changes", "takes")),
    Switch("database", "sqlite", "postgresql", ("changes", "takes")),
    Switch("database", "postgresql", "sqlite", ("changes", "takes")),
    Switch("ci", "github", "gitlab", ("comes", "goes")),
    Switch("ci", "gitlab", "github", ("comes", "goes")),
)


def switches(stage: str, case: Case) -> Sequence[Switch | None]:
    """Return the options to switch in a case: none, or each that does what the case is about."""
    if case.part is None:
        return (None,)
    return [each for each in (_SMALL_SWITCHES if stage == SMALL else _SWITCHES) if case.part in each.parts]


@dataclass(frozen=True)
class Side:
    """The files that user and template both know, as one of the two has them.

    Attributes:
        root: The project, or the folder of its stack in the templates.
        names: Where the file of each part is, from there.
        lines: The lines that a file is known by, each standing in it once: the first one and the last one.
    """

    root: Path
    names: Mapping[str, str]
    lines: Mapping[str, Sequence[bytes]]

    def place(self, name: str) -> Path:
        """Return a file by its part."""
        return self.root / name.format_map(self.names)

    def find(self, name: str, which: int, lines: Sequence[bytes]) -> int:
        """Return the index of the first or last line that a file is known by."""
        wanted = self.lines[name.rpartition("{")[2].rstrip("}")][which]
        found = [index for index, line in enumerate(lines) if line.rstrip(b"\r\n") == wanted]
        assert len(found) == 1
        return found[0]


class Bring(Protocol):
    """Makes a project of the first release."""

    def __call__(self, place: Path, answers: Mapping[str, str]) -> None: ...


@dataclass
class Stage:
    """A source of templates, and projects of its first release.

    Attributes:
        name: `small`, or a stack.
        folder: A folder for it, which outlives a test.
    """

    name: str
    folder: Path
    _templates: Templates | None = None
    _theirs: dict[Callable[[Side], None], tuple[str, bool]] = field(default_factory=dict)
    _parts: tuple[Side, Side] | None = None
    _switched: dict[tuple[Switch, Part], Side] = field(default_factory=dict)

    @property
    def templates(self) -> Templates:
        """The source, with its first release."""
        if self._templates is None:
            place = self.folder / "templates"
            self._templates = Templates.begin(place) if self.name == SMALL else Templates.fork(place, self.name)
            self._templates.release(FIRST_RELEASE)
        return self._templates

    def release(self, change: Callable[[Side], None], invoke: Invoke) -> tuple[str, bool]:
        """Release the first release with one change; return the version, and whether a line of theirs is in it."""
        if change not in self._theirs:
            _, side = self.sides(invoke)
            version = f"2.0.{len(self._theirs)}"
            self.templates.git("reset", "--hard", "--quiet", f"v{FIRST_RELEASE}")
            self.templates.git("clean", "--quiet", "-fdx")
            change(side)
            held = any(THEIRS.strip().encode() in content for content in contents(side.root).values())
            self.templates.release(version)
            self._theirs[change] = version, held
        return self._theirs[change]

    def ours(self, switch: Switch | None, invoke: Invoke) -> Path:
        """Return a project that this tool made, not to be changed."""

        def bring(place: Path, answers: Mapping[str, str]) -> None:
            pairs = [word for key, value in answers.items() for word in ("-d", f"{key}={value}")]
            origin = str(self.templates.origin)
            made = invoke(
                "new", "pot", "-s", self.templates.stack, "--template", origin, "--version", FIRST_RELEASE, *pairs,
                "-o", place.parent,
            )  # fmt: skip
            assert made.code == 0, made.err

        return self._project("ours", switch, bring)

    def plain(self, switch: Switch | None) -> Path:
        """Return a project that plain Copier made, not to be changed."""

        def bring(place: Path, answers: Mapping[str, str]) -> None:
            data = {"stack": self.templates.stack, "project_name": "pot", **plainly(answers)}
            origin = str(self.templates.origin)
            copier.run_copy(origin, place, data=data, vcs_ref=f"v{FIRST_RELEASE}", defaults=True, quiet=True)
            git(place, "init", "--quiet")
            commit(place)

        return self._project("plain", switch, bring)

    def _project(self, kind: str, switch: Switch | None, bring: Bring) -> Path:
        place = self.folder / kind / (f"{switch.option}-{switch.before}" if switch else "as it is") / "pot"
        if not place.exists():
            place.parent.mkdir(parents=True)
            bring(place, {switch.option: switch.before} if switch else {})
        return place

    def side(self, switch: Switch | None, part: Part | None, invoke: Invoke) -> Side:
        """Return the files of a project that a user edits."""
        side, _ = self.sides(invoke)
        if switch is None or part is None:
            return side
        if (switch, part) not in self._switched:
            opposite = replace(switch, before=switch.after, after=switch.before)
            name, lines = _switched(self.ours(switch, invoke), self.ours(opposite, invoke), part)
            known = {"switched": lines}
            self._switched[switch, part] = Side(side.root, {"switched": name}, known)
        return self._switched[switch, part]

    def sides(self, invoke: Invoke) -> tuple[Side, Side]:
        """Return the same files in a project and in the templates."""
        if self._parts is None:
            self._parts = _cast(self.templates, self.ours(None, invoke))
        return self._parts


def plainly(answers: Mapping[str, str]) -> dict[str, str | bool]:
    """Return answers as Copier takes them."""
    return {key: {"true": True, "false": False}.get(value, value) for key, value in answers.items()}


def _cast(templates: Templates, pot: Path) -> tuple[Side, Side]:
    """Give each part in the scenarios to a file of the source."""
    there = find_source(templates.root)
    # The project knows them by the place of the repository, which has no files.
    explainer = provenance.Explainer(there, replace(find_project(pot), origin=there.name))
    letter = next(name for name in ("letter.txt", "README.md") if (pot / name).exists())
    one = next(_copied(explainer, pot, _files_in_folders(pot), lines=20))
    folder = (pot / one.path).parent.relative_to(pot)
    others = sorted(name for name in contents(pot) if folder.as_posix() not in name and name.endswith(CODE))
    found = {
        "letter": explainer.explain(pot / letter),
        "code": next(_copied(explainer, pot, others, lines=40)),
        **{name.partition(".")[0]: explainer.explain(pot / name) for name in ("dos.txt", "tool.sh", "picture.bin")},
    }
    root = templates.file("")
    ours = {part: each.path for part, each in found.items()}
    theirs = {part: (templates.root / each.template).relative_to(root).as_posix() for part, each in found.items()}
    there_one = (templates.root / one.template).relative_to(root)
    ours |= {"folder": folder.as_posix(), "one": (pot / one.path).name}
    theirs |= {"folder": there_one.parent.as_posix(), "one": there_one.name}
    lines = {part: _common(pot / ours[part], root / theirs[part]) for part in found if part != "picture"}
    lines["one"] = _common(pot / one.path, root / there_one)
    return Side(pot, ours, lines), Side(root, theirs, lines)


def _files_in_folders(pot: Path) -> Iterator[str]:
    """Return the files of the folders that hold several, below folders of code rather than of settings."""
    held = Counter(name.rpartition("/")[0] for name in contents(pot))
    for name in sorted(contents(pot)):
        folder = name.rpartition("/")[0]
        if folder and not folder.startswith(".") and held[folder] > 2:
            yield name


def _copied(
    explainer: provenance.Explainer, pot: Path, names: Iterator[str] | Sequence[str], lines: int
) -> Iterator[Explanation]:
    """Return the files that are copied as they stand and have some lines."""
    for name in names:
        if (pot / name).read_bytes().count(b"\n") >= lines:
            try:
                each = explainer.explain(pot / name)
            except NotExplainedError:
                continue
            if not each.rendered:
                yield each


def _common(one: Path, other: Path) -> Sequence[bytes]:
    """Return the first and the last line that stand once in each of two files, far from each other and the end."""
    lines = [Counter(path.read_bytes().splitlines()) for path in (one, other)]
    ordered = one.read_bytes().splitlines()
    inner = enumerate(ordered[:-FAR])
    known = [index for index, line in inner if line.strip() and lines[0][line] == lines[1][line] == 1]
    assert known, f"{one} has no line of its own"
    assert known[-1] - known[0] > FAR, f"{one} is too short"
    return ordered[known[0]], ordered[known[-1]]


def _switched(before: Path, after: Path, part: Part) -> tuple[str, Sequence[bytes]]:
    """Find a file to which the switch of an option does something, and lines to edit in it.

    Returns:
        The file, and where it is there before: the line at the change, or in what is taken out, and one far away.
    """
    git(before, "fetch", "--quiet", str(after), "+HEAD:refs/heads/after")
    said = git(before, "diff", "--name-status", "--find-renames", "-l7000", "HEAD", "after")
    letters: dict[Part, str] = {"changes": "M", "takes": "M", "comes": "A", "goes": "D"}
    for line in said.splitlines():
        letter, name = line.split("\t")[:2]
        if letter == letters[part] and name != ANSWERS_FILE:
            lines = _to_edit(before, name, part)
            if lines is not None:
                return name, lines
    message = f"no file in which the switch has that part: {part}"
    raise AssertionError(message)


def _to_edit(before: Path, name: str, part: Part) -> Sequence[bytes] | None:
    if part == "comes":
        # Beside a file with nothing in it, nothing contradicts.
        return None if git(before, "cat-file", "-s", f"after:{name}") == "0" else ()
    ordered = (before / name).read_bytes().splitlines()
    if part == "goes":
        once = [each for each in ordered if each.strip() and ordered.count(each) == 1]
        return (once[0], once[-1]) if len(once) > FAR else None
    return _around(ordered, git(before, "diff", "-U0", "--histogram", "HEAD", "after", "--", name), part)


def _around(ordered: Sequence[bytes], patch: str, part: Part) -> Sequence[bytes] | None:
    changed = [
        (int(start), int(count or 1))
        for start, count in re.findall(r"^@@ -(\d+)(?:,(\d+))? ", patch, flags=re.MULTILINE)
    ]
    counted = Counter(ordered)

    def alone(number: int) -> bool:
        return 0 < number <= len(ordered) and bool(ordered[number - 1].strip()) and counted[ordered[number - 1]] == 1

    def far(number: int) -> bool:
        return all(number < start - FAR or number > start + count + FAR for start, count in changed)

    if part == "takes":
        at = (number for start, count in changed for number in range(start, start + count) if alone(number))
    else:
        # Git tells of lines that only come by the line before them.
        at = (number for number in (start - 1 if count else start for start, count in changed) if alone(number))
    first = next(at, None)
    last = next((number for number in range(1, len(ordered) + 1) if alone(number) and far(number)), None)
    return None if first is None or last is None else (ordered[first - 1], ordered[last - 1])


def copy(pot: Path, side: Side, work: Path) -> tuple[Path, Side]:
    """Return a project that may be edited, and its files."""
    place = work / "pot"
    shutil.copytree(pot, place, symlinks=True)
    return place, replace(side, root=place)
