from __future__ import annotations

import pytest

from scaffold.conformance import checklist, registry
from scaffold.conformance.results import CheckResult, Outcome


def _check(group: str, outcome: Outcome) -> CheckResult:
    return CheckResult("X1", group, "It is so.", "RFC 1", outcome)


def test_every_group_answers_a_question() -> None:
    asked = frozenset[str]().union(*(groups for _, groups in checklist.QUESTIONS))
    assert asked == {check.group for check in registry.load_checks()}


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([Outcome.PASSED], "yes"),
        ([Outcome.PASSED, Outcome.NOT_APPLICABLE], "yes"),
        ([Outcome.PASSED, Outcome.FAILED], "no"),
        ([Outcome.PASSED, Outcome.UNTESTED], "partly"),
        ([Outcome.UNTESTED], "not tested"),
        ([], "not tested"),
    ],
)
def test_verdict(outcomes: list[Outcome], verdict: str) -> None:
    answers = checklist.answers([_check("conditional", outcome) for outcome in outcomes])
    assert answers[-1].verdict == verdict
    assert len(answers) == 12
