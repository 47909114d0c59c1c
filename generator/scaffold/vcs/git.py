"""Runs git: in the user's repositories with the user's settings, in our own with none."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scaffold.errors import GitFailedError, MissingToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import IO

    from scaffold.files.signals import Recorder

# Inside a hook, these point at the repository that runs the hook (`git rev-parse --local-env-vars`). The pathspec
# variables, which editors set for commands of their own, would change what a path on our command lines means.
_NOT_FOR_US = frozenset(
    {
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GLOB_PATHSPECS",
        "GIT_GRAFT_FILE",
        "GIT_ICASE_PATHSPECS",
        "GIT_INDEX_FILE",
        "GIT_LITERAL_PATHSPECS",
        "GIT_NAMESPACE",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    }
)
# No lock of the index for reading: a git that is killed would leave the lock file behind.
_MANNERS = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
# What git says is read as UTF-8, whatever encoding the user wants to see.
_SETTINGS = ("i18n.logOutputEncoding=UTF-8", "i18n.commitEncoding=UTF-8")
_WITHOUT_SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


@dataclass(frozen=True, slots=True)
class Git:
    """Git at work in a folder.

    Attributes:
        folder: Where it runs.
        settings: Settings as KEY=VALUE that win over the repository's.
        environment: Variables that win over the process's.
        held: Files that git keeps open for as long as it runs.
        hint: What to do where git refuses.
    """

    folder: Path
    settings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    held: tuple[int, ...] = ()
    hint: str = ""

    def having(self, *settings: str, **environment: str | Path) -> Git:
        """Return the same with more settings and variables."""
        more = {name: str(value) for name, value in environment.items()}
        return replace(self, settings=(*self.settings, *settings), environment={**self.environment, **more})

    def holding(self, *files: int) -> Git:
        """Return the same with files, such as locks, that git keeps open even when this process is gone."""
        return replace(self, held=(*self.held, *files))

    def ask(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git and return whatever came of it.

        Raises:
            MissingToolError: There is no git.
        """
        try:
            return subprocess.run(
                self._command(arguments),
                cwd=self.folder,
                env=self._environment(),
                input=stdin,
                capture_output=True,
                check=False,
                pass_fds=self.held,
            )
        except FileNotFoundError as error:
            if shutil.which("git") is not None:
                raise
            raise missing() from error

    def finish(self, recorder: Recorder, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run git to its end, or to the first interrupt; return what came of it.

        Raises:
            MissingToolError: There is no git.
        """
        # A file, not a pipe: what git has started may outlive it, and would keep a pipe open.
        with tempfile.TemporaryFile() as said, self._start(arguments, said) as process:
            recorder.watch(process)
            code = process.wait()
            said.seek(0)
            return subprocess.CompletedProcess(process.args, code, b"", said.read())

    def _start(self, arguments: Sequence[str], said: IO[bytes]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                self._command(arguments),
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                pass_fds=self.held,
            )
        except FileNotFoundError as error:
            if shutil.which("git") is not None:
                raise
            raise missing() from error

    def _command(self, arguments: Sequence[str]) -> list[str]:
        settings = [word for setting in (*_SETTINGS, *self.settings) for word in ("-c", setting)]
        return ["git", *settings, *arguments]

    def _environment(self) -> dict[str, str]:
        return {**environment_for_programs(), **_MANNERS, **self.environment}

    def tell(self, action: str, *arguments: str, stdin: bytes = b"") -> str:
        """Run git and return what it says, without the last line feed.

        Args:
            action: What is being done, for the message when it fails.
            arguments: The command line.
            stdin: What git reads.

        Raises:
            GitFailedError: Git refused.
            MissingToolError: There is no git.
        """
        done = self.ask(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise GitFailedError(action, last_words(done), hint=self.hint)
        return os.fsdecode(done.stdout).removesuffix("\n")

    def holds(self, *arguments: str) -> bool:
        """Tell whether git answers with yes.

        Raises:
            GitFailedError: What it would have to read is damaged, which is no answer.
            MissingToolError: There is no git.
        """
        done = self.ask(*arguments)
        if done.returncode != 0 and b" is corrupt" in done.stderr:
            hint = self.hint or "where that is a cache, remove it: it is made anew"
            raise GitFailedError("read what it keeps", last_words(done), hint=hint)
        return done.returncode == 0


def environment_for_programs() -> dict[str, str]:
    """Return the environment for programs that are to work on the repository they are in, inside a hook too."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_FOR_US}


def undisturbed(folder: Path, *, hint: str = "") -> Git:
    """Return git for a repository of our own, which no setting of the user's may change."""
    return Git(folder, environment=_WITHOUT_SETTINGS, hint=hint)


def missing(hint: str = "install git") -> MissingToolError:
    """Return the error that says that there is no git."""
    return MissingToolError("git is not installed", hint=hint)


def last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what git gave as its reason."""
    said = os.fsdecode(done.stderr).strip()
    if said or done.returncode >= 0:
        return said or f"exit code {done.returncode}"
    # Ended by a signal; of these, one says that a file may not grow any more.
    if done.returncode == -getattr(signal, "SIGXFSZ", 0):
        return os.strerror(errno.EFBIG)
    return signal.strsignal(-done.returncode) or f"signal {-done.returncode}"


def split(text: str) -> list[str]:
    """Return the parts of an output that git made with -z."""
    return [part for part in text.split("\0") if part]
