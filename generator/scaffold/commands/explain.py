"""`scaffold explain`: where a file of a project comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scaffold.commands.options import Json, LostTemplate
from scaffold.console import Console
from scaffold.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from scaffold.commands.results import ExplainResult
    from scaffold.provenance import Explanation


def explain(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A file of a project.")],
    *,
    json: Json = False,  # noqa: ARG001 - the console knows
    template: LostTemplate = None,
) -> None:
    """Show which template, answers and parts of the contract a file of a project comes from."""
    from scaffold import provenance
    from scaffold.project import find_project
    from scaffold.source import project_source

    console: Console = context.obj
    found = find_project(path)
    if path.is_dir():
        message = f"{path} is a folder"
        raise UsageError(message, hint="name a file of the project")
    explained = provenance.Explainer(project_source(found, template), found).explain(path)
    console.show("explain", lambda: _as_json(explained), lambda: _text(explained))


def _as_json(explained: Explanation) -> ExplainResult:
    return {
        "path": explained.path,
        "template": explained.template,
        "rendered": explained.rendered,
        "parts": list(explained.parts),
        "contract": list(explained.contract),
        "options": dict(explained.options),
        "condition": list(explained.condition),
        "made_with": explained.made_with,
        "explained_by": explained.explained_by,
    }


def _text(explained: Explanation) -> Iterator[RenderableType]:
    from rich.text import Text

    from scaffold.questions.answers import as_line

    how = "rendered from" if explained.rendered else "copied from"
    yield Text.assemble((explained.path, "bold"), f" is {how} {explained.template}")
    options = [f"{key}={as_line(value)}" for key, value in explained.options.items()]
    for label, entries in (
        ("with the parts", explained.parts),
        ("from the contract", explained.contract),
        ("by the answers", options),
        ("there at all because of", explained.condition),
    ):
        if entries:
            yield Text(f"  {label}: {', '.join(entries)}")
    if explained.made_with != explained.explained_by:
        yield Text(f"  as of {explained.explained_by}; the project was made with {explained.made_with}")
