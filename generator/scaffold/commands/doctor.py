"""`scaffold doctor`: what this machine lacks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaffold.commands.options import AnyTemplate, Json, Stack
from scaffold.console import Console
from scaffold.errors import MissingToolError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType

    from scaffold.commands.results import DoctorResult
    from scaffold.toolchain import Diagnosis, Tool

_STYLES = {"ok": "green", "old": "yellow", "missing": "red"}


def doctor(
    context: typer.Context,
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="A project; only what its answers need is looked for.")
    ] = None,
    *,
    stack: Stack = None,
    json: Json = False,  # noqa: ARG001 - the console knows
    template: AnyTemplate = None,
) -> None:
    """Show which programs a stack needs, which are here, and how to get the others.

    Exit code 5 says that one is missing without which the project cannot be worked on. Database and
    cache servers are only needed by `scaffold verify`, which starts its own.
    """
    from scaffold import toolchain
    from scaffold.project import find_project
    from scaffold.source import find_source, project_source

    console: Console = context.obj
    templates, answers = None, None
    if path is not None:
        found = find_project(path)
        if stack not in {None, found.stack}:
            message = f'{path} is a project of the stack "{found.stack}", not "{stack}"'
            raise UsageError(message, hint="name a project or a stack, not both")
        templates, stack, answers = project_source(found, template), found.stack, found.answers
    with console.progress("Looking for tools"):
        diagnoses = toolchain.diagnose(templates or find_source(template), stack, answers)
    lacking = {tool.name: tool for diagnosis in diagnoses for tool in diagnosis.lacking}
    failure = None
    if lacking:
        failure = MissingToolError(
            f"missing or too old: {', '.join(lacking)}",
            hint="; ".join(tool.install for tool in lacking.values()),
        )
    console.show("doctor", lambda: _as_json(diagnoses), lambda: _text(diagnoses), failure=failure)
    if failure is not None:
        raise typer.Exit(failure.exit_code)


def _as_json(diagnoses: Sequence[Diagnosis]) -> DoctorResult:
    return {
        "stacks": [
            {
                "name": diagnosis.stack,
                "tools": [
                    {
                        "name": tool.name,
                        "reason": tool.reason,
                        "needed_for": tool.needed_for,
                        "options": list(tool.options),
                        "needed": tool.needed,
                        "found": tool.found,
                        "path": str(tool.path) if tool.path else None,
                        "state": tool.state,
                        "install": tool.install,
                    }
                    for tool in diagnosis.tools
                ],
            }
            for diagnosis in diagnoses
        ]
    }


def _text(diagnoses: Sequence[Diagnosis]) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    for diagnosis in diagnoses:
        table = Table(title=diagnosis.stack, title_justify="left", title_style="bold", box=None, header_style="dim")
        for title in ("tool", "needed", "found", "for"):
            table.add_column(title, overflow="fold")
        for tool in diagnosis.tools:
            found = tool.found or "missing"
            note = f" (older than {tool.needed})" if tool.state == "old" else ""
            table.add_row(
                Text(tool.name),
                Text(f"{tool.needed} or newer"),
                Text(found + note, _STYLES[tool.state]),
                Text(_purpose(tool)),
            )
        yield table
        for tool in diagnosis.tools:
            if tool.state != "ok":
                yield Text(f"  {tool.name}: {tool.install}")


def _purpose(tool: Tool) -> str:
    with_options = f" with {', '.join(tool.options)}" if tool.options else ""
    return f"scaffold verify{with_options} only" if tool.needed_for == "verify" else f"{tool.reason}{with_options}"
