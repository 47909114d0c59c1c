"""`scaffold list`: the stacks and options there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer  # noqa: TC002 - Typer reads the annotation

from scaffold.commands.options import Json, Template
from scaffold.console import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from scaffold.commands.results import EvidenceRow, ListResult
    from scaffold.evidence import JudgedRow
    from scaffold.listing import Overview


def list_stacks(
    context: typer.Context,
    *,
    json: Json = False,  # noqa: ARG001 - the console knows
    template: Template = None,
) -> None:
    """Show the stacks, their options, and what is proven of each.

    Proven means: the conformance suite passed on exactly these templates. What has changed since is stale.
    """
    from scaffold import listing
    from scaffold.source import find_source

    console: Console = context.obj
    found = listing.list_stacks(find_source(template))
    console.show("list", lambda: _as_json(found), lambda: _text(found))


def _as_json(found: Overview) -> ListResult:
    return {
        "origin": found.origin,
        "version": found.version,
        "stacks": [
            {
                "name": stack.name,
                "label": stack.label,
                "state": stack.state,
                "rows": [_row(row) for row in stack.rows],
                "options": [
                    {
                        "key": option.key,
                        "type": option.type,
                        "help": option.help,
                        "values": [{"value": value, "label": label} for value, label in option.values],
                        "default": option.default,
                        "derived_from": list(option.derived_from),
                    }
                    for option in stack.options
                ],
            }
            for stack in found.stacks
        ],
    }


def _row(judged: JudgedRow) -> EvidenceRow:
    row = judged.row
    return {
        "state": judged.state,
        "due": sorted(judged.due),
        "answers": dict(row.answers),
        "groups": {
            name: {
                "passed": group.passed,
                "failed": group.failed,
                "not_applicable": group.not_applicable,
                "digest": group.digest,
            }
            for name, group in row.groups.items()
        },
        "seconds": row.seconds,
        "servers": dict(row.servers),
        "date": row.date,
        "version": row.version,
        "digest": row.digest,
        "rendered": row.rendered,
        "suite": row.suite,
    }


def _text(found: Overview) -> Iterator[RenderableType]:
    from rich.table import Table
    from rich.text import Text

    from scaffold.questions.answers import as_line

    for stack in found.stacks:
        yield Text.assemble((stack.name, "bold"), f"  {stack.label}: {stack.state}")
        for row in stack.rows:
            answers = ", ".join(f"{key}={as_line(value)}" for key, value in row.answers.items())
            yield Text(f"  {row.state} with {answers}: {row.summary}")
        table = Table(box=None, padding=(0, 2, 0, 2), header_style="dim")
        for title in ("option", "values", "default", "what it is"):
            table.add_column(title, overflow="fold")
        for option in stack.options:
            table.add_row(
                Text(option.key),
                Text(" ".join(value for value, _ in option.values) or "text"),
                Text(_default(option.default, option.derived_from)),
                Text(option.help),
            )
        yield table


def _default(default: Any, derived_from: tuple[str, ...]) -> str:
    from scaffold.questions.answers import as_line

    if derived_from:
        return f"from {', '.join(derived_from)}"
    return "(needed)" if default is None else as_line(default)
