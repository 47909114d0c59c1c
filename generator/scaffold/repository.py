"""The first commit of a new project, through the user's own git."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.errors import GitFailedError
from scaffold.git import Git, last_words, missing

# Hooks, signing and ignore lists are the user's for their own work; here they would ask for a passphrase,
# refuse the commit, or leave files of the template out of it.
UNDISTURBED = (
    "core.hooksPath=/dev/null",
    "core.excludesFile=/dev/null",
    "commit.gpgSign=false",
    "core.fsmonitor=false",
    "gc.auto=0",
)
_FALLBACK = ("user.name=scaffold", "user.email=scaffold@localhost.invalid")


@dataclass(frozen=True, slots=True)
class Repository:
    """What became of the project in git.

    Attributes:
        state: `committed`, `nested` inside a work tree that was there before, or `off` by the user's wish.
        identity: Whose name stands on the commit.
        around: The work tree that the project is in, if it is nested.
    """

    state: Literal["committed", "nested", "off"]
    identity: Literal["user", "fallback"] | None = None
    around: Path | None = None


def require_git() -> None:
    """Make sure that git is there.

    Raises:
        MissingToolError: It is not.
    """
    if shutil.which("git") is None:
        raise missing("install git, or make the project without a repository: --no-git")


def work_tree_around(folder: Path) -> Path | None:
    """Return the root of the work tree that a folder is in, if it is in one."""
    done = Git(folder).ask("rev-parse", "--show-toplevel")
    said = os.fsdecode(done.stdout).removesuffix("\n")
    return Path(said) if done.returncode == 0 and said else None


def commit_first(folder: Path, message: str) -> Literal["user", "fallback"]:
    """Make a repository of a folder, with everything in its first commit.

    Returns:
        Whose name stands on the commit.

    Raises:
        GitFailedError: Git refused.
    """
    _must(folder, "make a repository", "init", "--quiet", "--initial-branch=main")
    _must(folder, "add the files", "add", "--all")
    identity = _identity(folder)
    _must(folder, "commit", "commit", "--quiet", "--message", message, identity=identity)
    return identity


def commit_more(folder: Path) -> None:
    """Put whatever has come since into the first commit.

    Raises:
        GitFailedError: Git refused.
    """
    _must(folder, "add the files", "add", "--all")
    _must(folder, "commit", "commit", "--quiet", "--amend", "--no-edit", identity=_identity(folder))


def identity_settings(folder: Path) -> tuple[str, ...]:
    """Return the settings without which git would not know whose name to put on a commit."""
    if _identity(folder) == "user":
        return ()
    git = Git(folder)
    return tuple(setting for setting in _FALLBACK if not git.holds("config", "--get", setting.partition("=")[0]))


def _identity(folder: Path) -> Literal["user", "fallback"]:
    git = Git(folder, ("user.useConfigOnly=true",))
    known = all(git.holds("var", f"GIT_{who}_IDENT") for who in ("AUTHOR", "COMMITTER"))
    return "user" if known else "fallback"


def _must(folder: Path, action: str, *arguments: str, identity: Literal["user", "fallback"] = "user") -> None:
    settings = identity_settings(folder) if identity == "fallback" else ()
    done = Git(folder, (*UNDISTURBED, *settings)).ask(*arguments)
    if done.returncode != 0:
        hint = "--no-git makes the project without a repository"
        raise GitFailedError(action, last_words(done), hint=hint)
