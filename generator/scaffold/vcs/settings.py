"""Settings of git for commits that the tool makes in a user's repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scaffold.vcs.git import Git

if TYPE_CHECKING:
    from pathlib import Path

#: Whose name stands on a commit.
Identity = Literal["user", "fallback"]

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


def identity_settings(folder: Path) -> tuple[str, ...]:
    """Return the settings without which git would not know whose name to put on a commit."""
    if identity_of(folder) == "user":
        return ()
    git = Git(folder)
    return tuple(setting for setting in _FALLBACK if not git.holds("config", "--get", setting.partition("=")[0]))


def identity_of(folder: Path) -> Identity:
    """Tell whether git knows whose name to put on a commit."""
    git = Git(folder, ("user.useConfigOnly=true",))
    known = all(git.holds("var", f"GIT_{who}_IDENT") for who in ("AUTHOR", "COMMITTER"))
    return "user" if known else "fallback"
