"""Every check can fail: a lie about an honest service is found by the check that is about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from falsifications import FALSIFICATIONS, chosen, rounds

from scaffold import conformance
from scaffold.conformance import Outcome
from scaffold.conformance.project import Project

if TYPE_CHECKING:
    from scaffold.conformance import RunResult

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that run checks import the lies by name."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def _applicable(project: Path, checks: set[str]) -> set[str]:
    """Those of the checks that a project of these answers has."""
    answers = Project.read(project).answers
    return {check.id for check in conformance.catalogue() if check.id in checks and not check.left_out(answers)}


def _outcomes(result: RunResult) -> dict[str, Outcome]:
    return {check.id: check.outcome for check in result.checks if check.outcome is not Outcome.NOT_APPLICABLE}


def test_every_group_has_a_falsification() -> None:
    groups = {check.id: check.group for check in conformance.catalogue()}
    unknown = {entry.check for entry in FALSIFICATIONS} - groups.keys()
    assert not unknown
    assert {groups[entry.check] for entry in FALSIFICATIONS} == set(groups.values())


@pytest.mark.parametrize("number", range(rounds()))
def test_every_lie_is_found(honest_project: Path, number: int) -> None:
    lies = {entry.check: entry.name for entry in chosen(number)}
    wanted = _applicable(honest_project, set(lies))
    result = conformance.run(honest_project, only=sorted(wanted), falsifier=f"by_check:ByCheck:{number}")
    outcomes = _outcomes(result)
    for check in result.checks:
        # The table for people: `pytest -s tests/conformance`.
        print(f"{check.id}: {lies[check.id]} -> {check.outcome}: {(check.report or '').splitlines()[:1]}")  # noqa: T201
    believed = {check: lies[check] for check in wanted if outcomes[check] is not Outcome.FAILED}
    assert believed == {}


def test_the_instruments_themselves_tell_no_lie(honest_project: Path) -> None:
    """With the same proxies and filters in place, and nothing changed, the same checks pass."""
    groups = {check.id: check.group for check in conformance.catalogue()}
    first_of_group = {groups[entry.check]: entry.check for entry in reversed(FALSIFICATIONS)}
    wanted = _applicable(honest_project, set(first_of_group.values()))
    result = conformance.run(honest_project, only=sorted(wanted), falsifier="by_check:Honest")
    failed = {check.id: check.report for check in result.checks if check.outcome is Outcome.FAILED}
    assert failed == {}
