"""Projects that live: made from a small source with releases, edited by a user, brought on by the command."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

# The command runs here as it does in the tests of its other parts.
from tests.integration.conftest import invoke, isolation, launch, temporary, work
from tests.update.sources import Templates

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke

__all__ = ["invoke", "isolation", "launch", "temporary", "work"]


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    """A source of templates without a release yet."""
    return Templates.begin(tmp_path / "templates")


@pytest.fixture
def project(templates: Templates, work: Path, invoke: Invoke) -> Path:
    """A project made from release 1.0.0."""
    templates.release("1.0.0")
    made = invoke("new", "pot", "-s", "one", "--template", templates.origin)
    assert made.code == 0, made.err
    return work / "pot"


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it says."""
    done = subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)
    return done.stdout.decode(errors="surrogateescape").removesuffix("\n")


def commit(folder: Path, message: str = "Work") -> str:
    """Commit everything; return the commit."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", message)
    return git(folder, "rev-parse", "HEAD")
