"""How many faults in a Django project its own tests notice: `python tests/stacks/mutation_score_django.py`.

A project is rendered and set up, mutmut breaks its functions one by one, and the tests that call a function are run
against each of its mutants. Printed are the score of each module and the mutants that survive. What may be left, and
why, stands in docs/evidence/own-tests-django.md.
"""

from __future__ import annotations

import argparse
import ast
import random
import sys
import tempfile
from collections import Counter
from fnmatch import fnmatch
from pathlib import Path

from rows import NAME, run

MUTMUT = "mutmut==3.8.1"
MODULES = {
    "auth": ("authentication/*.py",),
    "orders": ("orders/*.py",),
    "products": ("products/*.py",),
    "lists": ("api/pagination.py", "api/queries.py"),
    "fields": ("api/fields.py", "api/views.py"),
    "conditions": ("api/conditions.py", "database/versioned.py", "database/constraints.py", "database/slices.py"),
    "idempotency": ("idempotency/*.py",),
}
FILES = [f"{NAME}/{file}" for files in MODULES.values() for file in files]
CONFIGURATION = f"""
[tool.mutmut]
source_paths = ["{NAME}"]
only_mutate = {FILES}
# By this file pytest-django finds the package.
also_copy = ["manage.py"]
do_not_mutate = ["*/migrations/*"]
# Words for people, and what is there for type checkers only.
do_not_mutate_patterns = ['log\\.\\w+\\(', 'Error\\("', 'hint=', '\\bcast\\(']
# Each mutant gets a process that has run no test before.
process_isolation = "forkserver"
pytest_add_cli_args = ["-p", "no:cacheprovider"]
# A server is another process, which runs the code without mutants.
pytest_add_cli_args_test_selection = ["tests", "--ignore=tests/integration/test_server.py"]
"""
# Else mutmut would take what is cached for the whole process for the first test's alone.
COLD_CACHES = f"""

import functools
import gc

import pytest


@pytest.fixture(autouse=True)
def _cold_caches() -> None:
    for cached in gc.get_objects():
        if type(cached) is functools._lru_cache_wrapper and cached.__module__.startswith(
            ("{NAME}.api", "{NAME}.authentication")
        ):
            cached.cache_clear()
"""
KILLED = {"killed", "timeout"}


def main() -> None:
    """Measure, and print."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "--sample", type=int, help="how many mutants, chosen by chance; else all (more than an hour)"
    )
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--folder", type=Path, help="where the project is to be kept")
    arguments.add_argument("patterns", nargs="*", help="mutants, such as 'shop.orders.*'")
    options = arguments.parse_args()
    folder = options.folder or Path(tempfile.mkdtemp())
    project = folder / NAME
    scaffold = [sys.executable, "-m", "scaffold", "new", NAME, "--stack", "django", "--yes", "--no-git"]
    run([*scaffold, "--template", Path(__file__).parents[2], "--output", folder], Path.cwd())
    run(["make", "setup", "CI="], project)
    run(["uv", "pip", "install", "--python", ".venv/bin/python", MUTMUT], project)
    with (project / "pyproject.toml").open("a", encoding="utf-8") as configuration:
        configuration.write(CONFIGURATION)
    with (project / "tests" / "conftest.py").open("a", encoding="utf-8") as conftest:
        conftest.write(COLD_CACHES)
    for pattern in FILES:
        for file in project.glob(pattern):
            file.write_text(undecorated(file.read_text(encoding="utf-8")), encoding="utf-8")

    mutmut = project / ".venv" / "bin" / "mutmut"
    # Mutants are made when one is run.
    run([mutmut, "run", f"{NAME}.database.slices.x_delete_in_slices__mutmut_1"], project)
    mutants = [name for name in _results(mutmut, project) if any(fnmatch(name, p) for p in options.patterns or ["*"])]
    chosen = mutants if options.sample is None else random.Random(options.seed).sample(mutants, options.sample)  # noqa: S311
    run([mutmut, "run", "--max-children", "1", *chosen], project)
    results = _results(mutmut, project)

    survivors = [name for name in sorted(chosen) if results[name] not in KILLED]
    for name in survivors:
        sys.stdout.write(run([mutmut, "show", name], project))
    sys.stdout.write(f"{MUTMUT}, {len(chosen)} of {len(mutants)} mutants, in {project}\n")
    for module in (*MODULES, "all"):
        killed = Counter(results[name] in KILLED for name in chosen if module in {_module(name), "all"})
        if killed:
            score = killed[True] / killed.total()
            sys.stdout.write(f"{module:12} {killed[True]:4} of {killed.total():4} killed {score:6.1%}\n")


def _results(mutmut: Path, project: Path) -> dict[str, str]:
    lines = run([mutmut, "results", "--all", "true"], project).splitlines()
    return dict(line.strip().split(": ") for line in lines if "__mutmut_" in line)


def _module(mutant: str) -> str:
    file = "/".join(mutant.split(".")[1:-1]) + ".py"
    return next(name for name, files in MODULES.items() if any(fnmatch(file, pattern) for pattern in files))


def undecorated(source: str) -> str:
    """Call the decorators after the function, because mutmut leaves decorated functions out."""
    lines = source.splitlines()
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    for node in sorted(functions, key=lambda node: -node.lineno):
        if not node.decorator_list:
            continue
        decorated = node.name
        for decorator in reversed(node.decorator_list):
            decorated = f"{ast.unparse(decorator)}({decorated})"
        assert node.end_lineno
        lines.insert(node.end_lineno, f"{' ' * node.col_offset}{node.name} = {decorated}")
        del lines[node.decorator_list[0].lineno - 1 : node.lineno - 1]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
