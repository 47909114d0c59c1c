"""The reviewer's checklist: twelve questions about a service, each answered by the groups that are about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from scaffold.conformance.discovery import load_checks
from scaffold.conformance.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaffold.conformance.results import CheckResult

Verdict = Literal["yes", "no", "partly", "not tested"]

QUESTIONS: tuple[tuple[str, frozenset[str]], ...] = (
    (
        "Do the endpoints follow REST?",
        frozenset({"rest", "pagination", "own_operations", "own_resources", "own_lists"}),
    ),
    ("Are errors handled consistently?", frozenset({"errors", "faults"})),
    ("Is input validated?", frozenset({"validation", "media"})),
    (
        "Are authentication and authorization right?",
        frozenset({"authentication", "authorization", "sessions", "jwt", "passwords", "api_keys"}),
    ),
    ("Is there no injection or other known weakness?", frozenset({"injection", "headers", "limits", "protocol"})),
    ("Are there no N+1 queries?", frozenset({"n_plus_one"})),
    ("Are there transactions where they are needed?", frozenset({"transactions", "idempotency"})),
    ("Do status codes fit?", frozenset({"rest", "openapi"})),
    ("Is enough logged?", frozenset({"logs", "metrics", "traces"})),
    ("Are settings separate from code and per environment?", frozenset({"settings", "project_layout"})),
    ("Are database connections used efficiently?", frozenset({"faults", "lifecycle", "database_schema"})),
    ("Is there caching where it is needed?", frozenset({"conditional"})),
)
"""Each question, and the groups whose checks answer it; every group answers at least one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of the list and what the run says to it."""

    question: str
    verdict: Verdict
    passed: int
    failed: int


def answers(checks: Sequence[CheckResult]) -> tuple[Answer, ...]:
    """Answer the list from a run's checks.

    "yes" needs every check that applies to have passed; one that a run could not test makes it "partly". A run of
    some checks only answers nothing.
    """
    if {check.id for check in checks} != {check.id for check in load_checks()}:
        return ()
    return tuple(
        _answer(question, [check for check in checks if check.group in groups]) for question, groups in QUESTIONS
    )


def _answer(question: str, checks: Sequence[CheckResult]) -> Answer:
    counts = Counter(check.outcome for check in checks)
    passed, failed = counts[Outcome.PASSED], counts[Outcome.FAILED]
    verdict: Verdict = "yes" if passed else "not tested"
    if failed:
        verdict = "no"
    elif passed and counts[Outcome.UNTESTED]:
        verdict = "partly"
    return Answer(question, verdict, passed, failed)
