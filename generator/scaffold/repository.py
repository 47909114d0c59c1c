"""The first commit of a new project, through the user's own git."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scaffold.errors import GitFailedError, MissingToolError

# Hooks, signing and ignore lists are the user's for their own work; here they would ask for a passphrase,
# refuse the commit, or leave files of the template out of it.
_UNDISTURBED = (
    "-c", "core.hooksPath=/dev/null",
    "-c", "core.excludesFile=/dev/null",
    "-c", "commit.gpgSign=false",
    "-c", "core.fsmonitor=false",
    "-c", "gc.auto=0",
)  # fmt: skip
_FALLBACK = ("-c", "user.name=scaffold", "-c", "user.email=scaffold@localhost.invalid")

# Inside a hook, these point at the repository that runs the hook (`git rev-parse --local-env-vars`).
_OF_ANOTHER_REPOSITORY = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_INDEX_FILE",
        "GIT_NAMESPACE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)


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
        message = "git is not installed"
        raise MissingToolError(message, hint="install git, or make the project without a repository: --no-git")


def work_tree_around(folder: Path) -> Path | None:
    """Return the root of the work tree that a folder is in, if it is in one."""
    done = _git(folder, "rev-parse", "--show-toplevel")
    return Path(done.stdout.strip()) if done.returncode == 0 and done.stdout.strip() else None


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


def _identity(folder: Path) -> Literal["user", "fallback"]:
    done = _git(folder, "-c", "user.useConfigOnly=true", "var", "GIT_COMMITTER_IDENT")
    return "user" if done.returncode == 0 else "fallback"


def _must(folder: Path, action: str, *arguments: str, identity: Literal["user", "fallback"] = "user") -> None:
    done = _git(folder, *_UNDISTURBED, *(_FALLBACK if identity == "fallback" else ()), *arguments)
    if done.returncode != 0:
        raise GitFailedError(action, done.stderr.strip() or f"exit code {done.returncode}")


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in _OF_ANOTHER_REPOSITORY}
    return subprocess.run(
        ["git", *arguments],  # noqa: S607 - the user's own git is meant
        cwd=folder,
        env={**kept, "LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
