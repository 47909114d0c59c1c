"""SIGKILL at whatever moment of an update: the project is as before or done, or an ordinary way leads back.

SCAFFOLD_KILLS says at how many moments (60 by default, 200 and more for a release).
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.trees import snapshot
from tests.update.conftest import commit, git

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke
    from tests.update.sources import Templates

DRIVER = Path(__file__).parents[1] / "integration" / "interrupting.py"
MOMENTS = int(os.environ.get("SCAFFOLD_KILLS", "60"))
# Three kinds of merges, each killed alone and, at random times, with the git that it runs.
COMMANDS = {"update": ["update"], "conflicts": ["update"], "set": ["set", "extra=true"]}
EACH = -(-MOMENTS // (2 * len(COMMANDS)))


@pytest.fixture
def beginning(project: Path, templates: Templates, work: Path, invoke: Invoke) -> Path:
    """A folder with a project that can be updated, everything that is needed for it being in the cache."""
    templates.write("letter.txt", templates.file("letter.txt").read_text() + "theirs\n")
    templates.write("deep/er/new.txt", "new\n" * 2000)
    templates.file("folder/one.txt").rename(templates.file("folder/uno.txt"))
    templates.file("code.py").unlink()
    templates.release("2.0.0")
    (project / "mine.txt").write_text("mine\n")
    commit(project)
    assert invoke("update", project, "--dry-run").code == 0
    place = work / "beginning"
    place.mkdir()
    project.rename(place / "pot")
    return place


def state(pot: Path) -> tuple[dict[str, tuple[bytes, int]], str, str]:
    # Conflict markers name the commit that was picked, which is another one each time.
    files = {
        name: (re.sub(rb">>>>>>> [0-9a-f]+", b">>>>>>>", content), mode)
        for name, (content, mode) in snapshot(pot).items()
    }
    return files, git(pot, "status", "--porcelain"), git(pot, "rev-parse", "HEAD^{tree}")


def _judge(pot: Path, command: list[str], before: object, after: object, invoke: Invoke) -> str:
    """Make sure that the state of a project is an allowed one; return which."""
    outcome = invoke("status", pot, "--json")
    # Where the answers themselves are half written, there is nothing to tell but the way back.
    error, result = outcome.envelope["error"], outcome.envelope["result"]
    assert error is None or error["code"] == "under-way", outcome.out
    if error or result["under_way"]:
        assert "--abort" in (error or result["under_way"])["hint"]
        back = invoke(command[0], "--abort", *(["--project"] if command[0] == "set" else []), pot)
        assert back.code == 0, back.err
        assert state(pot) == before
        return "under way"
    now = state(pot)
    assert now in (before, after)
    if now == after:
        return "after"
    # A second try finds nothing in its way.
    again = invoke(*command, *(["--project"] if command[0] == "set" else []), pot)
    assert again.code in {0, 3}, again.err
    assert state(pot) == after
    return "before"


@pytest.mark.parametrize("kind", COMMANDS)
def test_killed_alone(kind: str, beginning: Path, work: Path, invoke: Invoke) -> None:
    runs, before, after = _prepared(kind, beginning, work)
    states = {_judge(Path(run["folder"]) / "pot", COMMANDS[kind], before, after, invoke) for run in runs[:-1]}

    assert "before" in states
    # The last thing that an update without conflicts does is to forget that it has begun.
    assert kind == "conflicts" or states & {"after", "under way"}


def _prepared(kind: str, beginning: Path, work: Path) -> tuple[list[dict[str, Any]], object, object]:
    if kind == "conflicts":
        (beginning / "pot/letter.txt").write_text("mine alone\n")
        commit(beginning / "pot")
    before = state(beginning / "pot")
    arena = work / "arena"
    arena.mkdir()
    command = COMMANDS[kind]
    words = [*command, "--project", "pot"] if command[0] == "set" else [*command, "pot"]
    done = subprocess.run(
        [sys.executable, DRIVER, "SIGKILL", str(EACH), arena, beginning, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    runs: list[dict[str, Any]] = json.loads(done.stdout)
    assert runs[-1]["status"] == (3 if kind == "conflicts" else 0), runs[-1]["said"]
    return runs, before, state(Path(runs[-1]["folder"]) / "pot")


@pytest.mark.parametrize("kind", COMMANDS)
def test_killed_with_its_git(kind: str, beginning: Path, work: Path, invoke: Invoke) -> None:
    if kind == "conflicts":
        (beginning / "pot/letter.txt").write_text("mine alone\n")
        commit(beginning / "pot")
    before = state(beginning / "pot")
    command = COMMANDS[kind]
    words = [*command, "--project", "pot"] if command[0] == "set" else [*command, "pot"]
    started = time.monotonic()
    after = state(_run(words, beginning, work / "whole", None))
    seconds = time.monotonic() - started
    chance = random.Random(kind)  # noqa: S311 - any moments will do, but the same ones each time

    for number in range(EACH):
        # Most of the time goes into starting and planning; what matters happens at the end.
        moment = seconds * (1 - chance.random() ** 2)
        pot = _run(words, beginning, work / f"run{number}", moment)
        _judge(pot, command, before, after, invoke)
        shutil.rmtree(pot.parent)


def _run(words: list[str], beginning: Path, folder: Path, moment: float | None) -> Path:
    shutil.copytree(beginning, folder, symlinks=True)
    with subprocess.Popen(
        [sys.executable, "-m", "scaffold", *words],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            process.wait(moment)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
    return folder / "pot"
