"""Results of the conformance suite, kept in files, each with digests of the sources it was run on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scaffold.errors import EvidenceError, ScaffoldError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scaffold.source import Source

State = Literal["proven", "stale", "not proven"]

_SUITE = Path(__file__).resolve().parent / "conformance"
_FORMAT = 2
_NAME = "proven"


@dataclass(frozen=True, slots=True)
class Group:
    """What a run has shown of one group of checks.

    Attributes:
        passed: Number of checks that passed.
        failed: Number of checks that failed.
        not_applicable: Number of checks of parts that the answers leave out.
        digest: What `conformance.digests.groups` returned for the group.
    """

    passed: int
    failed: int
    not_applicable: int
    digest: str


@dataclass(frozen=True, slots=True)
class Row:
    """What the suite has shown of one project.

    Attributes:
        answers: The answers that the project was made with, its names left out.
        groups: What it has shown, by the name of the group of checks.
        seconds: How long the last whole run took.
        servers: Versions of the servers it ran on, for example `{"postgresql": "15.8"}`.
        date: The day of the run, as in 2026-11-23.
        version: Version of the templates.
        digest: What `digest` returned for the sources of the run.
        rendered: What `rendered_digest` returned for the answers of the run.
        suite: What `conformance.digests.rest` returned for the suite of the run.
    """

    answers: Mapping[str, Any]
    groups: Mapping[str, Group]
    seconds: float
    servers: Mapping[str, str]
    date: str
    version: str | None
    digest: str
    rendered: str
    suite: str

    @property
    def passed(self) -> int:
        """Number of checks that passed."""
        return sum(group.passed for group in self.groups.values())

    @property
    def failed(self) -> int:
        """Number of checks that failed."""
        return sum(group.failed for group in self.groups.values())


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row, judged by the current sources.

    Attributes:
        row: The row.
        due: The groups of checks that have to run again before it can be called proven.
    """

    row: Row
    due: frozenset[str]

    @property
    def state(self) -> State:
        """Whether the row is proven."""
        if self.row.failed or not self.row.passed:
            return "not proven"
        return "stale" if self.due else "proven"

    @property
    def answers(self) -> Mapping[str, Any]:
        """The answers that the project was made with."""
        return self.row.answers

    @property
    def summary(self) -> str:
        """What the run showed, in a line."""
        row = self.row
        counts = f"{row.passed} checks passed" + (f", {row.failed} failed" if row.failed else "")
        last = f", last green at v{row.version}" if self.state == "stale" and row.version else ""
        servers = "".join(f", {name} {version}" for name, version in sorted(row.servers.items()))
        return f"{counts} on {row.date}{servers}{last}"


def digest(source: Source, stack: str) -> str:
    """Return a digest of everything that the behaviour of a stack's projects and of the suite depends on."""
    names = ("copier.yml", "templates/shared", f"templates/{stack}", "contract")
    return _digest([*((source.root / name, name) for name in names), (_SUITE, "conformance")])


def rendered_digest(source: Source, stack: str, answers: Mapping[str, Any]) -> str:
    """Return a digest of the project that the answers make, under a fixed name.

    It takes a rendering, but does not change with other stacks or with parts of the contract that the project lacks.

    Raises:
        ScaffoldError: The answers make no project with these templates.
    """
    from scaffold import rendering  # noqa: PLC0415 - Copier is slow to import, and rarely needed
    from scaffold.files.staging import workspace  # noqa: PLC0415
    from scaffold.questions.catalog import load_catalog  # noqa: PLC0415 - Copier is slow to import, and rarely needed
    from scaffold.questions.questionnaire import Questionnaire  # noqa: PLC0415

    questions = load_catalog(source.root)
    named = {"stack": stack, "project_name": _NAME}
    with workspace() as folder:
        project = folder / _NAME
        rendering.render(source, Questionnaire(questions).complete({**answers, **named}), project, folder)
        (project / questions.answers_file).unlink(missing_ok=True)  # it names the version
        return _digest([(project, _NAME)])


