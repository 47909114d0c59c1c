"""The honest services: rendered Django projects, each set up once."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from falsifications import PROJECTS

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(scope="session")
def honest_projects(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Projects whose services pass the suite, by their names in the table.

    SCAFFOLD_HONEST_PROJECTS names a folder where they stand ready, each as `<name>/shop`.
    """
    ready = os.environ.get("SCAFFOLD_HONEST_PROJECTS")

    @cache
    def project(name: str) -> Path:
        if ready:
            return Path(ready) / name / "shop"
        folder = tmp_path_factory.mktemp(name)
        command = [sys.executable, "-m", "scaffold", "new", "shop", "--stack", "django", "--yes", "--no-git"]
        options = [part for option in PROJECTS[name] for part in ("-d", option)]
        subprocess.run([*command, *options, "--output", str(folder)], check=True)
        subprocess.run(["make", "setup", "CI="], cwd=folder / "shop", check=True)
        return folder / "shop"

    return project


@pytest.fixture(scope="session")
def honest_project(honest_projects: Callable[[str], Path]) -> Path:
    return honest_projects("sqlite")
