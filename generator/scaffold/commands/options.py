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

#: For commands that take a stack or a project.
AnyTemplate = Annotated[
    str | None,
    typer.Option(
        "--template",
        envvar="SCAFFOLD_TEMPLATE",
        metavar="URL|PATH",
        help="Templates of a fork; for a project, where its templates are, if not where it says.",
    ),
]

#: For commands on a project that keeps its own templates.
LostTemplate = Annotated[
    str | None,
    typer.Option(
        "--template",
        envvar="SCAFFOLD_TEMPLATE",
        metavar="URL|PATH",
        help="Where the templates are, if not where the project says.",
    ),
]

#: For commands on a project that may switch to other templates.
OtherTemplate = Annotated[
    str | None,
    typer.Option(
        "--template",
        envvar="SCAFFOLD_TEMPLATE",
        metavar="URL|PATH",
        help="Templates to move to, such as a fork's, or `scaffold` for the tool's own. The variable only names where "
        "the project's own are, if not where it says.",
    ),
]

Version = Annotated[
    str | None,
    typer.Option("--version", metavar="VERSION", help="Version of the templates; without it what is newest."),
]


def named(context: typer.Context, option: str) -> bool:
    """Tell whether an option was given on the command line, and not by the environment."""
    found = context.get_parameter_source(option)
    return found is not None and found.name == "COMMANDLINE"
