"""The pytest plugin of the suite: which checks run where, and what becomes of them.

pytest runs in processes of its own; the one that controls them writes each event as a line of JSON to the
file descriptor that `EVENTS` names.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadScopeScheduling

from scaffold.conformance import registry
from scaffold.conformance.discovery import load_checks
from scaffold.conformance.errors import NoServiceError
from scaffold.conformance.expect import Mismatch
from scaffold.conformance.falsifying import load
from scaffold.conformance.fixtures import FALSIFIER, RECORDER
from scaffold.conformance.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Generator

    from xdist.remote import Producer

EVENTS = "SCAFFOLD_SUITE_EVENTS"
_REPORT = "report"
_CHECK = "check"
_NOT_APPLICABLE = "not_applicable"


def pytest_configure(config: pytest.Config) -> None:
    """Learn what to run."""
    plan = Plan.read()
    config.stash[_SELECTED] = set(plan.selected)
    config.stash[FALSIFIER] = load(plan.falsifier)


_SELECTED: pytest.StashKey[set[str]] = pytest.StashKey()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the selected checks, those first that take longest, so that none is left over at the end."""
    kept: list[pytest.Item] = []
    for item in items:
        check = _check(item)
        if check.id in config.stash[_SELECTED]:
            item.user_properties.append((_CHECK, check.id))
            kept.append(item)
    items[:] = _longest_scopes_first(kept)


def _longest_scopes_first(items: list[pytest.Item]) -> list[pytest.Item]:
    """The checks of each scope together, as they share services, in the order of the scopes' longest checks."""
    scopes: dict[str, list[pytest.Item]] = {}
    for item in items:
        scopes.setdefault(_check(item).scope, []).append(item)
    ordered = sorted(scopes.values(), key=lambda scope: max(map(_rank, scope)), reverse=True)
    return [item for scope in ordered for item in scope]


def _rank(item: pytest.Item) -> int:
    """How long a check may take, roughly."""
    check = _check(item)
    return 2 * check.long + ("process" in check.needs)


def _check(item: pytest.Item) -> registry.Check:
    check = registry.of(getattr(item, "function", None))
    if check is None:
        message = f"{item.nodeid} has no @check"
        raise pytest.UsageError(message)
    return check


class _SharingScheduler(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Gives checks that share services to one process.

    By what the register says, as xdist's own groups are told through node ids, which some releases of
    pytest keep from being changed (pytest-dev/pytest-xdist#1386).
    """

    def __init__(self, config: pytest.Config, log: Producer) -> None:
        super().__init__(config, log)
        self._scopes = {(check.group, check.function): check.scope for check in load_checks()}

    def _split_scope(self, nodeid: str) -> str:
        module, _, case = nodeid.partition("::")
        return self._scopes[Path(module).stem, case.partition("[")[0]]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Tell which process runs which checks."""
    return _SharingScheduler(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Tell the falsifier which check comes, before its fixtures start services."""
    check = registry.of(getattr(item, "function", None))
    if check is not None:
        item.config.stash[FALSIFIER].begin(check.id)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn skips into failures, and write the report that a service's owner reads."""
    report = yield
    if call.excinfo is not None and isinstance(call.excinfo.value, registry.NotApplicableError):
        report.outcome = "passed"
        report.user_properties.append((_NOT_APPLICABLE, str(call.excinfo.value)))
    elif report.skipped or hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.user_properties.append((_REPORT, f"skipped, which counts as a failure: {report.longreprtext}"))
    elif report.failed and call.excinfo is not None:
        report.user_properties.append((_REPORT, _describe(item, call.excinfo)))
        if isinstance(call.excinfo.value, NoServiceError):
            report.user_properties.append(("start_error", [call.excinfo.value.message, call.excinfo.value.hint]))
    return report


class Reporter:
    """Writes events; runs only in the process that controls the others."""

    def __init__(self, descriptor: int) -> None:
        """Write to an inherited file descriptor."""
        self._file = os.fdopen(descriptor, "w", buffering=1, encoding="utf-8")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Tell how many cases there are (with several processes: `xdist` tells)."""
        if session.items:
            self._write(event="collected", total=len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: list[str]) -> None:
        """Tell how many cases there are."""
        del node
        self._write(event="collected", total=len(ids))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Tell what became of a phase of a case."""
        if report.when != "call" and report.passed and report.when != "teardown":
            return
        properties: dict[str, Any] = dict(report.user_properties)
        self._write(
            event="case",
            check=properties.get(_CHECK),
            case=report.nodeid.partition("[")[2].rpartition("]")[0],
            phase=report.when,
            passed=report.passed,
            duration=report.duration,
            report=properties.get(_REPORT) if report.failed else None,
            not_applicable=properties.get(_NOT_APPLICABLE),
            start_error=properties.get("start_error"),
        )

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Tell of a module that cannot be imported."""
        if report.failed:
            self._write(event="broken", report=report.longreprtext)

    def _write(self, **event: object) -> None:
        self._file.write(json.dumps(event) + "\n")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Report from the controlling process alone."""
    if hasattr(session.config, "workerinput"):
        return
    session.config.pluginmanager.register(Reporter(int(os.environ[EVENTS])), "scaffold-reporter")


def _describe(item: pytest.Item, failure: pytest.ExceptionInfo[BaseException]) -> str:
    error = failure.value
    entry = failure.traceback[-1]
    for candidate in reversed(failure.traceback):
        if "conformance/checks" in str(candidate.path):
            entry = candidate
            break
    where = f"{Path(entry.path).name}:{entry.lineno + 1}"
    if isinstance(error, AssertionError):
        message = str(error).removeprefix("AssertionError: ")
    else:
        message = f"{type(error).__name__}: {error}"
    parts = [f"{message}\n(at {where})"]
    if isinstance(error, Mismatch) and error.replies:
        parts += [reply.describe() for reply in error.replies]
    elif RECORDER in item.stash:
        parts.append(item.stash[RECORDER].describe())
    return "\n\n".join(part for part in parts if part)
