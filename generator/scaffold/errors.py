"""Errors that are explained to the user, each with a stable code, a message and a hint.

Errors are raised anywhere and caught in one place (`scaffold.cli`). Whatever is not a `ScaffoldError` is
a bug and keeps its traceback.
"""

from __future__ import annotations

import errno
import os
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
    # Only `status` and `diff` say this, and only when they are asked to.
    UPDATE = 2
    CONFLICTS = 3
    DRIFT = 4
    MISSING_TOOL = 5
    CANCELLED = 130


class ScaffoldError(Exception):
    """A failure that is explained to the user; subclasses say which."""

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep the message and, if there is one, the hint what to do."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class CancelledError(ScaffoldError):
    """The command was cancelled by the user or the system."""

    code = "cancelled"
    exit_code = ExitCode.CANCELLED


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


class AnswerError(UsageError):
    """The answer to one question is missing or invalid."""

    code = "answer"

    def __init__(self, key: str, message: str, *, hint: str = "") -> None:
        """Keep the key of the question."""
        super().__init__(message, hint=hint)
        self.key = key


class UnknownChoiceError(AnswerError):
    """An option does not have that value."""

    code = "unknown-choice"

    def __init__(self, key: str, value: object, *, known: Sequence[str]) -> None:
        """Name the option, the value, and the nearest that exists."""
        super().__init__(key, f'{key} cannot be "{value}"', hint=_did_you_mean(str(value), known, "values"))


class InvalidAnswerError(AnswerError):
    """An answer breaks a rule of the questionnaire."""

    code = "invalid-answer"

    def __init__(self, key: str, value: object, rule: str, *, hint: str = "") -> None:
        """Name the option, its value and the rule that it breaks."""
        super().__init__(key, f'{key} "{value}": {rule}', hint=hint)


class WrongTypeError(AnswerError):
    """An answer is of the wrong type."""

    code = "wrong-type"

    def __init__(self, key: str, value: object, expected: str) -> None:
        """Name the option, its value and what was expected."""
        super().__init__(key, f"{key} must be {expected}, not {value!r}")


class OptionNotForStackError(UsageError):
    """An option exists, but not with the other answers given."""

    code = "option-not-for-stack"

    def __init__(self, key: str, stack: object) -> None:
        """Name the option and the stack that does not have it."""
        super().__init__(f'option "{key}" does not apply to the stack "{stack}" with these answers')


class MissingAnswerError(AnswerError):
    """A question without a default was not answered and cannot be asked."""

    code = "missing-answer"

    def __init__(self, key: str, *, hint: str) -> None:
        """Name the question and how to answer it."""
        super().__init__(key, f"{key} is needed, and there is no terminal to ask on", hint=hint)


class AnswersFileError(UsageError):
    """A file with answers cannot be used."""

    code = "answers-file"

    def __init__(self, path: Path, reason: str, *, hint: str = "") -> None:
        """Name the file and what is wrong with it."""
        super().__init__(f"answers file {path}: {reason}", hint=hint)
        self.reason = reason


class TargetNotEmptyError(ScaffoldError):
    """The place of the new project is taken."""

    code = "target-not-empty"

    def __init__(self, path: Path, found: Sequence[str]) -> None:
        """Name the directory and some of what is in it."""
        shown = ", ".join(found[:3]) + (", …" if len(found) > 3 else "")  # noqa: PLR2004 - a few are enough
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


class OutputFailedError(ScaffoldError):
    """Standard output does not take the result."""

    code = "output-failed"

    def __init__(self, reason: str) -> None:
        """Give the system's own reason."""
        super().__init__(f"cannot write the result to standard output: {reason}", hint="choose another place for it")


class CacheUnusableError(ScaffoldError):
    """The cache of templates cannot be used, and not be repaired."""

    code = "cache-unusable"

    def __init__(self, place: Path, reason: str, *, cache: Path) -> None:
        """Name the place in the cache and what is wrong with it."""
        super().__init__(f"{place} cannot be used: {reason}", hint=f"remove {cache}: it is a cache, and is made again")


class BrokenTemplateError(ScaffoldError):
    """The template itself is at fault."""

    code = "broken-template"

    def __init__(self, where: str, reason: str) -> None:
        """Name the file of the template (with the line, where known) and the fault."""
        super().__init__(f"the template is broken: {where}: {reason}", hint="report it to the owner of the template")


class TemplateNotFoundError(ScaffoldError):
    """There is no template at that place."""

    code = "template-not-found"


class NoHistoryError(ScaffoldError):
    """A source of templates has no releases to be read."""

    code = "no-history"


class UnknownVersionError(ScaffoldError):
    """A source of templates has no such version."""

    code = "unknown-version"


class SourceNotFoundError(ScaffoldError):
    """The source that a project was made from is not known on this machine."""

    code = "source-not-found"


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

    def __init__(self, action: str, output: str, *, hint: str = "") -> None:
        """Name the action and give git's error message."""
        if not hint and any(os.strerror(reason) in output for reason in (errno.ENOSPC, errno.EDQUOT)):
            hint = "free some space and try again"
        super().__init__(f"git could not {action}: {output}", hint=hint)
        self.output = output


class UnreachedError(GitFailedError):
    """The repository of a fork cannot be asked for its releases."""

    code = "source-unreached"

    def __init__(self, place: str, output: str) -> None:
        """Name the repository and give git's error message."""
        super().__init__(f"read the releases of {place}", output, hint="is the address right, and is there a network?")


