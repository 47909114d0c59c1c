"""`scaffold new`: make a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scaffold.commands import completion
from scaffold.commands.options import Json, Stack, Template, Version
from scaffold.console import Console
from scaffold.errors import ExitCode, ScaffoldError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from scaffold.commands.results import NewResult
    from scaffold.creation import Created
    from scaffold.questions.questionnaire import Questionnaire


class SetupFailedError(ScaffoldError):
    """The project was made, but its own set-up failed."""

    code = "setup-failed"


def new(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Name of the service, for example shop.")] = None,
    *,
    stack: Stack = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data", "-d", metavar="KEY=VALUE", help="Answer one question; repeat it.", autocompletion=completion.pairs
        ),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--answers", metavar="FILE", help="Take answers from a YAML or JSON file.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder that the project's own folder goes into."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would be made and write nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing; take the defaults.")] = False,
    no_git: Annotated[bool, typer.Option("--no-git", help="Make no repository and no first commit.")] = False,
    setup: Annotated[
        bool, typer.Option("--setup", help="Run `make setup` in the project and commit its lock files.")
    ] = False,
    json: Json = False,  # noqa: ARG001 - the console knows
    template: Template = None,
    version: Version = None,
) -> None:
    """Make a project: a service that runs, with its tests, its pipeline and its first commit.

    What is not given is asked for on a terminal, and has a default everywhere else. A file answers.yml in the
    user's folder for settings (scaffold/ in ~/.config on Linux) replaces defaults, such as the author's.
    """
    from scaffold import creation
    from scaffold.files import staging
    from scaffold.questions.answers import load_preferences
    from scaffold.questions.catalog import load_catalog
    from scaffold.questions.questionnaire import Questionnaire
    from scaffold.source import find_source

    console: Console = context.obj
    if dry_run and setup:
        message = "--dry-run writes nothing, so there is nothing to run --setup in"
        raise UsageError(message, hint="leave one of them out")
    templates = find_source(template, version)
    questions = load_catalog(templates.root)
    questionnaire = Questionnaire(questions)
    given = _given(questionnaire, name, stack, data or [], answers)
    ask = None
    if console.interactive and not yes:
        from scaffold.questions.prompts import ask_on_terminal

        ask = ask_on_terminal
        wanted = str(given.get("project_name", ""))
        # Check the target before asking all questions.
        if wanted and Path(wanted).name == wanted:
            staging.check_target(_target(output, wanted))
    complete = Questionnaire(questions, load_preferences(questionnaire)).complete(given, ask)
    plan = creation.Plan(
        source=templates,
        answers=complete,
        target=_target(output, str(complete["project_name"])),
        git=not no_git,
        setup=setup,
        command=creation.reproduce(
            questionnaire, complete, extra=_extra(output, template, version, no_git=no_git, setup=setup)
        ),
    )
    if dry_run:
        with console.progress("Rendering"):
            planned = creation.preview(plan)
        console.show("new", lambda: _as_json(planned), lambda: _dry_run_text(planned))
        return
    with console.progress("Rendering"):
        created = creation.create(plan)
    failure = None
    if setup:
        console.note(f"running make setup in {created.path}")
        created = creation.set_up(created)
        if created.setup == "failed":
            failure = SetupFailedError(
                f"{created.path} was made, but its `make setup` failed",
                hint=f"see what it says above, mend it, and run `make setup` in {created.path} again",
            )
    console.show("new", lambda: _as_json(created), lambda: _text(created), failure=failure)
    if failure is not None:
        raise typer.Exit(ExitCode.FAILED)


def _given(
    questionnaire: Questionnaire, name: str | None, stack: str | None, data: list[str], answers: Path | None
) -> dict[str, Any]:
    from scaffold.questions.answers import answers_from_file, answers_from_pairs

    given = answers_from_file(answers, questionnaire) if answers is not None else {}
    given |= (pairs := answers_from_pairs(data, questionnaire))
    for key, value, flag in (("project_name", name, "NAME"), ("stack", stack, "--stack")):
        if value is None:
            continue
        if pairs.get(key, value) != value:
            message = f'{flag} says "{value}" and -d says {key}="{pairs[key]}"'
            raise UsageError(message, hint="say it once")
        given[key] = value
    return given


def _target(output: Path | None, name: str) -> Path:
    return (output or Path()).expanduser().resolve() / name


def _extra(
    output: Path | None, template: str | None, version: str | None, *, no_git: bool, setup: bool
) -> tuple[str, ...]:
    words = ["--output", str(output)] if output is not None else []
    words += ["--template", template] if template is not None else []
    words += ["--version", version] if version is not None else []
    words += ["--no-git"] if no_git else []
    words += ["--setup"] if setup else []
    return tuple(words)


def _as_json(created: Created) -> NewResult:
    return {
        "path": str(created.path),
        "stack": created.stack,
        "answers": dict(created.answers),
        "files": list(created.files),
        "dry_run": created.dry_run,
        "origin": created.origin,
        "version": created.version,
        "git": {
            "state": created.repository.state,
            "identity": created.repository.identity,
            "around": str(created.repository.around) if created.repository.around else None,
        },
        "setup": created.setup,
        "command": created.command,
        "next": _next(created),
    }


def _next(created: Created) -> list[str]:
    path = _shown(created.path)
    return [f"cd {path}", *([] if created.setup == "done" else ["make setup"]), "make dev"]


def _dry_run_text(created: Created) -> Iterator[RenderableType]:
    from rich.tree import Tree

    root = Tree(f"{_shown(created.path)}/")
    folders = {"": root}
    for file in created.files:
        parent = ""
        for part in file.split("/")[:-1]:
            below = f"{parent}/{part}" if parent else part
            if below not in folders:
                folders[below] = folders[parent].add(f"{part}/")
            parent = below
        folders[parent].add(file.rsplit("/", 1)[-1])
    yield root
    yield f"\n{len(created.files)} files; nothing was written. To write them:\n  {_escaped(created.command)}"


def _text(created: Created) -> Iterator[RenderableType]:
    yield f"[bold green]Created[/] {_escaped(_shown(created.path))}: {created.stack}, {len(created.files)} files"
    yield f"  {_git_line(created)}"
    if created.setup == "done":
        yield (
            "  set up; its lock files are in the first commit"
            if created.repository.state == "committed"
            else "  set up"
        )
    yield f"\n[bold]Make it again[/]\n  {_escaped(created.command)}"
    yield "\n[bold]Next[/]\n" + "\n".join(f"  {_escaped(step)}" for step in _next(created))


def _git_line(created: Created) -> str:
    match created.repository.state:
        case "committed" if created.repository.identity == "fallback":
            return "first commit on main, in the name of scaffold, as git does not know yours (git config user.name)"
        case "committed":
            return "first commit on main"
        case "nested":
            return f"no repository of its own: it is inside the work tree {_escaped(str(created.repository.around))}"
        case "off":
            return "no repository (--no-git)"


def _shown(path: Path) -> str:
    here = Path.cwd()
    return path.relative_to(here).as_posix() if path != here and path.is_relative_to(here) else str(path)


def _escaped(text: str) -> str:
    from rich.markup import escape

    return escape(text)
