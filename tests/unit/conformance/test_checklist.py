from __future__ import annotations

import pytest

from scaffold.conformance import checklist
from scaffold.conformance.discovery import load_checks
from scaffold.conformance.results import CheckResult, Outcome


def _run(group: str, *outcomes: Outcome) -> list[CheckResult]:
    """A whole run, in which the checks of a group end in these outcomes in turn and all others pass."""
    found = []
    turn = 0
    for check in load_checks():
        outcome = Outcome.PASSED
        if check.group == group:
            outcome = outcomes[turn % len(outcomes)]
            turn += 1
        found.append(CheckResult(check.id, check.group, check.sentence, check.source, outcome))
    return found


def test_every_group_answers_a_question() -> None:
    asked = frozenset[str]().union(*(groups for _, groups in checklist.QUESTIONS))
    assert asked == {check.group for check in load_checks()}


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([Outcome.PASSED], "yes"),
        ([Outcome.PASSED, Outcome.NOT_APPLICABLE], "yes"),
        ([Outcome.PASSED, Outcome.FAILED], "no"),
        ([Outcome.PASSED, Outcome.UNTESTED], "partly"),
        ([Outcome.UNTESTED], "not tested"),
    ],
)
def test_verdict(outcomes: list[Outcome], verdict: str) -> None:
    answers = checklist.answers(_run("conditional", *outcomes))
    assert answers[-1].verdict == verdict
    assert len(answers) == 12


def test_a_part_of_a_run_answers_nothing() -> None:
    assert checklist.answers(_run("conditional", Outcome.PASSED)[:-1]) == ()
