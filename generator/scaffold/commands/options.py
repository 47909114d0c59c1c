"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaffold.commands import completion

Json = Annotated[bool, typer.Option("--json", help="Write the result as JSON, for programs.")]

Stack = Annotated[
    str | None,
    typer.Option("--stack", "-s", metavar="STACK", help="Framework of the service.", autocompletion=completion.stacks),
]

# Forks of the templates; hidden until they can be updated from as well.
Template = Annotated[
    Path | None,
    typer.Option("--template", envvar="SCAFFOLD_TEMPLATE", hidden=True, help="Folder of the templates to use."),
]
