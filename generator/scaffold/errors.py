"""Everything that can go wrong by the user's or the machine's doing: a stable code, a message, a hint.

Errors are raised anywhere and caught in one place (`scaffold.cli`). Whatever is not a `ScaffoldError` is
a bug and keeps its traceback.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


class ExitCode(IntEnum):
    """What the process tells its caller."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CONFLICTS = 3
    MISSING_TOOL = 5
    CANCELLED = 130


class ScaffoldError(Exception):
    """A failure that is explained to the user; subclasses say which."""

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep what to tell the user and, where there is a way on, the way on."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(ScaffoldError):
    """The command line contradicts itself or lacks something."""

    code = "usage"
    exit_code = ExitCode.USAGE


class UnknownStackError(UsageError):
    """There is no stack of that name."""

    code = "unknown-stack"

    def __init__(self, name: str, *, known: Sequence[str]) -> None:
        """Name the stack that was asked for and the nearest that exists."""
        super().__init__(f'there is no stack "{name}"', hint=_did_you_mean(name, known, "stacks"))


class UnknownOptionError(UsageError):
    """There is no option of that name."""

    code = "unknown-option"

    def __init__(self, key: str, *, known: Sequence[str], where: str) -> None:
        """Name the key, where it stands, and the nearest that exists."""
        super().__init__(f'there is no option "{key}" ({where})', hint=_did_you_mean(key, known, "options"))


class UnknownChoiceError(UsageError):
    """An option does not have that value."""

    code = "unknown-choice"

    def __init__(self, key: str, value: object, *, known: Sequence[str]) -> None:
        """Name the option, the value, and the nearest that exists."""
        super().__init__(f'{key} cannot be "{value}"', hint=_did_you_mean(str(value), known, "values"))


class InvalidAnswerError(UsageError):
    """An answer breaks a rule of the questionnaire."""

    code = "invalid-answer"

    def __init__(self, key: str, value: object, rule: str, *, hint: str = "") -> None:
        """Name the option, its value and the rule that it breaks."""
        super().__init__(f'{key} "{value}": {rule}', hint=hint)


class WrongTypeError(UsageError):
    """An answer is of the wrong type."""

    code = "wrong-type"

    def __init__(self, key: str, value: object, expected: str) -> None:
        """Name the option, its value and what was expected."""
        super().__init__(f"{key} must be {expected}, not {value!r}")


class OptionNotForStackError(UsageError):
    """An option exists, but not with the other answers given."""

    code = "option-not-for-stack"

    def __init__(self, key: str, stack: object) -> None:
        """Name the option and the stack that does not have it."""
        super().__init__(f'option "{key}" does not apply to the stack "{stack}" with these answers')


class MissingAnswerError(UsageError):
    """A question without a default was not answered and cannot be asked."""

    code = "missing-answer"

    def __init__(self, key: str, *, hint: str) -> None:
        """Name the question and how to answer it."""
        super().__init__(f"{key} is needed and there is no terminal to ask on", hint=hint)


class AnswersFileError(UsageError):
    """A file with answers cannot be used."""

    code = "answers-file"

    def __init__(self, path: Path, reason: str, *, hint: str = "") -> None:
        """Name the file and what is wrong with it."""
        super().__init__(f"answers file {path}: {reason}", hint=hint)


class TargetNotEmptyError(ScaffoldError):
    """The place of the new project is taken."""

    code = "target-not-empty"

    def __init__(self, path: Path, found: Sequence[str]) -> None:
        """Name the directory and some of what is in it."""
        shown = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")  # noqa: PLR2004 - a glance, no inventory
        super().__init__(
            f"{path} exists and is not empty (it holds {shown})",
            hint="choose another place with --output, or move what is there away",
        )


class TargetUnusableError(ScaffoldError):
    """The new project cannot be put where it was asked for."""

    code = "target-unusable"


class WriteFailedError(ScaffoldError):
    """The system refused to write: full disk, quota, read-only file system."""

    code = "write-failed"

    def __init__(self, path: object, reason: str) -> None:
        """Name the place and the system's own reason."""
        super().__init__(
            f"cannot write {path}: {reason}",
            hint="nothing was left behind; free some space or choose another place and try again",
        )


class BrokenTemplateError(ScaffoldError):
    """The template itself is at fault."""

    code = "broken-template"

    def __init__(self, where: str, reason: str) -> None:
        """Name the file of the template (with the line, where known) and the fault."""
        super().__init__(f"the template is broken: {where}: {reason}", hint="this is for the template's owner to mend")


class TemplateNotFoundError(ScaffoldError):
    """There is no template at that place."""

    code = "template-not-found"


class NotAProjectError(ScaffoldError):
    """The path does not belong to a project that this tool made."""

    code = "not-a-project"

    def __init__(self, path: Path) -> None:
        """Name the path."""
        super().__init__(
            f"{path} is not in a project made by scaffold: neither it nor a folder above it has .copier-answers.yml",
            hint="name a path inside such a project",
        )


class MissingToolError(ScaffoldError):
    """A program is needed that this machine does not have."""

    code = "missing-tool"
    exit_code = ExitCode.MISSING_TOOL


class GitFailedError(ScaffoldError):
    """Git refused what it was asked."""

    code = "git-failed"

    def __init__(self, action: str, output: str) -> None:
        """Name the action and give git's last words."""
        super().__init__(f"git could not {action}: {output}", hint="--no-git makes the project without a repository")


class EvidenceError(ScaffoldError):
    """A file of evidence cannot be read."""

    code = "evidence"


class NotExplainedError(ScaffoldError):
    """A file of a project does not come from its template."""

    code = "not-from-template"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the word among the known ones that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def _did_you_mean(word: str, known: Sequence[str], what: str) -> str:
    guess = closest(word, known)
    listing = f"{what}: {', '.join(known)}"
    return f'did you mean "{guess}"? ({listing})' if guess else listing