class UnrecordedVersionError(ScaffoldError):
    """A project does not know which version of its templates made it."""

    code = "unrecorded-version"

    def __init__(self, root: Path) -> None:
        """Name the project."""
        super().__init__(
            f"{root} does not say which version of the templates made it",
            hint="it was made without git; make it anew with git installed and carry your changes over",
        )


class NotARepositoryError(ScaffoldError):
    """A project is in no git repository."""

    code = "not-a-repository"

    def __init__(self, root: Path) -> None:
        """Name the project."""
        super().__init__(
            f"{root} is in no git repository, without which it cannot be updated",
            hint="git init && git add --all && git commit --message 'Begin'",
        )


class RefusedRepositoryError(ScaffoldError):
    """A project is in a git repository that git does not open, for example one of another user."""

    code = "repository-refused"

    def __init__(self, root: Path, reason: str) -> None:
        """Name the project, and give git's reason and its advice, which comes last."""
        super().__init__(
            f"git does not open the repository of {root}: {reason.splitlines()[0]}",
            hint=reason.splitlines()[-1].strip(),
        )


class NoCommitError(ScaffoldError):
    """A repository or a project in it has not been committed yet."""

    code = "no-commit"


class DetachedHeadError(ScaffoldError):
    """A repository is on no branch, so that a commit on it would be lost."""

    code = "detached-head"

    def __init__(self) -> None:
        """Tell how to get onto a branch."""
        super().__init__("the repository is on no branch", hint="git switch BRANCH, or make one with --branch NAME")


class DirtyTreeError(ScaffoldError):
    """There are changes that are not committed."""

    code = "dirty-tree"

    def __init__(self, paths: Sequence[str], *, hint: str = "commit them, or git stash them for now") -> None:
        """Name some of the files, and what to do with them."""
        super().__init__(f"there are changes that are not committed: {_some(paths)}", hint=hint)


class InTheWayError(ScaffoldError):
    """Untracked files are where files of the template belong."""

    code = "in-the-way"

    def __init__(self, paths: Sequence[str]) -> None:
        """Name some of the files."""
        super().__init__(
            f"untracked files are in the way: {_some(paths)}",
            hint="commit them, so that they can be merged, or move them away",
        )


class NamesCollideError(ScaffoldError):
    """Two files would have names that the file system cannot tell apart."""

    code = "names-collide"

    def __init__(self, names: Sequence[str]) -> None:
        """Name the files."""
        super().__init__(
            f"these names differ only in upper and lower case, which does not count here: {', '.join(names)}",
            hint="rename yours, commit it, and try again",
        )


class UnderWayError(ScaffoldError):
    """Another operation is not finished."""

    code = "under-way"


class NothingUnderWayError(ScaffoldError):
    """There is nothing to continue or to abort."""

    code = "nothing-under-way"


class BusyError(ScaffoldError):
    """Another scaffold is at work in the same project."""

    code = "busy"

    def __init__(self, root: Path) -> None:
        """Name the repository."""
        super().__init__(f"another scaffold is at work in {root}", hint="wait until it is done")


class DowngradeError(ScaffoldError):
    """The newest version is older than the one a project has."""

    code = "downgrade"

    def __init__(self, version: str, newest: str) -> None:
        """Name both versions."""
        super().__init__(
            f"the project is at v{version}, and the newest version known here is the older v{newest}",
            hint=f"get a newer scaffold, or go back on purpose with --to v{newest}",
        )


class ForeignReleaseError(ScaffoldError):
    """The newest version of a fork lacks what the project's version has, as a release of its upstream does."""

    code = "foreign-release"

    def __init__(self, origin: str, newest: str, version: str) -> None:
        """Name the source and both versions."""
        super().__init__(
            f"v{newest} of {origin} does not contain v{version}, which the project was made with: "
            "a tag of the fork's upstream, or another branch",
            hint=f"release the fork under tags of its own, such as v{newest}.1, or choose this one with --to v{newest}",
        )


class ChangedStackError(UsageError):
    """The stack of a project cannot be changed."""

    code = "changed-stack"


class BranchTakenError(UsageError):
    """There is a branch of that name, or there can be none."""

    code = "branch-taken"


class ConflictsError(ScaffoldError):
    """Changes of the user and of the template contradict each other."""

    code = "conflicts"
    exit_code = ExitCode.CONFLICTS


class CheckFailedError(ScaffoldError):
    """The project's own checks fail on the result."""

    code = "check-failed"


class EvidenceError(ScaffoldError):
    """A file of evidence cannot be read."""

    code = "evidence"


class NotExplainedError(ScaffoldError):
    """A file of a project does not come from its template."""

    code = "not-from-template"


def closest(word: str, known: Iterable[str]) -> str | None:
    """Return the word among the known ones that was probably meant."""
    from difflib import get_close_matches  # noqa: PLC0415 - only needed for an error

    by_lower = {candidate.lower(): candidate for candidate in known}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")  # noqa: PLR2004 - a few are enough


def _did_you_mean(word: str, known: Sequence[str], what: str) -> str:
    guess = closest(word, known)
    listing = f"{what}: {', '.join(known)}"
    return f'did you mean "{guess}"? ({listing})' if guess else listing
