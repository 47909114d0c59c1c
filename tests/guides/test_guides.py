"""Whoever follows the how-tos of a project to the letter has what they promise, and a service that is proven."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from guide import GUIDES, Size, carry_out
from tests.stack_files import STACKS

#: Groups that hold the service to the contract as a floor, and what is its own to the general rules.
GROUPS = frozenset(
    {"own_operations", "own_resources", "own_lists", "openapi", "database_schema", "project_layout", "authorization"}
)


@pytest.mark.parametrize("stack", STACKS)
def test_how_tos_are_right_to_the_letter(stack: str, tmp_path: Path) -> None:
    project = _new(stack, tmp_path)
    guide = (project / "docs" / "how-to" / "add-a-resource.md").read_text(encoding="utf-8")
    said = re.search(r"(\d+) files\s+and\s+(\d+)\s+lines", guide)
    assert said, "the guide says how much it asks for"
    assert Size(int(said[1]), int(said[2])) == Size.of(guide)
    carry_out(project)
    only = [part for group in sorted(GROUPS) for part in ("--only", group)]
    done = _scaffold("verify", str(project), *only)
    assert done.returncode == 0, done.stdout[-10000:] + done.stderr[-2000:]
    assert "own operations: 5, of which 5 wholly proven" in done.stdout


@pytest.mark.parametrize("stack", STACKS)
def test_every_how_to_is_followed(stack: str) -> None:
    folder = Path(__file__).parents[2] / "templates" / stack / "docs" / "how-to"
    assert {path.name.partition(".")[0] for path in folder.iterdir()} == set(GUIDES)


def _scaffold(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "scaffold", *arguments], capture_output=True, text=True, check=False)


def _new(stack: str, folder: Path) -> Path:
    assert _scaffold("new", "shop", "--stack", stack, "--yes", "--output", str(folder)).returncode == 0
    subprocess.run(["make", "setup"], cwd=folder / "shop", env={**os.environ, "CI": ""}, check=True)
    return folder / "shop"
