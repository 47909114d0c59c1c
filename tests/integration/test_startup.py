"""What the command line costs before it does anything, and what it says about itself."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke, Launch

COMMANDS = ("new", "list", "status", "diff", "update", "set", "doctor", "verify", "explain")
PROBE = """
import json, sys
from scaffold.cli import run
code = run(sys.argv[1:])
sys.stderr.write(json.dumps([code, sorted({name.split(".")[0] for name in sys.modules})]))
"""


def _imported(*arguments: str) -> tuple[int, set[str]]:
    done = subprocess.run([sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    return code, set(modules)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)],
)
def test_help_waits_for_nothing_heavy(arguments: list[str]) -> None:
    code, modules = _imported(*arguments)

    assert code == 0
    assert not modules & {"copier", "pytest", "jinja2", "yaml", "questionary", "httpx", "schemathesis"}


def test_listing_and_mistakes_do_without_copier(small: Path) -> None:
    for arguments in (["list"], ["new", "Pot", "--stack", "tea"]):
        _, modules = _imported(*arguments, "--template", str(small))
        assert "copier" not in modules


def test_version(invoke: Invoke) -> None:
    outcome = invoke("--version")

    assert outcome.code == 0
    assert outcome.out.startswith("scaffold 0.")


def test_without_a_command_help_is_shown(invoke: Invoke) -> None:
    outcome = invoke()

    assert outcome.code == 2
    for command in COMMANDS:
        assert command in outcome.out


def test_a_bug_keeps_its_traceback(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import json, scaffold.listing as o\no.list_stacks = None\n")

    import os  # noqa: PLC0415

    outcome = launch("list", env={**os.environ, "PYTHONPATH": str(tmp_path)})

    assert outcome.code == 1
    assert "Traceback (most recent call last)" in outcome.err
    assert "TypeError" in outcome.err
