"""The types of what commands write with --json; `docs/make_schemas.py` makes `schemas/` from them.

Only type checkers and that script import this module: commands build plain dictionaries and do not import pydantic.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field
from typing_extensions import TypedDict  # pydantic requires it before Python 3.12

from scaffold.conformance.checklist import Verdict
from scaffold.conformance.results import Outcome
from scaffold.drift import State as FileState
from scaffold.errors import ExitCode
from scaffold.evidence import State as EvidenceState
from scaffold.questions.catalog import Kind as QuestionKind
from scaffold.vcs.settings import Identity
from scaffold.vcs.tree_diff import Kind as ChangeKind

Command = TypeVar("Command")
Result = TypeVar("Result")

Answers = Annotated[dict[str, Any], Field(description="Answers by the key of their question.")]
Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0)]
ExitStatus = Annotated[int, Field(json_schema_extra={"enum": sorted({int(code) for code in ExitCode})})]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Version = Annotated[str | None, Field(description="Version of the templates; null where their source has none.")]


class Error(TypedDict):
    """What went wrong."""

    code: Annotated[str, Field(pattern="^[a-z]+(-[a-z]+)*$")]
    """Stable name of the failure."""
    message: str
    """What went wrong, for people."""
    hint: str | None
    """What to do about it."""


class Envelope(TypedDict, Generic[Command, Result]):
    """What every command writes with --json."""

    version: Literal[1]
    """Rises when a reader has to change."""
    command: Command
    """The command that was run."""
    exit_code: ExitStatus
    """0 done, 1 failed, 2 wrong command line or answer, 3 conflicts, 5 a tool is missing, 130 cancelled; status and
    diff with --exit-code also 2 update available, 4 drift."""
    result: Result | None
    """What the command found or made; null where it failed before."""
    error: Error | None


class Reason(TypedDict):
    """Why something is so, and what to do about it."""

    message: str
    hint: str


class Repository(TypedDict):
    """What became of a new project in git."""

    state: Literal["committed", "nested", "off"]
    identity: Identity | None
    around: str | None
    """The work tree that the project is inside of."""


class NewResult(TypedDict):
    """A project that was made, or would be."""

    path: str
    """Folder of the project, absolute."""
    stack: str
    answers: Answers
    files: list[str]
    """What was rendered, or would be."""
    dry_run: bool
    origin: str
    """Source of the templates."""
    version: Version
    git: Repository
    setup: Literal["done", "failed", "off"]
    command: str
    """The command that makes the same project again."""
    next: list[str]
    """What to do next, as commands."""


class GroupEvidence(TypedDict):
    """What a run has shown of one group of checks."""

    passed: Count
    failed: Count
    not_applicable: Count
    digest: Digest


class EvidenceRow(TypedDict):
    """What the suite has shown of one project."""

    state: EvidenceState
    due: list[str]
    """Groups of checks that have to run again before the row is proven."""
    answers: Answers
    groups: dict[str, GroupEvidence]
    """What was shown, by the name of the group of checks."""
    seconds: Seconds
    servers: dict[str, str]
    date: Annotated[str, Field(json_schema_extra={"format": "date"})]
    version: Version
    digest: Digest
    rendered: Digest
    suite: Digest


class OptionValue(TypedDict):
    """One value that an option may have."""

    value: str
    label: str


class StackOption(TypedDict):
    """One option of a stack."""

    key: str
    type: QuestionKind
    help: str
    values: list[OptionValue]
    """Empty where any text will do."""
    default: Any
    """Null where there is none or where it is worked out."""
    derived_from: list[str]
    """The answers that the default is worked out from."""


class ListedStack(TypedDict):
    """One stack, with what is proven of it."""

    name: str
    label: str
    state: EvidenceState
    rows: list[EvidenceRow]
    options: list[StackOption]


class ListResult(TypedDict):
    """The stacks of a source of templates."""

    origin: str
    version: Version
    stacks: list[ListedStack]


class FileCounts(TypedDict):
    """How many files of a project are of which state."""

    untouched: Count
    edited: Count
    deleted: Count
    added: Count
    moved: Count


class StatusResult(TypedDict):
    """Where a project stands."""

    path: str
    """Folder of the project, absolute."""
    stack: str
    origin: str
    """Source of the templates, as the project records it."""
    version: str
    """Version of the templates that the project has."""
    newest: str
    """Newest version of the templates; of those on this machine where the source cannot be reached."""
    moves_to: str | None
    """With --template, the source that the newest version is of, if its versions say nothing of the project's."""
    unreached: Reason | None
    """Why the source of the templates cannot be reached."""
    update_available: bool
    """Whether the newest is another one, and not older."""
    options: Answers
    drift: FileCounts
    """How many files are of which state."""
    drifted: list[str]
    """Files that are not as they were rendered: edited, deleted or moved."""
    under_way: Reason | None
    """An update that is not finished."""


