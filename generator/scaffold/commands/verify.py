"""`scaffold verify`: drive the contract against a running service."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaffold.commands.options import AnyTemplate, Json
from scaffold.console import Console
from scaffold.errors import MissingToolError, ScaffoldError, UsageError, WriteFailedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import RenderableType

    from scaffold.commands.results import VerifyResult
    from scaffold.conformance import Credentials, Progress, RunResult
    from scaffold.evidence import Group
    from scaffold.project import Project


class ChecksFailedError(ScaffoldError):
    """The service breaks the contract."""

    code = "checks-failed"


class BuildFailedError(ScaffoldError):
    """The project cannot be built, so that there is nothing to test."""

    code = "build-failed"


class NothingRanError(ScaffoldError):
    """Not one check could run, which proves nothing."""

    code = "nothing-ran"


def verify(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A project; its service is started and stopped.")
    ] = None,
    *,
    url: Annotated[
        str | None, typer.Option("--url", metavar="URL", help="A service that runs already, instead of a project.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="GROUP|ID", help="Run one group or check; repeat it.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="How many checks run side by side, each on a service of its own."),
    ] = None,
    pgbouncer: Annotated[
        bool,
        typer.Option("--pgbouncer", help="Put PgBouncer, in transaction mode, between the service and PostgreSQL."),
    ] = False,
    admin: Annotated[
        str | None,
        typer.Option(
            "--admin", metavar="EMAIL", help="With --url: an administrator; the password is in SCAFFOLD_ADMIN_PASSWORD."
        ),
    ] = None,
    admin_password: Annotated[str | None, typer.Option(envvar="SCAFFOLD_ADMIN_PASSWORD", hidden=True)] = None,
    metrics_token: Annotated[
        str | None, typer.Option(envvar="SCAFFOLD_METRICS_TOKEN", hidden=True, help="With --url: the metrics token.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results in JUnit's form as well.")
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", hidden=True, help="File of evidence to enter the run in.")
    ] = None,
    json: Json = False,  # noqa: ARG001 - the console knows
    template: AnyTemplate = None,
) -> None:
    """Build a project, start its service, attack it, and tell which rules of the contract it breaks.

    With --url the service is not started, and what cannot be tested from outside is listed as untested.
    """
    import gc

    console: Console = context.obj
    gc.enable()  # a run takes minutes
    _check_usage(path, url, only, record)
    from scaffold.project import find_project

    project = find_project(path) if path is not None else None
    result = _run(
        console,
        project.root if project is not None else None,
        templates=_templates(project, template),
        url=url,
        only=only or (),
        workers=workers,
        pooled=pgbouncer,
        admin=_credentials(admin, admin_password),
        metrics_token=metrics_token,
    )
    if junit is not None:
        _write_junit(junit, result)
    failure = _failure(result)
    if record is not None:
        _record(record, result, template)
    console.show("verify", lambda: _as_json(result), lambda: _text(result), failure=failure)
    if failure is not None:
        raise typer.Exit(failure.exit_code)


def _check_usage(path: Path | None, url: str | None, only: list[str] | None, record: Path | None) -> None:
    if (path is None) == (url is None):
        message = "verify needs a project or the URL of a running service, and only one of them"
        raise UsageError(message, hint="scaffold verify PATH, or scaffold verify --url URL")
    if record is not None and (url is not None or any(map(str.isdigit, "".join(only or ())))):
        message = "--record is for a run on a project, of all checks or of whole groups"
        raise UsageError(message, hint="leave --url out, and name no single checks")


def _credentials(email: str | None, password: str | None) -> Credentials | None:
    if email is None:
        return None
    if not password:
        message = "--admin needs the password in the environment variable SCAFFOLD_ADMIN_PASSWORD"
        raise UsageError(message, hint="a password on the command line would be seen by everybody on the machine")
    from scaffold.conformance import Credentials

    return Credentials(email, password)


def _templates(project: Project | None, template: str | None) -> Path:
    """Return the templates of a project: the contract and the stacks of a fork are its own."""
    from scaffold.source import find_source, project_source

    if project is not None and project.origin:
        return project_source(project, template).root
    return find_source(template).root


def _build(console: Console, root: Path) -> None:
    """Build what the Procfile starts, so that the current sources are tested and not an older build.

    Raises:
        MissingToolError: There is no make.
        BuildFailedError: The project's own `make build` fails.
    """
    import subprocess

    from scaffold.vcs.git import environment_for_programs

    with console.progress("Building"):
        try:
            done = subprocess.run(
                ["make", "--no-print-directory", "build"],  # noqa: S607 - the user's own make is meant
                cwd=root,
                env=environment_for_programs(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="backslashreplace",
                check=False,
            )
        except FileNotFoundError as error:
            message = "make is not installed, and the project is built by `make build`"
            raise MissingToolError(message, hint="install make") from error
    if done.returncode != 0:
        console.note(done.stdout.rstrip())
        message = f"`make build` fails in {root}"
        raise BuildFailedError(message, hint="see what it says above; a new project needs `make setup` first")


def _run(console: Console, root: Path | None, **arguments: Any) -> RunResult:
    try:
        from scaffold import conformance
        from scaffold.conformance import session  # noqa: F401 - report missing packages before the build

        if root is not None:
            _build(console, root)
        if arguments["url"] is not None:
            conformance.reach(arguments["url"])
        with console.bar("Verifying") as advance:

            def show(progress: Progress) -> None:
                advance(progress.done, progress.total, progress.group)

            return conformance.run(root, progress=show, **arguments)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("scaffold"):
            raise
        message = f"verify needs packages that are not installed ({error.name})"
        raise MissingToolError(message, hint="pip install 'scaffold-stacks[verify]'") from error


def _failure(result: RunResult) -> ScaffoldError | None:
    if result.ok:
        return None
    failed = [check.id for check in result.checks if check.outcome == "failed"]
    if not failed:
        return NothingRanError("no check could run, which proves nothing", hint="see why each was left out")
    again = " ".join(f"--only {check}" for check in failed[:3])
    return ChecksFailedError(
        f"{len(failed)} of {len(failed) + _count(result, 'passed')} checks failed",
        hint=f"run them alone with {again}",
    )


def _write_junit(path: Path, result: RunResult) -> None:
    from scaffold.conformance.results import junit

    try:
        path.write_text(junit(result), encoding="utf-8")
    except OSError as error:
        raise WriteFailedError(path, error.strerror or str(error)) from error


def _record(path: Path, result: RunResult, template: str | None) -> None:
    from datetime import UTC, datetime

    from scaffold import evidence
    from scaffold.conformance import digests
    from scaffold.source import find_source

    templates = find_source(template)
    named = {"stack", "project_name", "package_name", "description", "author"}
    answers = {key: value for key, value in result.answers.items() if key not in named and not key.startswith("_")}
    evidence.record(
        path,
        evidence.Row(
            answers=answers,
            groups=_groups(result),
            seconds=result.duration,
            servers=result.servers,
            date=datetime.now(UTC).date().isoformat(),
            version=templates.version,
            digest=evidence.digest(templates, str(result.stack)),
            rendered=evidence.rendered_digest(templates, str(result.stack), answers),
            suite=digests.rest(),
        ),
    )
    evidence.renew(path, templates, str(result.stack))


def _groups(result: RunResult) -> Mapping[str, Group]:
    from scaffold.conformance import digests
    from scaffold.evidence import Group

    counts = Counter((check.group, str(check.outcome)) for check in result.checks)
    of_suite = digests.groups()
    return {
        name: Group(
            passed=counts[name, "passed"],
            failed=counts[name, "failed"],
            not_applicable=counts[name, "not_applicable"],
            digest=of_suite[name],
        )
        for name in sorted({check.group for check in result.checks})
    }


def _count(result: RunResult, outcome: str) -> int:
    return sum(check.outcome == outcome for check in result.checks)


def _as_json(result: RunResult) -> VerifyResult:
    from scaffold.conformance import checklist

    return {
        "target": result.target,
        "stack": result.stack,
        "answers": dict(result.answers),
        "servers": dict(result.servers),
        "seconds": round(result.duration, 3),
        "counts": {
            "passed": _count(result, "passed"),
            "failed": _count(result, "failed"),
            "not_applicable": _count(result, "not_applicable"),
            "untested": _count(result, "untested"),
        },
        "checklist": [
            {"question": answer.question, "verdict": answer.verdict, "passed": answer.passed, "failed": answer.failed}
            for answer in checklist.answers(result.checks)
        ],
        "own": {
            "operations": result.own.operations,
            "not_proven": [{"operation": each.operation, "reason": each.reason} for each in result.own.not_proven],
        }
        if result.own
        else None,
        "checks": [
            {
                "id": check.id,
                "group": check.group,
                "sentence": check.sentence,
                "source": check.source,
                "outcome": check.outcome,
                "cases": check.cases,
                "seconds": round(check.duration, 3),
                "reason": check.reason,
                "report": check.report,
            }
            for check in result.checks
        ],
    }


def _text(result: RunResult) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    for check in result.checks:
        if check.outcome == "failed":
            yield Text.assemble(
                ("failed", "bold red"), f" {check.id}  {check.sentence}", (f"  [{check.source}]", "dim")
            )
            yield Text(_indented(check.report or check.reason or ""))
    for check in result.checks:
        if check.outcome == "untested":
            yield Text(f"untested {check.id}: {check.reason}")
    outcomes = ("passed", "failed", "not_applicable", "untested")
    table = Table(box=None, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("group")
    for outcome in outcomes:
        table.add_column(outcome.replace("_", " "), justify="right")
    for group in dict.fromkeys(check.group for check in result.checks):
        here = [check.outcome for check in result.checks if check.group == group]
        table.add_row(group, *(str(sum(each == outcome for each in here) or "") for outcome in outcomes))
    table.add_row("all", *(str(_count(result, outcome)) for outcome in outcomes), style="bold")
    yield table
    yield from _checklist(result)
    yield from _own(result)
    servers = "".join(f", {name} {version}" for name, version in sorted(result.servers.items()))
    yield Text(f"{result.target}: {result.duration:.0f} s{servers}")


def _checklist(result: RunResult) -> Iterator[RenderableType]:
    from rich.text import Text

    from scaffold.conformance import checklist

    styles = {"yes": "green", "no": "bold red"}
    yield ""
    for number, answer in enumerate(checklist.answers(result.checks), 1):
        counted = f"  {answer.failed} of {answer.passed + answer.failed} checks failed" if answer.failed else ""
        verdict = (answer.verdict, styles.get(answer.verdict, "yellow"))
        yield Text.assemble(f"{number:2}  {answer.question} ", verdict, counted)
    yield ""


def _own(result: RunResult) -> Iterator[RenderableType]:
    from rich.text import Text

    if result.own is None or not result.own.operations:
        return
    missing = result.own.not_proven
    proven = result.own.operations - len({each.operation for each in missing})
    yield Text(f"own operations: {result.own.operations}, of which {proven} wholly proven")
    for each in missing:
        yield Text.assemble(("not proven", "yellow"), f" {each.operation}: {each.reason}")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
