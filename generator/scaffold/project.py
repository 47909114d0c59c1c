"""A rendered project on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaffold.errors import AnswersFileError, NotAProjectError
from scaffold.questions.answers import load_answers

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ANSWERS_FILE = ".copier-answers.yml"
#: Hint for a broken answers file.
MEND = f"git log --patch -- {ANSWERS_FILE} shows what it was"
# These are no versions: they mean the current state of a repository.
_NO_VERSIONS = frozenset({"", "v", "@", "HEAD"})
# PATH_MAX of Linux.
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Project:
    """A project and what is recorded in it.

    Attributes:
        root: Its folder.
        answers: The answers that it was made with.
        origin: Name of the source of its templates.
        version: Version of the templates that it was made with.
    """

    root: Path
    answers: Mapping[str, Any]
    origin: str
    version: str | None

    @property
    def answers_file(self) -> Path:
        """Where the answers are recorded."""
        return self.root / ANSWERS_FILE

    @property
    def stack(self) -> str:
        """The stack of the project."""
        return str(self.answers["stack"])


def find_project(path: Path) -> Project:
    """Return the project that a path is in.

    Raises:
        NotAProjectError: The path is in no project.
        AnswersFileError: The answers of the project cannot be read.
    """
    try:
        start = path.expanduser().resolve()
        root = next((folder for folder in (start, *start.parents) if (folder / ANSWERS_FILE).is_file()), None)
    except (OSError, RuntimeError) as error:
        # An unknown user after ~, a current folder that was deleted, a name that is too long.
        raise NotAProjectError(path) from error
    if root is None:
        raise NotAProjectError(path)
    return _load(root)


def _load(root: Path) -> Project:
    path = root / ANSWERS_FILE
    try:
        recorded = load_answers(path)
    except AnswersFileError as error:
        raise AnswersFileError(path, error.reason, hint=MEND) from error
    if not isinstance(recorded.get("stack"), str):
        raise AnswersFileError(path, "it does not say which stack the project has", hint=MEND)
    origin, version = recorded.get("_src_path", ""), recorded.get("_commit")
    for key, value in (("_src_path", origin), ("_commit", "" if version is None else str(version))):
        if not isinstance(value, str) or not _is_sound(value):
            raise AnswersFileError(path, f"{key} is invalid", hint=MEND)
    return Project(
        root=root,
        answers={key: value for key, value in recorded.items() if not key.startswith("_")},
        origin=origin,
        version=None if version is None or str(version) in _NO_VERSIONS else str(version),
    )


def _is_sound(name: str) -> bool:
    """Tell whether a name can be passed to git as an argument."""
    try:
        name.encode()
    except UnicodeError:
        return False
    return "\0" not in name and len(name) <= _LONGEST and not name.startswith("-")
