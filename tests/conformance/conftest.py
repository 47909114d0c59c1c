"""The honest service: a rendered Django project, set up once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def honest_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose service passes the suite; SCAFFOLD_HONEST_PROJECT names one that stands ready."""
    ready = os.environ.get("SCAFFOLD_HONEST_PROJECT")
    if ready:
        return Path(ready)
    folder = tmp_path_factory.mktemp("honest")
    command = [sys.executable, "-m", "scaffold", "new", "shop", "--stack", "django", "--yes", "--no-git"]
    subprocess.run([*command, "--output", str(folder)], check=True)
    project = next(folder.glob("**/Procfile")).parent
    subprocess.run(["make", "setup"], cwd=project, check=True)
    return project
