"""The command as a user has it: a home, a git identity and a place for temporary files of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from scaffold.cli import run

TESTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Outcome:
    """What a run of the command left behind."""

    code: int
    out: str
    err: str

    @property
    def envelope(self) -> dict[str, Any]:
        """The output of --json."""
        loaded: dict[str, Any] = json.loads(self.out)
        return loaded


class Invoke(Protocol):
    """Runs the command line inside this process."""

    def __call__(self, *arguments: str | Path) -> Outcome: ...


class Launch(Protocol):
    """Runs the command line in a process of its own."""

    def __call__(self, *arguments: str | Path, **options: Any) -> Outcome: ...


@pytest.fixture(autouse=True)
def isolation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the machine's settings out, and temporary files where they can be counted."""
    home = tmp_path / "home"
    temporary = tmp_path / "temporary"
    for folder in (home, temporary):
        folder.mkdir()
    (home / ".gitconfig").write_text("[user]\n\tname = Ada\n\temail = ada@example.com\n")
    for name in [name for name in os.environ if name.startswith(("GIT_", "SCAFFOLD_", "XDG_", "COPIER_"))]:
        monkeypatch.delenv(name)
    for name in ("CI", "FORCE_COLOR", "CLICOLOR_FORCE", "EMAIL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """The place of temporary files."""
    return tmp_path / "temporary"


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A small source of templates, free to be changed."""
    return Path(shutil.copytree(TESTS / "sources" / "small", tmp_path / "small"))


@pytest.fixture
def invoke(capfd: pytest.CaptureFixture[str]) -> Invoke:
    """Run the command line inside this process; a bug shows as an exception."""

    def invoke(*arguments: str | Path) -> Outcome:
        capfd.readouterr()
        handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        code = run([str(argument) for argument in arguments])
        # A command that is done ignores interrupts until its process ends; this one goes on.
        for number, handler in handlers.items():
            signal.signal(number, handler)
        captured = capfd.readouterr()
        return Outcome(code, captured.out, captured.err)

    return invoke


@pytest.fixture
def launch() -> Launch:
    """Run the command line in a process of its own."""

    def launch(*arguments: str | Path, **options: Any) -> Outcome:
        command = [sys.executable, "-m", "scaffold", *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, **options)
        return Outcome(done.returncode, done.stdout, done.stderr)

    return launch
