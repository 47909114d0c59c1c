"""Settings of git for commits that the tool makes in a user's repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scaffold.vcs.git import Git

if TYPE_CHECKING:
    from pathlib import Path

#: Whose name stands on a commit.
Identity = Literal["user", "fallback"]

# The user's hooks, signing and global ignore lists could ask for a passphrase, refuse the commit, or leave files of the
# template out of it.
NEUTRAL_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.excludesFile=/dev/null",
    "commit.gpgSign=false",
    "core.fsmonitor=false",
    "gc.auto=0",
)
_FALLBACK = ("user.name=scaffold", "user.email=scaffold@localhost.invalid")


def identity_settings(folder: Path) -> tuple[str, ...]:
    """Return settings with a fallback name and address, as far as git knows none."""
    if identity_of(folder) == "user":
        return ()
    git = Git(folder)
    return tuple(setting for setting in _FALLBACK if not git.succeeds("config", "--get", setting.partition("=")[0]))


def identity_of(folder: Path) -> Identity:
    """Tell whether git knows the user's name and address."""
    git = Git(folder, ("user.useConfigOnly=true",))
    known = all(git.succeeds("var", f"GIT_{who}_IDENT") for who in ("AUTHOR", "COMMITTER"))
    return "user" if known else "fallback"
