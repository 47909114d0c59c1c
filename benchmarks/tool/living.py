"""What living projects cost: update beside `copier update`, and status as a project grows."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: How many files of the user's a project has when it has grown.
GROWN = (1_000, 10_000)


def measure(runs: int, scratch: Path, templates: Path, compare: Callable[..., Any]) -> list[Any]:
    """Measure everything.

    Args:
        runs: How often.
        scratch: Where projects go.
        templates: A plain folder of the templates of this repository.
        compare: Measures one command beside another.
    """
    fork = _fork(templates, scratch / "fork")
    python, env = sys.executable, str(shutil.which("env"))
    ours = _project(
        scratch / "ours", [python, "-m", "scaffold", "new", "shop", "-s", "django", "--no-git", "--template", fork,
                           "--version", "1.0.0", "--output"],
    )  # fmt: skip
    theirs = _project(
        scratch / "theirs", [python, "-m", "copier", "copy", "--quiet", "--defaults", "-r", "v1.0.0", "-d",
                             "stack=django", "-d", "project_name=shop", fork], name="shop",
    )  # fmt: skip
    copies = {-1: 0}

    def fresh(project: Path) -> Path:
        copies[-1] += 1
        return shutil.copytree(project, scratch / f"copy{copies[-1]}", symlinks=True)

    def update(_: int, project: Path = ours) -> list[str | Path]:
        # A cache that knows nothing yet, as on a machine that the project was not made on.
        copy = fresh(project)
        return [
            env,
            f"XDG_CACHE_HOME={copy}.cache",
            python,
            "-m",
            "scaffold",
            "update",
            copy,
            "--yes",
            "--template",
            fork,
        ]

    def copier(_: int) -> list[str | Path]:
        return [python, "-m", "copier", "update", "--quiet", "--defaults", fresh(theirs)]

    def status(project: Path) -> Callable[[int], list[str | Path]]:
        return lambda _: [python, "-m", "scaffold", "status", project]

    def nothing(_: int) -> list[str | Path]:
        return [python, "-c", "pass"]

    results = [
        compare("scaffold update : copier update", 2.5, runs, update, copier),
        compare("scaffold status : start of Python (goal: 500 ms more)", 0, runs, status(ours), nothing),
    ]
    for number in GROWN:
        grown = fresh(ours)
        for index in range(number):
            place = grown / f"own/{index % 100}/file{index}.txt"
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(f"What somebody wrote, {index}.\n" * 20, encoding="utf-8")
        _commit(grown)
        results += [
            compare(f"scaffold status, {number} files more : without", 0, runs, status(grown), status(ours)),
            compare(
                f"scaffold update, {number} files more : without",
                0,
                max(1, runs // 3),
                lambda run, grown=grown: update(run, grown),
                update,
            ),
        ]
    return results


def _fork(templates: Path, root: Path) -> Path:
    """Make a repository of the templates with two releases, the second with a change that reaches projects."""
    shutil.copytree(templates, root, symlinks=True)
    _git(root, "init", "--quiet")
    _commit(root)
    _git(root, "tag", "v1.0.0")
    readme = next((root / "templates/django").glob("README.md*"))
    readme.write_text(readme.read_text(encoding="utf-8") + "\nMore of it.\n", encoding="utf-8")
    _commit(root)
    _git(root, "tag", "v1.1.0")
    bare = root.with_suffix(".git")
    _git(root, "clone", "--quiet", "--bare", str(root), str(bare))
    return bare


def _project(place: Path, command: list[str | Path], name: str = "") -> Path:
    subprocess.run([*command, place / name], check=True, capture_output=True)
    project = place / "shop"
    _git(project, "init", "--quiet")
    _commit(project)
    return project


def _commit(root: Path) -> None:
    _git(root, "add", "--all", "--force")
    _git(root, "-c", "user.name=b", "-c", "user.email=b@localhost.invalid", "commit", "--quiet", "--message", "Work")


def _git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=root, check=True, capture_output=True)
