"""What a run of the suite returns: plain data, rendered by others."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Mapping


class Outcome(StrEnum):
    """What became of one check."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    """The project's answers leave out what the check is about."""
    UNTESTED = "untested"
    """The run lacks a means that the check needs; `CheckResult.reason` names it."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """E-mail address and password of an account."""

    email: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One check: what was expected, by which source, and what became of it."""

    id: str
    group: str
    sentence: str
    source: str
    outcome: Outcome
    cases: int = 0
    """How many cases of a parametrised check ran."""
    duration: float = 0.0
    reason: str | None = None
    """Why the check did not run."""
    report: str | None = None
    """For a failure: the difference, and the exchanges that led to it."""


@dataclass(frozen=True, slots=True)
class NotProven:
    """An operation of the service's own that some rule could not be tried on."""

    operation: str
    reason: str


@dataclass(frozen=True, slots=True)
class OwnPart:
    """What a service has beyond the contract, and how much of it the run could try."""

    operations: int
    """How many operations are its own."""
    not_proven: tuple[NotProven, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """One finished case, for a progress display."""

    check: str
    group: str
    passed: bool
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class RunResult:
    """A whole run."""

    target: str
    """The project's name, or the URL."""
    stack: str | None
    answers: Mapping[str, object]
    servers: Mapping[str, str]
    """Versions of the servers that took part, such as `postgresql: 15.18`."""
    checks: tuple[CheckResult, ...]
    duration: float
    own: OwnPart | None = None
    """Nothing where no check of the service's own part ran."""

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many checks ended in each outcome."""
        found = Counter(check.outcome for check in self.checks)
        return {outcome: found[outcome] for outcome in Outcome}

    @property
    def ok(self) -> bool:
        """Whether something ran and nothing failed."""
        return self.counts[Outcome.FAILED] == 0 and self.counts[Outcome.PASSED] > 0


def junit(result: RunResult) -> str:
    """The run in the JUnit XML form that CI systems read.

    Checks that do not apply are left out: a skipped test reads as an omission there, and none was made.
    """
    counts = result.counts
    suite = ET.Element(
        "testsuite",
        name=f"scaffold verify {result.target}",
        tests=str(counts[Outcome.PASSED] + counts[Outcome.FAILED] + counts[Outcome.UNTESTED]),
        failures=str(counts[Outcome.FAILED]),
        skipped=str(counts[Outcome.UNTESTED]),
        time=f"{result.duration:.3f}",
    )
    for check in result.checks:
        if check.outcome is Outcome.NOT_APPLICABLE:
            continue
        case = ET.SubElement(
            suite,
            "testcase",
            classname=check.group,
            name=f"{check.id} {check.sentence}",
            time=f"{check.duration:.3f}",
        )
        if check.outcome is Outcome.FAILED:
            ET.SubElement(case, "failure", message=check.source).text = _xml_text(check.report or "")
        elif check.outcome is Outcome.UNTESTED:
            ET.SubElement(case, "skipped", message=check.reason or "")
    return ET.tostring(suite, encoding="unicode", xml_declaration=True)


def _xml_text(text: str) -> str:
    """Replace what XML 1.0 cannot hold (reports quote hostile replies)."""
    return "".join(
        c if c in "\n\t" or " " <= c < "\ud800" or "\ue000" <= c <= "\ufffd" else "\N{REPLACEMENT CHARACTER}"
        for c in text
    )
