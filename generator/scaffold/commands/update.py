"""`scaffold update`: bring a project to another version of its templates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scaffold.commands import merging
from scaffold.commands.merging import Abort, Branch, Continue, DryRun, Verify
from scaffold.commands.options import Json, OtherTemplate, named
from scaffold.console import Console


def update(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A project.")] = Path(),
    *,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="The version wanted, not the newest; an older one too."),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", "-d", metavar="KEY=VALUE", help="Answer a question of the new version; repeat it."),
    ] = None,
    dry_run: DryRun = False,
    verify: Verify = False,
    branch: Branch = None,
    go_on: Continue = False,
    abort: Abort = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; new questions take their defaults.")] = False,
    json: Json = False,  # noqa: ARG001 - the console knows
    template: OtherTemplate = None,
) -> None:
    """Bring a project to the newest version of its templates, keeping everything that you changed.

    Git merges; the result is one commit. Exit code 3 says that there are conflicts: resolve them as always, then
    --continue, or go back with --abort.
    """
    resumption = merging.Resumption(go_on, abort)
    if resumption:
        merging.resume(context, "update", path, resumption, to, data, dry_run, verify, branch)
        return
    from scaffold.updating.apply import MergeOptions
    from scaffold.updating.target import UpdateRequest, update_target

    console: Console = context.obj
    ask = None
    if console.interactive and not yes and not dry_run:
        from scaffold.questions.prompts import ask_on_terminal

        ask = ask_on_terminal
    moved_to = template if named(context, "template") else None
    request = UpdateRequest(to, moved_to, template, data or [], ask)
    options = MergeOptions("update", template, dry_run, verify, branch)
    merging.run(console, path, options, lambda base, store: update_target(base, store, request))