def _digest(places: Sequence[tuple[Path, str]]) -> str:
    total = sha256()
    for place, name in places:
        for path, relative in _files(place, name):
            content = sha256(path.read_bytes()).hexdigest()
            total.update(f"{relative}\0{content}\n".encode())
    return total.hexdigest()


def judge(source: Source, stack: str) -> tuple[JudgedRow, ...]:
    """Return the evidence for a stack, judged by the current sources.

    Raises:
        EvidenceError: The file of the stack cannot be read.
    """
    rows = _read(source.evidence / f"{stack}.json")
    if not rows:
        return ()
    now = digest(source, stack)
    return tuple(JudgedRow(row, _due(source, stack, row, now)) for row in rows)


def summarise(rows: tuple[JudgedRow, ...]) -> State:
    """Return the state of a stack as a whole: proven only if every row is."""
    states = {row.state for row in rows}
    if states == {"proven"}:
        return "proven"
    return "stale" if "stale" in states and "not proven" not in states else "not proven"


def record(path: Path, row: Row) -> None:
    """Put a row into a file of evidence, replacing an older one with the same answers.

    If only some groups were run, the others are taken from the older row, provided that project and suite are the same.

    Raises:
        EvidenceError: The file is there but cannot be read, or the run left out groups that no older row has.
    """
    row = _completed(row, _read(path))
    row = replace(row, answers=dict(sorted(row.answers.items())), seconds=round(row.seconds, 1))
    kept = [other for other in _read(path) if dict(other.answers) != dict(row.answers)]
    _write(path, [*kept, row])


def _completed(row: Row, known: Sequence[Row]) -> Row:
    from scaffold.conformance import digests  # noqa: PLC0415 - as in `_due`

    missing = digests.groups().keys() - row.groups.keys()
    if not missing:
        return row
    for other in known:
        same = (other.rendered, other.suite) == (row.rendered, row.suite)
        if same and dict(other.answers) == dict(row.answers) and missing <= other.groups.keys():
            return replace(row, groups={**other.groups, **row.groups}, seconds=other.seconds)
    message = f"there is no evidence yet of the groups {', '.join(sorted(missing))}"
    raise EvidenceError(message, hint="record a whole run first")


def renew(path: Path, source: Source, stack: str) -> None:
    """Store the current digest in rows that are not due, so that judging them needs no rendering.

    Raises:
        EvidenceError: The file is there but cannot be read.
    """
    now = digest(source, stack)
    rows = [row if _due(source, stack, row, now) else replace(row, digest=now) for row in _read(path)]
    _write(path, rows)


def _read(path: Path) -> list[Row]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] < _FORMAT:
            return []  # An older format, without groups.
        return [
            Row(**row | {"groups": {name: Group(**group) for name, group in row["groups"].items()}})
            for row in content["rows"]
        ]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"the evidence {path.name} cannot be read: {error}"
        raise EvidenceError(message, hint="make it anew with `scaffold verify --record`") from error


def _write(path: Path, rows: Sequence[Row]) -> None:
    rows = sorted(rows, key=lambda row: json.dumps(dict(row.answers), sort_keys=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": _FORMAT, "rows": [asdict(row) for row in rows]}
    path.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _due(source: Source, stack: str, row: Row, now: str) -> frozenset[str]:
    if row.digest == now:
        return frozenset()
    from scaffold.conformance import digests  # noqa: PLC0415 - reading the suite takes a second, and is rarely needed

    every = digests.groups()
    if row.suite != digests.rest():
        return frozenset(every)
    due = frozenset(name for name, of in every.items() if name not in row.groups or row.groups[name].digest != of)
    if due == every.keys():
        return due
    # The templates have changed; a rendering shows whether this project has.
    try:
        same = row.rendered == rendered_digest(source, stack, row.answers)
    except ScaffoldError:
        same = False
    return due if same else frozenset(every)


def _files(place: Path, name: str) -> Iterator[tuple[Path, str]]:
    if place.is_file():
        yield place, name
        return
    found = ((path, path.relative_to(place)) for path in place.rglob("*"))
    for relative, path in sorted((f"{name}/{relative.as_posix()}", path) for path, relative in found):
        if path.is_file() and "__pycache__" not in path.parts and path.name != ".DS_Store":
            yield path, relative
