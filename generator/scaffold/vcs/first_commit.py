"""The first commit of a new project, through the user's own git."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.errors import GitFailedError
from scaffold.vcs.git import Git, failure_reason, missing
from scaffold.vcs.settings import NEUTRAL_SETTINGS, Identity, identity_of, identity_settings


@dataclass(frozen=True, slots=True)
class Repository:
    """What became of the project in git.

    Attributes:
        state: `committed`, `nested` inside a work tree that was there before, or `off` by the user's wish.
        identity: Whose name stands on the commit.
        around: The work tree that the project is in, if it is nested.
    """

    state: Literal["committed", "nested", "off"]
    identity: Identity | None = None
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
    done = Git(folder).run("rev-parse", "--show-toplevel")
    said = os.fsdecode(done.stdout).removesuffix("\n")
    return Path(said) if done.returncode == 0 and said else None


def commit_first(folder: Path, message: str) -> Identity:
    """Make a repository of a folder, with everything in its first commit.

    Returns:
        Whose name stands on the commit.

    Raises:
        GitFailedError: Git refused.
    """
    _must(folder, "make a repository", "init", "--quiet", "--initial-branch=main")
    _must(folder, "add the files", "add", "--all")
    identity = identity_of(folder)
    _must(folder, "commit", "commit", "--quiet", "--message", message, identity=identity)
    return identity


def commit_more(folder: Path) -> None:
    """Add all changes to the first commit.

    Raises:
        GitFailedError: Git refused.
    """
    _must(folder, "add the files", "add", "--all")
    _must(folder, "commit", "commit", "--quiet", "--amend", "--no-edit", identity=identity_of(folder))


def _must(folder: Path, action: str, *arguments: str, identity: Identity = "user") -> None:
    settings = identity_settings(folder) if identity == "fallback" else ()
    done = Git(folder, (*NEUTRAL_SETTINGS, *settings)).run(*arguments)
    if done.returncode != 0:
        hint = "--no-git makes the project without a repository"
        raise GitFailedError(action, failure_reason(done), hint=hint)
