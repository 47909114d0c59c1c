"""What `update` and `set` share: their options, and the output of a plan and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from scaffold.errors import ConflictsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import RenderableType

    from scaffold.commands.results import MergeResult
    from scaffold.console import Console
    from scaffold.history.store import Store
    from scaffold.updating.apply import MergeOptions
    from scaffold.updating.base import Base
    from scaffold.updating.journal import Entry
    from scaffold.updating.merge_state import Outcome
    from scaffold.updating.plan import Plan
    from scaffold.updating.target import Target
    from scaffold.updating.workflow import Done
    from scaffold.vcs.tree_diff import Change

ProjectPath = Annotated[Path, typer.Option("--project", "-C", metavar="PATH", help="The project, if not here.")]
DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show the plan and change nothing.")]
Verify = Annotated[
    bool, typer.Option("--verify", help="First run the project's `make setup check` on the result, elsewhere.")
]
Branch = Annotated[str | None, typer.Option("--branch", metavar="NAME", help="Do it on a new branch.")]
Continue = Annotated[bool, typer.Option("--continue", help="Finish, once the conflicts are resolved.")]
Abort = Annotated[bool, typer.Option("--abort", help="Go back to how it was before.")]

_MARKS = {"added": "+", "changed": "~", "deleted": "-", "moved": ">"}


@dataclass(frozen=True, slots=True)
class Resumption:
    """Whether the command was called with --continue or --abort."""

    go_on: bool
    go_back: bool

    def __bool__(self) -> bool:
        """Whether it was either of them."""
        return self.go_on or self.go_back


def resume(context: typer.Context, command: str, path: Path, resumption: Resumption, *others: object) -> None:
    """Finish or undo the merge that is under way, and show the outcome.

    Raises:
        UsageError: Other options contradict it.
        ScaffoldError: There is nothing, or git refused.
    """
    from scaffold.updating import workflow

    console: Console = context.obj
    if any(others) or (resumption.go_on and resumption.go_back):
        message = "--continue and --abort stand alone"
        raise UsageError(message, hint=f"scaffold {command} --continue, or scaffold {command} --abort")
    if resumption.go_on:
        entry, outcome = workflow.continue_merge(path)
        result = _ended("done", entry, outcome)
        text = f"Done: {entry.title}"
    else:
        entry = workflow.abort_merge(path)
        result = _ended("aborted", entry, None)
        text = f"Undone: {entry.title}"
    console.show(command, lambda: result, lambda: _plain(text))


def run(console: Console, path: Path, options: MergeOptions, target_of: Callable[[Base, Store], Target]) -> None:
    """Show a plan, carry it out, and show the outcome; exit with 3 if there are conflicts.

    Raises:
        ScaffoldError: It is refused, or failed.
    """
    from scaffold.updating import workflow

    done = workflow.merge(
        workflow.find(path), options, target_of, lambda plan: console.print_text(lambda: _plan_text(plan))
    )
    failure = _failure(done, options)
    console.show(
        options.command, lambda: _as_json(done, options), lambda: _outcome_text(done, options), failure=failure
    )
    if failure is not None:
        raise typer.Exit(failure.exit_code)


def _ended(state: Literal["done", "aborted"], entry: Entry, outcome: Outcome | None) -> MergeResult:
    return {
        "from": None,
        "to": None,
        "answers": {},
        "changes": [],
        "conflicts": [],
        "touched": [],
        "notes": "",
        "by_hand": [],
        "state": state,
        "title": entry.title,
        "commit": outcome.commit if outcome else None,
        "branch": outcome.branch if outcome else None,
    }


def _failure(done: Done, options: MergeOptions) -> ConflictsError | None:
    count = len(done.plan.conflicts)
    if not count:
        return None
    files = f"{count} file{'s' if count > 1 else ''} in conflict"
    if options.dry_run:
        return ConflictsError(f"there would be {files}", hint="nothing was changed")
    if done.outcome is None:
        hint = "nothing was changed; without --verify the conflicts are left for you to resolve"
        return ConflictsError(f"there would be {files}, so there is nothing to verify", hint=hint)
    return ConflictsError(
        f"{files}, marked as git marks them",
        hint=f"resolve them and git add the files; then scaffold {options.command} --continue, or --abort to go back",
    )


def _as_json(done: Done, options: MergeOptions) -> MergeResult:
    plan, outcome = done.plan, done.outcome
    return {
        "state": _state(done, options),
        "title": plan.target.title,
        "from": plan.base.version.name,
        "to": plan.target.version.name,
        "answers": dict(plan.target.answers),
        "changes": [
            {
                "path": change.path,
                "kind": change.kind,
                "was": change.was,
                "content": change.content,
                "mode": change.mode,
            }
            for change in plan.changes
        ],
        "conflicts": [{"path": conflict.path, "kind": conflict.kind} for conflict in plan.conflicts],
        "touched": list(plan.touched),
        "notes": plan.notes,
        "by_hand": list(plan.by_hand),
        "commit": outcome.commit if outcome else None,
        "branch": outcome.branch if outcome else None,
    }


def _state(done: Done, options: MergeOptions) -> Literal["nothing-to-do", "planned", "conflicts", "done"]:
    if done.plan.merge is None:
        return "nothing-to-do"
    if options.dry_run or done.outcome is None:
        return "planned"
    return "conflicts" if done.outcome.conflicts else "done"


def _plan_text(plan: Plan) -> Iterator[RenderableType]:
    from rich.text import Text

    if plan.merge is None:
        yield Text(f"Nothing to do: {plan.target.title}")
        return
    yield Text.assemble((plan.target.title, "bold"), _counts(plan))
    if answers := ", ".join(_answers(plan)):
        yield Text(f"  answers: {answers}")
    for change in plan.changes:
        yield Text(
            f"  {_MARKS[change.kind]} {_name(change)}{' (changed by you, too)' if _is_touched(plan, change) else ''}"
        )
    for conflict in plan.conflicts:
        yield Text.assemble(("  ! ", "bold red"), f"{conflict.path} ({conflict.kind})")
    if plan.notes:
        yield Text(f"\n{plan.notes}")
    yield from _by_hand_text(plan)


def _by_hand_text(plan: Plan) -> Iterator[RenderableType]:
    from rich.text import Text

    if plan.by_hand:
        yield Text.assemble(("\nTo do by hand", "bold"))
    for item in plan.by_hand:
        yield Text(f"  {item}")


def _outcome_text(done: Done, options: MergeOptions) -> Iterator[RenderableType]:
    from rich.text import Text

    if done.plan.merge is None:
        return
    if options.dry_run:
        yield Text("\nNothing was changed.")
    elif done.outcome is not None and not done.outcome.conflicts:
        yield Text.assemble(("\nDone", "bold green"), f", as one commit on {done.outcome.branch or 'HEAD'}")
        yield Text("  make setup check tells whether it works; git revert HEAD takes it back")
        yield from _by_hand_text(done.plan)


def _counts(plan: Plan) -> str:
    kinds = [change.kind for change in plan.changes]
    words = [f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds)]
    words += [f"{len(plan.conflicts)} in conflict"] if plan.conflicts else []
    return f": {', '.join(words)}" if words else ""


def _answers(plan: Plan) -> Iterator[str]:
    from scaffold.questions.answers import as_line

    before, after = plan.base.answers, plan.target.answers
    for key in (*after, *(key for key in before if key not in after)):
        match key in before, key in after:
            case True, False:
                yield f"{key} is no more (was {as_line(before[key])})"
            case False, True:
                yield f"{key}={as_line(after[key])} (new)"
            case _ if before[key] != after[key]:
                yield f"{key}={as_line(after[key])} (was {as_line(before[key])})"


def _name(change: Change) -> str:
    mode = f" (mode {change.mode})" if change.mode else ""
    return (f"{change.was} -> {change.path}" if change.was else change.path) + mode


def _is_touched(plan: Plan, change: Change) -> bool:
    return change.path in plan.touched or change.was in plan.touched


def _plain(text: str) -> Iterator[RenderableType]:
    from rich.text import Text

    yield Text(text)
