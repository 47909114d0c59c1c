"""Ctrl-C at whatever moment of an update: it is cancelled and as before, or done and told to be.

SCAFFOLD_INTERRUPTS says at how many moments (90 by default, 200 and more for a release).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.update.conftest import commit
from tests.update.test_kills import COMMANDS, DRIVER, beginning, state

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke

__all__ = ["beginning"]

MOMENTS = int(os.environ.get("SCAFFOLD_INTERRUPTS", "90"))
EACH = -(-MOMENTS // (3 * len(COMMANDS)))
CODES = {"update": 0, "set": 0, "conflicts": 3}


def _words(kind: str) -> list[str]:
    command = COMMANDS[kind]
    return [*command, "--project", "pot"] if command[0] == "set" else [*command, "pot"]


def _prepare(kind: str, beginning: Path) -> object:
    if kind == "conflicts":
        (beginning / "pot/letter.txt").write_text("mine alone\n")
        commit(beginning / "pot")
    return state(beginning / "pot")


def _judge(kind: str, pot: Path, code: int, said: str, before: object, after: object, invoke: Invoke) -> None:
    assert code in {CODES[kind], 130}, said
    assert "Traceback" not in said, said
    assert state(pot) == (before if code == 130 else after), (code, said)
    under_way = invoke("status", pot, "--json").envelope["result"]["under_way"]
    assert (under_way is None) == (code != 3), (code, under_way, said)
    assert ("cancelled" in said) == (code == 130), (code, said)
    assert not (pot / ".git/index.lock").exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("kind", COMMANDS)
def test_at_every_point(kind: str, name: str, beginning: Path, work: Path, invoke: Invoke) -> None:
    before = _prepare(kind, beginning)
    arena = work / "arena"
    arena.mkdir()
    done = subprocess.run(
        [sys.executable, DRIVER, name, str(EACH), arena, beginning, *_words(kind)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs: list[dict[str, Any]] = json.loads(done.stdout)
    after = state(Path(runs[-1]["folder"]) / "pot")
    for run in runs:
        _judge(kind, Path(run["folder"]) / "pot", run["status"], run["said"], before, after, invoke)
    assert {run["status"] for run in runs} == {CODES[kind], 130}


@pytest.mark.parametrize("kind", COMMANDS)
def test_from_a_terminal(kind: str, beginning: Path, work: Path, invoke: Invoke) -> None:
    before = _prepare(kind, beginning)
    whole = work / "whole"
    started = time.monotonic()
    code, said = _run(kind, beginning, whole, lambda process: _wait(process, 60))
    seconds = time.monotonic() - started
    assert code == CODES[kind], said
    after = state(whole / "pot")
    chance = random.Random(kind)  # noqa: S311 - any moments will do, but the same ones each time

    for number in range(EACH):
        folder = work / f"run{number}"
        if number % 2:
            # Nothing can be promised while Python itself starts; what matters happens at the end.
            moment = seconds * (1 - 0.7 * chance.random() ** 2)
            code, said = _run(kind, beginning, folder, lambda process, moment=moment: _wait(process, moment))
        else:
            # As soon as git has moved the branch, or has stopped at a conflict.
            code, said = _run(kind, beginning, folder, lambda process, pot=folder / "pot": _moved(process, pot))
        _judge(kind, folder / "pot", code, said, before, after, invoke)
        shutil.rmtree(folder)


def _run(kind: str, beginning: Path, folder: Path, until: Any) -> tuple[int, str]:
    """Run the command, interrupting it and all it has started as a terminal does; return its code and words."""
    shutil.copytree(beginning, folder, symlinks=True)
    with subprocess.Popen(
        [sys.executable, "-m", "scaffold", *_words(kind)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        until(process)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    return process.returncode, said


def _wait(process: subprocess.Popen[str], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def _moved(process: subprocess.Popen[str], pot: Path) -> None:
    branch, pick = pot / ".git/refs/heads/main", pot / ".git/CHERRY_PICK_HEAD"
    here = branch.read_bytes()
    while process.poll() is None and branch.read_bytes() == here and not pick.exists():
        time.sleep(0.0005)
