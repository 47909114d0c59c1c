"""On a terminal `scaffold new` asks, one question at a time; nowhere else."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import pytest
import yaml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke

UP, DOWN, ENTER, CTRL_C, CTRL_D, CTRL_U = "\x1b[A", "\x1b[B", "\r", "\x03", "\x04", "\x15"
PATIENCE_SECONDS = 30
# What a terminal does, rather than shows.
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]*\x07|\r")


@dataclass
class Session:
    """A command on a terminal of its own, with stdout kept apart."""

    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    shown: str = ""

    def __enter__(self) -> Self:
        self._terminal, inner = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scaffold", *self.arguments],
            stdin=inner,
            stdout=subprocess.PIPE,
            stderr=inner,
            env={**os.environ, **self.environment},
            start_new_session=True,
        )
        os.close(inner)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        os.close(self._terminal)

    def expect(self, text: str) -> None:
        """Wait until the terminal shows a text that it has not shown before."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.shown:
            if not select.select([self._terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                pytest.fail(f"{text!r} was not shown, but: {self.shown!r}")
            try:
                read = os.read(self._terminal, 4096)
            except OSError:
                pytest.fail(f"ended without showing {text!r}, but: {self.shown!r}")
            self.shown += CONTROL.sub("", read.decode(errors="replace"))
        self.shown = self.shown.split(text, 1)[1]

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._terminal, keys.encode())

    def end(self) -> tuple[int, str]:
        """Wait for the end; return exit code and stdout."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            if select.select([self._terminal], [], [], 0.05)[0]:
                try:
                    self.shown += CONTROL.sub("", os.read(self._terminal, 4096).decode(errors="replace"))
                except OSError:
                    break
        assert self._process.stdout is not None
        return self._process.wait(timeout=PATIENCE_SECONDS), self._process.stdout.read().decode()


def _answers(project: Path) -> dict[str, object]:
    loaded: dict[str, object] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return loaded


def test_asks_for_everything_that_is_not_given(work: Path, small: Path) -> None:
    with Session(["new", "--template", str(small)]) as session:
        session.expect("What to brew")
        session.type(ENTER)
        session.expect("Name of the pot, for example pot:")
        session.type("pot" + ENTER)
        # What Enter takes stands in brackets, here and in all that follows.
        session.expect("Whose it is [The pot owners]:")
        session.type(ENTER)
        session.expect("How much")
        session.type(DOWN + ENTER)
        session.expect("How strong [3]:")
        session.type("4" + ENTER)
        session.expect("Biscuits with it")
        session.type("y")
        session.expect("Name of the leaf")
        session.type(ENTER)
        code, out = session.end()

    assert code == 0
    assert out.startswith("Created pot: tea")
    assert "What to brew" not in out
    answers = _answers(work / "pot")
    assert answers["stack"] == "tea"
    assert answers["owner"] == "The pot owners"
    assert answers["size"] == "large"
    assert answers["strength"] == 4
    assert answers["extras"] is True


def test_a_wrong_answer_is_asked_again_with_its_rule(work: Path, small: Path) -> None:
    given = ["-d", "size=small", "-d", "strength=1", "-d", "extras=no", "-d", "owner=me"]
    with Session(["new", "--stack", "coffee", *given, "--template", str(small)]) as session:
        session.expect("Name of the pot")
        session.type("Pot" + ENTER)
        session.expect("it must be lower-case letters")
        session.type(CTRL_U + "pot" + ENTER)
        code, _ = session.end()

    assert code == 0
    assert _answers(work / "pot")["project_name"] == "pot"


def test_a_place_that_is_taken_is_told_before_the_first_question(work: Path, small: Path) -> None:
    (work / "pot").mkdir()
    (work / "pot" / "letter.txt").touch()

    with Session(["new", "pot", "--stack", "tea", "--template", str(small)]) as session:
        session.expect("error[target-not-empty]")
        code, _ = session.end()

    assert code == 1


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["ctrl-c", "ctrl-d"])
def test_cancelling_a_question_makes_nothing(key: str, work: Path, small: Path, temporary: Path) -> None:
    with Session(["new", "--stack", "coffee", "--template", str(small)]) as session:
        session.expect("Name of the pot")
        session.type(key)
        code, out = session.end()

    assert code == 130
    assert out == ""
    assert "cancelled" in session.shown
    assert "Traceback" not in session.shown
    assert list(work.iterdir()) == []
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(("flag", "environment"), [("--yes", {}), ("--json", {}), ("--no-git", {"CI": "true"})])
def test_asks_nothing_when_told_so(flag: str, environment: dict[str, str], work: Path, small: Path) -> None:
    with Session(["new", "pot", "-s", "tea", flag, "--template", str(small)], environment) as session:
        code, _ = session.end()

    assert code == 0
    assert "Whose it is" not in session.shown
    assert _answers(work / "pot")["owner"] == "The pot owners"


def test_asks_nothing_without_a_terminal(work: Path, small: Path, invoke: Invoke) -> None:
    assert invoke("new", "pot", "-s", "tea", "--template", small).code == 0
    assert _answers(work / "pot")["size"] == "small"


def test_no_colour_when_it_is_not_wanted(work: Path, small: Path) -> None:
    with Session(["new", "Pot", "-s", "tea", "--yes", "--template", str(small)]) as session:
        session.end()
    assert "error[invalid-answer]" in session.shown
    assert list(work.iterdir()) == []
