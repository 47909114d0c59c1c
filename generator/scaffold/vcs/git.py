"""Runs git: with the user's settings in the user's repositories, with none in our own."""

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

# Inside a hook, these point to the repository of the hook (`git rev-parse --local-env-vars`). The pathspec variables,
# which some editors set, would change the meaning of our paths.
_REPOSITORY_VARIABLES = frozenset(
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
# Without optional locks, a git that only reads leaves no lock file behind when it is killed.
_ENVIRONMENT = {"LC_ALL": "C", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"}
# Output is read as UTF-8, whatever encoding the user has set.
_SETTINGS = ("i18n.logOutputEncoding=UTF-8", "i18n.commitEncoding=UTF-8")
_WITHOUT_SETTINGS = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


@dataclass(frozen=True, slots=True)
class Git:
    """Git in a folder.

    Attributes:
        folder: Where it runs.
        settings: Settings as KEY=VALUE that win over the repository's.
        environment: Variables that win over the process's.
        kept_open: Descriptors that git inherits, such as a lock.
        hint: What to do when git fails.
    """

    folder: Path
    settings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    kept_open: tuple[int, ...] = ()
    hint: str = ""

    def configured(self, *settings: str, **environment: str | Path) -> Git:
        """Return the same with more settings and variables."""
        more = {name: str(value) for name, value in environment.items()}
        return replace(self, settings=(*self.settings, *settings), environment={**self.environment, **more})

    def keeping_open(self, *files: int) -> Git:
        """Return the same with descriptors for git to inherit: a lock lasts until git ends, even if we end first."""
        return replace(self, kept_open=(*self.kept_open, *files))

    def run(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run git and return the completed process.

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
                pass_fds=self.kept_open,
            )
        except FileNotFoundError as error:
            if shutil.which("git") is not None:
                raise
            raise missing() from error

    def run_interruptible(self, recorder: Recorder, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        """Run git until it ends, terminating it on the first interrupt; return the completed process.

        Raises:
            MissingToolError: There is no git.
        """
        # A file, not a pipe, which a child of git that outlives it would keep open.
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
                pass_fds=self.kept_open,
            )
        except FileNotFoundError as error:
            if shutil.which("git") is not None:
                raise
            raise missing() from error

    def _command(self, arguments: Sequence[str]) -> list[str]:
        settings = [word for setting in (*_SETTINGS, *self.settings) for word in ("-c", setting)]
        return ["git", *settings, *arguments]

    def _environment(self) -> dict[str, str]:
        return {**environment_for_programs(), **_ENVIRONMENT, **self.environment}

    def output(self, action: str, *arguments: str, stdin: bytes = b"") -> str:
        """Run git and return its output, without the last line feed.

        Args:
            action: What is being done, for the message when it fails.
            arguments: The command line.
            stdin: The input.

        Raises:
            GitFailedError: Git refused.
            MissingToolError: There is no git.
        """
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise GitFailedError(action, failure_reason(done), hint=self.hint)
        return os.fsdecode(done.stdout).removesuffix("\n")

    def succeeds(self, *arguments: str) -> bool:
        """Tell whether git exits with 0.

        Raises:
            GitFailedError: The repository is damaged.
            MissingToolError: There is no git.
        """
        done = self.run(*arguments)
        if done.returncode != 0 and b" is corrupt" in done.stderr:
            hint = self.hint or "if that is a cache, remove it: it is made again"
            raise GitFailedError("read what it keeps", failure_reason(done), hint=hint)
        return done.returncode == 0


def environment_for_programs() -> dict[str, str]:
    """Return the environment for child processes, without the variables by which a hook points git to its repository."""
    return {name: value for name, value in os.environ.items() if name not in _REPOSITORY_VARIABLES}


def isolated_git(folder: Path, *, hint: str = "") -> Git:
    """Return git for a repository of our own, without the user's settings."""
    return Git(folder, environment=_WITHOUT_SETTINGS, hint=hint)


def missing(hint: str = "install git") -> MissingToolError:
    """Return the error for a missing git."""
    return MissingToolError("git is not installed", hint=hint)


def failure_reason(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return the error message of git."""
    said = os.fsdecode(done.stderr).strip()
    if said or done.returncode >= 0:
        return said or f"exit code {done.returncode}"
    # Ended by a signal; SIGXFSZ means that a file reached its size limit.
    if done.returncode == -getattr(signal, "SIGXFSZ", 0):
        return os.strerror(errno.EFBIG)
    return signal.strsignal(-done.returncode) or f"signal {-done.returncode}"


def split(text: str) -> list[str]:
    """Split output that git made with -z."""
    return [part for part in text.split("\0") if part]
