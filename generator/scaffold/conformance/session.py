"""A run of the suite: selects checks, starts servers, lets pytest run in processes of its own, gathers results."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.conformance import observing
from scaffold.conformance.contract import TEMPLATES
from scaffold.conformance.discovery import CHECKS, load_checks
from scaffold.conformance.errors import ConformanceError, StartError, UnknownCheckError
from scaffold.conformance.keys import SigningKey
from scaffold.conformance.own import proofs
from scaffold.conformance.plan import PLAN, Plan
from scaffold.conformance.plugin import EVENTS
from scaffold.conformance.process import die_with_parent
from scaffold.conformance.project import Project
from scaffold.conformance.registry import MEANS, Check
from scaffold.conformance.results import CheckResult, Credentials, Outcome, Progress, RunResult
from scaffold.conformance.servers.mariadb import mariadb
from scaffold.conformance.servers.pgbouncer import pgbouncer
from scaffold.conformance.servers.postgresql import postgresql
from scaffold.conformance.servers.redis import redis_server
from scaffold.errors import closest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scaffold.conformance.servers import Server

_DEFAULT_ANSWERS: Mapping[str, object] = {"database": "sqlite", "redis": False, "sample": True}
_PYTEST_DONE = (0, 1)


def run_session(  # noqa: PLR0913 - as `scaffold.conformance.run`
    *,
    project: Path | None,
    url: str | None,
    only: Sequence[str],
    answers: Mapping[str, object] | None,
    admin: Credentials | None,
    metrics_token: str | None,
    workers: int | None,
    pooled: bool,
    templates: Path | None,
    falsifier: str | None,
    progress: Callable[[Progress], None] | None,
) -> RunResult:
    """Do what `scaffold.conformance.run` documents."""
    started = time.monotonic()
    if (project is None) == (url is None):
        message = "a run needs either a project or a URL"
        raise ConformanceError(message)
    target = Project.read(project) if project is not None else None
    known = dict(target.answers if target is not None else _DEFAULT_ANSWERS) | dict(answers or {})
    if pooled and (target is None or known.get("database") != "postgresql"):
        message = "PgBouncer stands before PostgreSQL only"
        raise ConformanceError(message, hint="Leave out --pgbouncer, or verify a project with database=postgresql.")
    means = available_means(target, known, admin=admin, metrics_token=metrics_token)
    chosen = select(load_checks(), only)
    runnable = [check for check in chosen if not check.left_out(known) and not check.untestable(means)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(_scratch()))
        servers = (
            {server.kind: server for server in _servers(stack, known, pooled=pooled)} if target and runnable else {}
        )
        plan = Plan(
            folder=str(folder),
            answers=known,
            selected=tuple(check.id for check in runnable),
            project=str(target.folder) if target is not None else None,
            url=url.rstrip("/") if url is not None else None,
            admin=admin,
            metrics_token=metrics_token,
            signing_key=SigningKey.generate().pem if target is not None else None,
            servers=servers,
            templates=str(templates.absolute()) if templates is not None else None,
            falsifier=falsifier,
        )
        found = _Gathered()
        if runnable:
            # Checks wait as often as they work.
            count = workers if workers is not None else min((os.cpu_count() or 1) + 1, _MOST_WORKERS)
            _run_pytest(plan, runnable, 1 if url is not None else count, found, progress)
        own = proofs.read(folder)
        for check, faults in observing.merged(folder).items():
            found.observed(check, faults)
    return RunResult(
        target=target.name if target is not None else str(url),
        stack=target.stack if target is not None else None,
        answers=known,
        servers={name: server.version for name, server in servers.items()},
        checks=tuple(found.result(check, check.left_out(known), check.untestable(means)) for check in chosen),
        duration=time.monotonic() - started,
        own=own,
    )


def available_means(
    project: Project | None,
    answers: Mapping[str, object],
    *,
    admin: Credentials | None,
    metrics_token: str | None,
) -> frozenset[str]:
    """The means that a run has."""
    if project is None:
        extra = {"http", "raw"}
        if admin is not None:
            extra.add("admin")
        if metrics_token is not None:
            extra.add("metrics_token")
        return frozenset(extra)
    return frozenset(MEANS) - (frozenset() if answers.get("redis") else {"redis"})


def select(checks: Sequence[Check], only: Sequence[str]) -> list[Check]:
    """The checks that `only` names, by group or id; all for none.

    Raises:
        UnknownCheckError: A name is neither.
    """
    if not only:
        return list(checks)
    ids = {check.id.lower(): check.id for check in checks}
    groups = {check.group for check in checks}
    wanted: set[str] = set()
    for name in only:
        group = name.lower().replace("-", "_").replace(" ", "_")
        if name.lower() in ids:
            wanted.add(ids[name.lower()])
        elif group in groups:
            wanted |= {check.id for check in checks if check.group == group}
        else:
            guess = closest(name, [*sorted(groups), *ids.values()])
            message = f'there is no check and no group "{name}"'
            hint = f'did you mean "{guess}"? ' if guess else ""
            raise UnknownCheckError(message, hint=f"{hint}(groups: {', '.join(sorted(groups))})")
    return [check for check in checks if check.id in wanted]


@dataclass
class _Gathered:
    """Events of the run, summed up by check."""

    cases: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    durations: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    failures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    empty: dict[str, str] = field(default_factory=dict)
    """Checks that found nothing that they are about, with the reason."""
    total: int = 0
    done: int = 0

    def case(self, event: Mapping[str, object]) -> None:
        """Take one phase of one case."""
        check = str(event["check"])
        self.durations[check] += float(str(event["duration"]))
        if event["phase"] == "teardown":
            self.done += 1
        if event["phase"] == "call":
            self.cases[check] += 1
        if event["not_applicable"]:
            self.empty[check] = str(event["not_applicable"])
        if not event["passed"]:
            case = f"[{event['case']}] " if event["case"] else ""
            phase = "" if event["phase"] == "call" else f"({event['phase']}) "
            self.failures[check].append(f"{case}{phase}{event['report']}")

    def observed(self, check: str, faults: Sequence[str]) -> None:
        """Take what was seen over the whole run; counts only where the check itself ran."""
        if self.cases[check] and faults:
            self.failures[check].append("seen during the run:\n" + "\n\n".join(faults[:10]))

    def result(self, check: Check, left_out: str | None, untestable: str | None) -> CheckResult:
        """The result of one check."""
        outcome, reason = Outcome.PASSED, None
        failures = self.failures[check.id]
        if left_out is not None:
            outcome, reason = Outcome.NOT_APPLICABLE, left_out
        elif untestable is not None:
            outcome, reason = Outcome.UNTESTED, untestable
        elif failures:
            outcome = Outcome.FAILED
        elif check.id in self.empty:
            outcome, reason = Outcome.NOT_APPLICABLE, self.empty[check.id]
        elif not self.cases[check.id]:
            outcome, failures = Outcome.FAILED, ["the check did not run"]
        shown = [
            *failures[:_SHOWN_CASES],
            *([f"... and {len(failures) - _SHOWN_CASES} more cases"] if len(failures) > _SHOWN_CASES else []),
        ]
        return CheckResult(
            id=check.id,
            group=check.group,
            sentence=check.sentence,
            source=check.source,
            outcome=outcome,
            cases=self.cases[check.id],
            duration=round(self.durations[check.id], 3),
            reason=reason,
            report="\n\n".join(shown) if outcome is Outcome.FAILED else None,
        )


_SHOWN_CASES = 5
_MOST_WORKERS = 8


def _run_pytest(
    plan: Plan, checks: Sequence[Check], workers: int, found: _Gathered, progress: Callable[[Progress], None] | None
) -> None:
    """Run pytest to its end, and take its events as they come."""
    scopes = {check.scope for check in checks}
    reading, writing = os.pipe()
    folder = Path(plan.folder)
    command = [sys.executable, "-m", "pytest", *_arguments(folder, checks, min(workers, len(scopes)))]
    environment = os.environ | {
        **({TEMPLATES: plan.templates} if plan.templates else {}),
        PLAN: str(plan.write()),
        EVENTS: str(writing),
        # Only the plugins that are named: what else is installed must not change a verdict.
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    environment.pop("PYTEST_ADDOPTS", None)
    groups_by_check = {check.id: check.group for check in checks}
    with (folder / "pytest.log").open("w+b") as log:
        process = subprocess.Popen(
            command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            pass_fds=(writing,), start_new_session=True, preexec_fn=die_with_parent,  # noqa: PLW1509 - takes no lock
        )  # fmt: skip
        os.close(writing)
        try:
            for event in _events(reading):
                _take(event, found, groups_by_check, progress)
            code = process.wait()
        except StartError:
            _end(process, patience=1.0)
            raise
        finally:
            _end(process, patience=10.0)
        if code not in _PYTEST_DONE:
            log.seek(0)
            message = f"the suite itself failed (pytest ended with {code})"
            raise ConformanceError(message, hint=log.read().decode("utf-8", "replace")[-4000:])


def _arguments(folder: Path, checks: Sequence[Check], workers: int) -> list[str]:
    modules = sorted({check.group for check in checks})
    arguments = [
        "-c", os.devnull, "--rootdir", str(CHECKS), "-q", "--tb=short", "-p", "no:cacheprovider",
        "-p", "scaffold.conformance.plugin", "-p", "scaffold.conformance.fixtures", "--basetemp", str(folder / "pytest"),
        "-o", "python_files=*.py", "-o", "python_functions=check_*", "-o", "xfail_strict=true",
        "--import-mode=importlib",
    ]  # fmt: skip
    if workers > 1:
        arguments += [
            "-p",
            "xdist",
            "-n",
            str(workers),
            "--dist",
            "loadscope",
            "--no-loadscope-reorder",
            "--maxprocesses",
            str(workers),
        ]
    return arguments + [str(CHECKS / f"{module}.py") for module in modules]


def _events(descriptor: int) -> Iterator[dict[str, object]]:
    with os.fdopen(descriptor, encoding="utf-8") as stream:
        for line in stream:
            yield json.loads(line)


def _take(
    event: dict[str, object],
    found: _Gathered,
    groups: Mapping[str, str],
    progress: Callable[[Progress], None] | None,
) -> None:
    if event["event"] == "collected":
        found.total = int(str(event["total"]))
    elif event["event"] == "broken":
        message = "a group of the suite cannot be loaded"
        raise ConformanceError(message, hint=str(event["report"]))
    elif event["event"] == "case":
        start_error = event["start_error"]
        if isinstance(start_error, list) and event["phase"] == "setup":
            raise StartError(str(start_error[0]), hint=str(start_error[1]))
        found.case(event)
        if progress is not None and event["phase"] == "call":
            check = str(event["check"])
            progress(Progress(check, groups[check], bool(event["passed"]), found.done + 1, found.total))


def _end(process: subprocess.Popen[bytes], *, patience: float) -> None:
    """Let pytest clean up (services, databases) if it still runs, then end whatever is left."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    # What remains of pytest's own processes; the services that they started die with them.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _scratch() -> Iterator[str]:
    folder = tempfile.mkdtemp(prefix="scaffold-verify-")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _servers(stack: ExitStack, answers: Mapping[str, object], *, pooled: bool) -> Iterator[Server]:
    if answers.get("database") == "postgresql":
        server = stack.enter_context(postgresql())
        yield stack.enter_context(pgbouncer(server)) if pooled else server
    elif answers.get("database") == "mysql":
        yield stack.enter_context(mariadb())
    if answers.get("redis"):
        yield stack.enter_context(redis_server())
