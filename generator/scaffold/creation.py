"""Makes a new project: a complete folder with its first commit, or nothing at all."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from scaffold.errors import BrokenTemplateError, MissingToolError
from scaffold.files import staging
from scaffold.project import ANSWERS_FILE, find_project
from scaffold.questions.answers import as_text
from scaffold.vcs import first_commit
from scaffold.vcs.first_commit import Repository
from scaffold.vcs.git import environment_for_programs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.questions.questionnaire import Questionnaire
    from scaffold.source import Source


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made, with every question answered.

    Attributes:
        source: Templates to render.
        answers: Answers to all questions that apply.
        target: Where the project goes.
        git: Whether the project becomes a repository.
        setup: Whether the project's own set-up is run at the end.
        command: The command that makes the same project again.
    """

    source: Source
    answers: Mapping[str, Any]
    target: Path
    git: bool
    setup: bool
    command: str


@dataclass(frozen=True, slots=True)
class Created:
    """What was made, or would be."""

    path: Path
    stack: str
    answers: Mapping[str, Any]
    files: tuple[str, ...]
    dry_run: bool
    origin: str
    version: str | None
    repository: Repository
    setup: Literal["done", "failed", "off"]
    command: str


def create(plan: Plan) -> Created:
    """Make the project of a plan, without its set-up.

    Raises:
        MissingToolError: Git or make is needed and not there.
        TargetNotEmptyError: The place is taken.
        TargetUnusableError: The place cannot hold a project.
        BrokenTemplateError: The template is at fault.
        WriteFailedError: The system refused to write.
        GitFailedError: Git refused.
    """
    staging.check_target(plan.target)
    if plan.git:
        first_commit.require_git()
    if plan.setup and shutil.which("make") is None:
        message = "make is not installed, and --setup runs `make setup`"
        raise MissingToolError(message, hint="install make, or leave --setup out")
    around = first_commit.work_tree_around(staging.nearest_existing(plan.target.parent)) if plan.git else None
    with staging.workspace() as aside:
        made = _render(plan, aside)
        files = _files(made)
        if not plan.git:
            outcome = Repository("off")
        elif around is not None:
            outcome = Repository("nested", around=around)
        else:
            outcome = Repository("committed", identity=first_commit.commit_first(made, _message(plan)))
        staging.publish(made, plan.target, last=not plan.setup)
    return _created(plan, files, outcome)


def preview(plan: Plan) -> Created:
    """Return what a plan would make, and write nothing.

    Raises:
        TargetNotEmptyError: The place is taken.
        TargetUnusableError: The place cannot hold a project.
        BrokenTemplateError: The template is at fault.
        WriteFailedError: The system refused to write temporary files.
    """
    staging.check_target(plan.target)
    with staging.workspace() as aside:
        files = _files(_render(plan, aside))
    return replace(_created(plan, files, Repository("off")), dry_run=True)


def set_up(created: Created) -> Created:
    """Run `make setup` in the project, and add what it makes to the first commit.

    The project stays even if that fails; see `setup` of the result.
    """
    done = subprocess.run(
        ["make", "setup"],  # noqa: S607 - the user's own make is meant
        cwd=created.path,
        # CI installs only what is locked, and a new project has no lock file yet.
        env={name: value for name, value in environment_for_programs().items() if name != "CI"},
        stdin=subprocess.DEVNULL,
        # The result of the command is the only thing on stdout.
        stdout=sys.stderr,
        check=False,
    )
    if done.returncode != 0:
        return replace(created, setup="failed")
    if created.repository.state == "committed":
        first_commit.commit_more(created.path)
    return replace(created, setup="done")


def reproduce(questionnaire: Questionnaire, answers: Mapping[str, Any], *, extra: tuple[str, ...] = ()) -> str:
    """Return the command that makes a project with these answers again."""
    plain = questionnaire.derive({key: answers[key] for key in ("stack", "project_name") if key in answers})
    words = ["scaffold", "new"]
    words += [str(answers["project_name"])] if "project_name" in answers else []
    words += ["--stack", str(answers["stack"])] if "stack" in answers else []
    for key, value in answers.items():
        if key not in {"stack", "project_name"} and plain.get(key) != value:
            words += ["-d", f"{key}={as_text(value)}"]
    return shlex.join([*words, "--yes", *extra])


def _render(plan: Plan, aside: Path) -> Path:
    from scaffold.rendering import render  # noqa: PLC0415 - imports Copier, which mistakes must not wait for

    # The temporary folder is private; a folder inside it gets its permissions from the user's umask.
    made = aside / "project" / plan.target.name
    made.parent.mkdir()
    render(plan.source, plan.answers, made, aside)
    _check_origin(plan, made)
    return made


def _check_origin(plan: Plan, made: Path) -> None:
    # By default, Copier records the local path of the templates.
    origin = find_project(made).origin
    if origin != plan.source.name:
        raise BrokenTemplateError(ANSWERS_FILE, f'it records the source "{origin}", not "{plan.source.name}"')


def _files(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()))


def _message(plan: Plan) -> str:
    version = f" v{plan.source.version}" if plan.source.version else ""
    return f"Create {plan.answers['project_name']}\n\nMade by scaffold{version} from the stack {plan.answers['stack']}."


def _created(plan: Plan, files: tuple[str, ...], outcome: Repository) -> Created:
    return Created(
        path=plan.target,
        stack=str(plan.answers["stack"]),
        answers=dict(plan.answers),
        files=files,
        dry_run=False,
        origin=plan.source.name,
        version=plan.source.version,
        repository=outcome,
        setup="off",
        command=plan.command,
    )
