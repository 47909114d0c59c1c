"""The projects that are compared: one of each stack, rendered alike and set up once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import toolchains
from tests.stack_files import STACKS

from scaffold.conformance.keys import SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterator

READY = "SCAFFOLD_PARITY_PROJECTS"
"""Names a folder with projects that stand ready: `<stack>-<database>/shop`."""


def _projects(folder: Path, database: str, *options: str) -> dict[str, Path]:
    ready = os.environ.get(READY)
    found = {}
    for stack in STACKS:
        if ready:
            found[stack] = Path(ready) / f"{stack}-{database}" / "shop"
            continue
        target = folder / stack
        target.mkdir()
        command = [sys.executable, "-m", "scaffold", "new", "shop", "--stack", stack, "--yes", "--no-git"]
        subprocess.run([*command, "-d", f"database={database}", *options, "--output", str(target)], check=True)
        subprocess.run(["make", "setup", "build", "CI="], cwd=target / "shop", check=True)
        found[stack] = target / "shop"
    return found


@pytest.fixture(scope="session", autouse=True)
def _toolchains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the Node.js and the Go of wheels before any other, to set up and to run what needs it."""
    with toolchains.first_in_path(tmp_path_factory.mktemp("bin")):
        yield


@pytest.fixture(scope="session")
def sqlite_projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return _projects(tmp_path_factory.mktemp("sqlite"), "sqlite")


@pytest.fixture(scope="session")
def server_projects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return _projects(tmp_path_factory.mktemp("servers"), "postgresql", "-d", "redis=true")


@pytest.fixture(scope="session")
def key() -> SigningKey:
    return SigningKey.generate()
