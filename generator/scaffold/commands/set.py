"""`scaffold set`: change the answers of a project."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaffold.commands import completion, merging
from scaffold.commands.merging import Abort, Branch, Continue, DryRun, ProjectPath, Verify
from scaffold.commands.options import Json, LostTemplate
from scaffold.console import Console
from scaffold.errors import UsageError


def set_options(
    context: typer.Context,
    pairs: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE...", help="What to change.", autocompletion=completion.pairs),
    ] = None,
    *,
    path: ProjectPath = Path(),
    dry_run: DryRun = False,
    verify: Verify = False,
    branch: Branch = None,
    go_on: Continue = False,
    abort: Abort = False,
    json: Json = False,  # noqa: ARG001 - the console knows
    template: LostTemplate = None,
) -> None:
    """Change options of a project, such as redis=true or sample=false, keeping everything that you changed.

    It is what `scaffold update` is, with the same version and other answers: a merge, and one commit.
    """
    resumption = merging.Resumption(go_on, abort)
    if resumption:
        merging.resume(context, "set", path, resumption, pairs, dry_run, verify, branch)
        return
    if not pairs:
        message = "set needs something to set"
        raise UsageError(message, hint="for example scaffold set redis=true")
    from scaffold.updating.apply import MergeOptions
    from scaffold.updating.target import changed_target

    console: Console = context.obj
    options = MergeOptions("set", template, dry_run, verify, branch)
    merging.run(console, path, options, lambda base, store: changed_target(base, store, pairs))
