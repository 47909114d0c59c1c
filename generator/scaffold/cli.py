"""The command line: registers the commands, and turns every outcome into an exit code."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer
from typer.exceptions import TyperException

from scaffold.commands.diff import diff
from scaffold.commands.doctor import doctor
from scaffold.commands.explain import explain
from scaffold.commands.list import list_stacks
from scaffold.commands.new import new
from scaffold.commands.set import set_options
from scaffold.commands.status import status
from scaffold.commands.update import update
from scaffold.commands.verify import verify
from scaffold.console import Console, writing_result
from scaffold.errors import CancelledError, ExitCode, ScaffoldError, UsageError
from scaffold.installation import tool_version

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="scaffold",
    help="Write production-grade backend services, keep them up to date, and prove that they work.",
    context_settings={"help_option_names": ["-h", "--help"]},
    # Bugs keep their plain traceback; mistakes of the user never show one.
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("new")(new)
app.command("list")(list_stacks)
app.command("status")(status)
app.command("diff")(diff)
app.command("update")(update)
app.command("set")(set_options)
app.command("doctor")(doctor)
app.command("explain")(explain)
app.command("verify")(verify)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - how Typer calls it
    if wanted:
        typer.echo(f"scaffold {tool_version()}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _main(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(ExitCode.USAGE)


_HELP = frozenset({"-h", "--help", "--version"})


def run(arguments: Sequence[str]) -> int:
    """Run the command line.

    Args:
        arguments: What follows the name of the program.

    Returns:
        The exit code.
    """
    console = Console(json_wanted="--json" in arguments)
    command = next((word for word in arguments if not word.startswith("-")), "")
    try:
        console.check()
        code: int | None = ExitCode.DONE
        # Help is Typer's own output.
        with writing_result() if not arguments or not _HELP.isdisjoint(arguments) else nullcontext():
            code = app(list(arguments), prog_name="scaffold", obj=console, standalone_mode=False)
    except ScaffoldError as error:
        console.fail(command, error)
        return error.exit_code
    except TyperException as error:
        hint = f"scaffold {command} --help" if command in _commands() else "scaffold --help"
        console.fail(command, UsageError(error.format_message(), hint=hint))
        return ExitCode.USAGE
    except typer.Abort:
        code = ExitCode.CANCELLED
    if code == ExitCode.CANCELLED:
        if console.json:
            console.fail(command, CancelledError("cancelled"))
        else:
            console.note("cancelled")
    return int(code or ExitCode.DONE)


def _commands() -> set[str]:
    return {command.name or "" for command in app.registered_commands}
