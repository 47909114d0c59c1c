"""`scaffold diff`: what the user changed, or what the template did."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaffold.commands.options import Json, named
from scaffold.console import Console
from scaffold.errors import AnswerError, ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from scaffold.commands.results import DiffResult
    from scaffold.drift import Drift, File
    from scaffold.project import Project


def diff(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A project.")] = Path(),
    *,
    of_template: Annotated[
        bool, typer.Option("--template", help="Show what the template has changed since, not what you have.")
    ] = False,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="With --template: up to that version, not the newest."),
    ] = None,
    place: Annotated[
        str | None,
        typer.Option(
            "--from",
            envvar="SCAFFOLD_TEMPLATE",
            metavar="URL|PATH",
            help="Where the templates are, if not where the project says.",
        ),
    ] = None,
    stat: Annotated[bool, typer.Option("--stat", help="Show only which files, and how many lines.")] = False,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 4 if files drifted; with --template, with 2 if it changed.")
    ] = False,
    json: Json = False,  # noqa: ARG001 - the console knows
) -> None:
    """Show what you have changed against what was rendered, as a patch.

    Everything that is on disk counts, committed or not, except what git ignores.
    """
    from scaffold import drift
    from scaffold.updating import workflow

    console: Console = context.obj
    if to is not None and not of_template:
        message = "--to is about the template"
        raise UsageError(message, hint="scaffold diff --template --to VERSION")
    with console.progress("Comparing"):
        root = workflow.find(path)
        if of_template:
            found = _of_template(root, to, place if named(context, "place") else None, place)
        else:
            found = drift.of_project(root, place, patch=True)
    code = ExitCode.DONE
    if exit_code and (found.drifted or (of_template and found.patch)):
        code = ExitCode.UPDATE if of_template else ExitCode.DRIFT
    console.show("diff", lambda: _as_json(found), lambda: _stat(found) if stat else [found.patch], exit_code=code)
    if code:
        raise typer.Exit(code)


def _of_template(root: Project, to: str | None, template: str | None, otherwise: str | None) -> Drift:
    from scaffold import drift

    try:
        return drift.of_template(root, to, template, otherwise)
    except AnswerError as error:
        # A diff uses the project's own answers; only an update can try others.
        error.hint = f"scaffold update -d {error.key}=… --dry-run shows what another answer would bring"
        raise


def _as_json(found: Drift) -> DiffResult:
    return {
        "old": found.old,
        "new": found.new,
        "files": [
            {
                "path": file.path,
                "state": file.state,
                "was": file.was,
                "added": file.added,
                "deleted": file.deleted,
            }
            for file in found.files
        ],
        "patch": found.patch.decode(errors="replace"),
    }


def _stat(found: Drift) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    changed = [file for file in found.files if file.state != "untouched"]
    for file in changed:
        table.add_row(Text(file.state), Text(_name(file)), Text(_lines(file)))
    if changed:
        yield table
    untouched = len(found.files) - len(changed)
    yield Text(f"{len(changed)} files differ, {untouched} do not ({found.old} against {found.new})")


def _name(file: File) -> str:
    return f"{file.was} -> {file.path}" if file.was else file.path


def _lines(file: File) -> str:
    return "binary" if file.added is None or file.deleted is None else f"+{file.added} -{file.deleted}"
