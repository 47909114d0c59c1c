"""Every check can fail: a lie about an honest service is found by the check that is about it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from falsifications import FALSIFICATIONS, PROJECTS, UNFALSIFIED, chosen, rounds
from lies import Source
from own_lies import ON as OWN_PROJECT

from scaffold import conformance
from scaffold.conformance import Outcome
from scaffold.conformance.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """The processes that run checks import the lies by name."""
    monkeypatch.setenv("PYTHONPATH", str(HERE))


def _applicable(project: Path, checks: set[str]) -> set[str]:
    """Those of the checks that a project of these answers has."""
    answers = Project.read(project).answers
    return {check.id for check in conformance.catalogue() if check.id in checks and not check.left_out(answers)}


def test_every_check_has_a_falsification() -> None:
    falsified = {entry.check for entry in FALSIFICATIONS}
    checks = {check.id for check in conformance.catalogue()}
    assert checks - falsified == set(UNFALSIFIED), "a check needs a lie, or a reason why there is none"
    assert falsified - checks == set(), "a lie about a check that there is not"
    assert all(len(reason) > 20 for reason in UNFALSIFIED.values())
    assert {entry.on for entry in FALSIFICATIONS} == set(PROJECTS)


@pytest.mark.parametrize(("on", "number"), rounds())
def test_every_lie_is_found(honest_projects: Callable[[str], Path], on: str, number: int) -> None:
    project = honest_projects(on)
    lies = {entry.check: entry.name for entry in chosen(on, number)}
    assert _applicable(project, set(lies)) == set(lies), "a lie about a check that this project does not have"
    loose = [e.name for e in chosen(on, number) if isinstance(e.lie, Source) and not e.lie.fits(project)]
    assert loose == [], "what these replace is not in the source any more"
    answers = {"sample": False} if on == OWN_PROJECT else None
    result = conformance.run(project, only=sorted(lies), falsifier=f"by_check:ByCheck:{on}:{number}", answers=answers)
    told = {check.id: check for check in result.checks}
    believed = [
        f"{check}: {lie} -> {told[check].outcome}: {told[check].report or told[check].reason}"
        for check, lie in lies.items()
        if told[check].outcome is not Outcome.FAILED
    ]
    assert not believed, "\n".join(believed)
    early = {check.id: check.report for check in result.checks if "(setup)" in (check.report or "")}
    assert early == {}, "a lie that keeps a check from being run is not found by it"


def test_the_instruments_themselves_tell_no_lie(honest_project: Path) -> None:
    """With the same proxies and filters in place, and nothing changed, the same checks pass.

    One of each group, and all that send what no client library sends: there a proxy shows first.
    """
    told = {entry.check for entry in FALSIFICATIONS if entry.on == "sqlite"}
    checks = [check for check in conformance.catalogue() if check.id in told]
    first_of_group = {check.group: check.id for check in reversed(checks)}
    wanted = {*first_of_group.values(), *(check.id for check in checks if "raw" in check.needs)}
    result = conformance.run(honest_project, only=sorted(wanted), falsifier="by_check:Honest")
    outcomes = {check.id: check.report for check in result.checks if check.outcome is not Outcome.PASSED}
    assert outcomes == {}