class DiffFile(TypedDict):
    """One file, and how it differs."""

    path: str
    """Where the file is, or was if it is deleted."""
    state: FileState
    """A file that was moved may be edited as well."""
    was: str | None
    """Where it was before it was moved."""
    added: Count | None
    """Lines that it has more; null where it has none, as an image."""
    deleted: Count | None
    """Lines that it has less."""


class DiffResult(TypedDict):
    """How a project differs from what was rendered, or one rendering from another."""

    old: str
    """What is on the left side."""
    new: str
    """What is on the right side."""
    files: list[DiffFile]
    patch: str
    """The difference, as git writes it."""


class FileChange(TypedDict):
    """What happens to one file."""

    path: str
    kind: ChangeKind
    was: str | None
    """Where it was before it was moved."""
    content: bool
    """Whether more than its place or mode changes."""
    mode: str | None
    """The new mode where it changes, such as 100755."""


class Conflict(TypedDict):
    """One file that is in conflict."""

    path: str
    kind: str
    """What contradicts what, in git's words."""


# `from` is a keyword, so the class syntax cannot declare it.
_Versions = TypedDict(
    "_Versions",
    {
        "from": Annotated[
            str | None, Field(description="Version of the templates before; null with --continue and --abort.")
        ],
        "to": Annotated[str | None, Field(description="Version of the templates after.")],
    },
)


class MergeResult(_Versions):
    """What an update or other answers make of a project."""

    state: Literal["nothing-to-do", "planned", "done", "conflicts", "aborted"]
    """What became of it: planned is what a dry run ends with."""
    title: str
    """What it is about, and the subject of its commit."""
    answers: Answers
    changes: list[FileChange]
    """What happens to files of the project, conflicts left out."""
    conflicts: list[Conflict]
    touched: list[str]
    """Files of the template that the user had changed and that change again."""
    notes: str
    """What the change log of the templates says of the versions in between."""
    by_hand: list[str]
    """What it says is to be done by hand."""
    commit: str | None
    """The commit that was made."""
    branch: str | None
    """The branch that it is on."""


class ToolState(TypedDict):
    """One program that a stack needs, and what of it is here."""

    name: str
    reason: str
    needed_for: Literal["develop", "verify"]
    options: list[str]
    """The answers that call for it; empty where all do."""
    needed: str
    """The oldest version that will do."""
    found: str | None
    path: str | None
    state: Literal["ok", "old", "missing"]
    install: str
    """How to get it on this system."""


class StackTools(TypedDict):
    """The programs that a stack needs."""

    name: str
    tools: list[ToolState]


class DoctorResult(TypedDict):
    """What this machine has of what stacks need."""

    stacks: list[StackTools]


class ExplainResult(TypedDict):
    """Where a file of a project comes from."""

    path: str
    template: str
    rendered: bool
    parts: list[str]
    contract: list[str]
    options: Answers
    condition: list[str]
    made_with: Version
    explained_by: Version


class CheckCounts(TypedDict):
    """How many checks came out how."""

    passed: Count
    failed: Count
    not_applicable: Count
    untested: Count


class ChecklistAnswer(TypedDict):
    """One question of a reviewer, answered."""

    question: str
    verdict: Verdict
    passed: Count
    failed: Count


class NotProven(TypedDict):
    """What could not be tried on an operation."""

    operation: str
    reason: str


class OwnOperations(TypedDict):
    """What the service has beyond the contract."""

    operations: Count
    """How many operations are the service's own."""
    not_proven: list[NotProven]
    """What could not be tried on them."""


class CheckOutcome(TypedDict):
    """One check, and how it came out."""

    id: str
    group: str
    sentence: str
    source: str
    outcome: Outcome
    cases: Count
    seconds: Seconds
    reason: str | None
    report: str | None


class VerifyResult(TypedDict):
    """What the suite has found."""

    target: str
    stack: str | None
    answers: Answers
    servers: dict[str, str]
    seconds: Seconds
    counts: CheckCounts
    checklist: list[ChecklistAnswer]
    """The reviewer's questions, answered by the groups that are about them."""
    own: OwnOperations | None
    """What the service has beyond the contract; null where no check of that ran."""
    checks: list[CheckOutcome]


#: What each command writes as its result.
RESULTS: dict[str, Any] = {
    "diff": DiffResult,
    "doctor": DoctorResult,
    "explain": ExplainResult,
    "list": ListResult,
    "new": NewResult,
    "set": MergeResult,
    "status": StatusResult,
    "update": MergeResult,
    "verify": VerifyResult,
}
