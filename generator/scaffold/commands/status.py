"""`scaffold status`: where a project stands."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaffold.commands.options import Json, OtherTemplate, named
from scaffold.console import Console
from scaffold.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from scaffold.commands.results import Reason, StatusResult
    from scaffold.errors import ScaffoldError
    from scaffold.status import Status


def status(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A project.")] = Path(),
    *,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 2 if there is an update, else with 4 if files drifted.")
    ] = False,
    json: Json = False,  # noqa: ARG001 - the console knows
    template: OtherTemplate = None,
) -> None:
    """Show the version of a project, the newest one, its options, and how far it is from what was rendered.

    Without a network, the newest version of a fork's repository is the newest that was ever used on this machine;
    --exit-code then fails with 1 unless even that is newer.
    """
    from scaffold import status
    from scaffold.updating import workflow

    console: Console = context.obj
    with console.progress("Comparing"):
        moved_to = template if named(context, "template") else None
        found = status.read_status(workflow.find(path), moved_to, template)
    code = _code(found) if exit_code else ExitCode.DONE
    failure = found.unreached if exit_code and not found.update_available else None
    if failure is not None:
        # Without the newest version, the exit code must not say that there is no update.
        code = failure.exit_code
    console.show("status", lambda: _as_json(found), lambda: _text(found, moved_to), failure=failure, exit_code=code)
    if code:
        raise typer.Exit(code)


def _code(found: Status) -> ExitCode:
    if found.update_available:
        return ExitCode.UPDATE
    return ExitCode.DRIFT if found.drift.drifted else ExitCode.DONE


def _as_json(found: Status) -> StatusResult:
    count = found.drift.count
    return {
        "path": str(found.root),
        "stack": found.stack,
        "origin": found.origin,
        "version": found.version,
        "newest": found.newest,
        "moves_to": found.moves_to,
        "unreached": _reason(found.unreached),
        "update_available": found.update_available,
        "options": dict(found.options),
        "drift": {
            "untouched": count("untouched"),
            "edited": count("edited"),
            "deleted": count("deleted"),
            "added": count("added"),
            "moved": count("moved"),
        },
        "drifted": [file.path for file in found.drift.drifted],
        "under_way": _reason(found.under_way),
    }


def _reason(error: ScaffoldError | None) -> Reason | None:
    return {"message": error.message, "hint": error.hint} if error else None


def _text(found: Status, template: str | None) -> Iterator[RenderableType]:
    from rich.text import Text

    from scaffold.drift import STATES
    from scaffold.questions.answers import as_line

    known = " known here" if found.unreached else ""
    newest, move = f"v{found.newest}", ""
    if found.moves_to is not None:
        newest, move = f"{newest} of {found.moves_to}", f" --template {shlex.quote(str(template))}"
    news = f"{newest} is available: scaffold update{move}" if found.update_available else f"the newest{known}"
    options = ", ".join(f"{key}={as_line(value)}" for key, value in found.options.items())
    drift = ", ".join(f"{found.drift.count(state)} {state}" for state in STATES if found.drift.count(state))
    yield Text.assemble(("version", "bold"), f"  v{found.version} of {found.origin} ({news})")
    if found.unreached:
        yield Text.assemble(("unreached", "bold yellow"), f"  {found.unreached.message}")
    yield Text.assemble(("options", "bold"), f"  {found.stack}: {options}")
    yield Text.assemble(("files", "bold"), f"    {drift}")
    if found.under_way:
        yield Text.assemble(("under way", "bold red"), f"  {found.under_way.message}: {found.under_way.hint}")
