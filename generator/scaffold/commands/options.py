"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from scaffold.commands import completion

Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON, for programs.")]

Stack = Annotated[
    str | None,
    typer.Option("--stack", "-s", metavar="STACK", help="Framework of the service.", autocompletion=completion.stacks),
]

Template = Annotated[
    str | None,
    typer.Option(
        "--template",
        envvar="SCAFFOLD_TEMPLATE",
        metavar="URL|PATH",
        help="Templates of a fork: a git repository or a folder.",
    ),
]

Version = Annotated[
    str | None,
    typer.Option("--version", metavar="VERSION", help="Version of the templates; without it what is newest."),
]
