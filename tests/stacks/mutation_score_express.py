"""How many faults put into a fresh Express project its own tests notice, measured with StrykerJS.

    python tests/stacks/mutation_score_express.py [--module NAME …] [--every N] [--project FOLDER]

Renders a project (SQLite, with the sample), sets it up, and installs Stryker into it, which is no dependency of
generated projects. Each module is measured with the test files that are meant to hold it; what they miss counts as
missed, even if another file would notice it. `--every N` takes every Nth mutant, spread evenly. Prints the score of
each module and each mutant that survives.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rows import NAME, run

STRYKER = "10.0.0"
# One mutant after the other: the tests of a project use both processors of a small machine already.
CONCURRENCY = 1


@dataclass(frozen=True)
class Module:
    """Source files, and the test files that hold them, the quickest first."""

    sources: tuple[str, ...]
    tests: tuple[str, ...]


MODULES = {
    "auth": Module(
        ("src/auth/*.ts",),
        (
            "tests/unit/tokens.test.ts",
            "tests/unit/secrets.test.ts",
            "tests/unit/login-limiter.test.ts",
            "tests/unit/passwords.test.ts",
            "tests/integration/own-routes.test.ts",
            "tests/integration/accounts.test.ts",
            "tests/integration/limits.test.ts",
            "tests/integration/openapi.test.ts",
        ),
    ),
    "orders": Module(
        ("src/orders/*.ts",),
        ("tests/integration/orders.test.ts",),
    ),
    "products": Module(
        ("src/products/*.ts",),
        (
            "tests/unit/memory-store.test.ts",
            "tests/unit/product-cache.test.ts",
            "tests/integration/products.test.ts",
        ),
    ),
    "lists": Module(
        ("src/http/pagination.ts", "src/http/query.ts"),
        ("tests/unit/lists.test.ts", "tests/integration/products.test.ts"),
    ),
    "conditions": Module(
        ("src/http/conditions.ts", "src/database/versioned.ts"),
        (
            "tests/unit/conditions.test.ts",
            "tests/unit/versioned.test.ts",
            "tests/integration/products.test.ts",
        ),
    ),
    "idempotency": Module(
        ("src/idempotency/*.ts",),
        ("tests/integration/idempotency.test.ts",),
    ),
}

# A file that cannot even be loaded fails as a test does, and whatever it has left open does not keep it running.
RUN_FILE = """\
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

try {
  await import(pathToFileURL(process.argv[2]).href);
} catch (error) {
  test('the file loads', () => {
    throw error;
  });
}
"""

# Stryker asks a checker which mutants are worth a run; those that are not are told apart from all results.
SAMPLE = """\
import { declareValuePlugin, PluginKind } from '@stryker-mutator/api/plugin';

const every = Number(process.env.EVERY);
const left_out = { status: 'compileError', reason: 'not in the sample' };
const sample = {
  init: () => Promise.resolve(),
  check: (mutants) =>
    Promise.resolve(
      Object.fromEntries(
        mutants.map(({ id }) => [id, Number(id) % every === 0 ? { status: 'passed' } : left_out]),
      ),
    ),
};

export const strykerPlugins = [declareValuePlugin(PluginKind.Checker, 'sample', sample)];
"""


@dataclass(frozen=True)
class Survivor:
    """A mutant that no test has noticed."""

    place: str
    original: str
    replacement: str
    status: str


def main() -> int:
    """Measure the modules that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", choices=MODULES, nargs="+", default=list(MODULES), help="the modules to measure")
    parser.add_argument("--every", type=int, default=4, metavar="N", help="take every Nth mutant (%(default)s)")
    parser.add_argument("--project", type=Path, help="a project that is set up, instead of a fresh one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        project = arguments.project or _fresh_project(Path(folder))
        _install(project)
        total_killed = total = 0
        for name in arguments.module:
            killed, survivors = _measure(project, MODULES[name], arguments.every)
            count = killed + len(survivors)
            _say(f"{name}: {killed} of {count} killed, {_percent(killed, count)}")
            for survivor in survivors:
                _say(f"  {survivor.place} {survivor.status}: {survivor.original} -> {survivor.replacement}")
            total_killed += killed
            total += count
        _say(f"all: {total_killed} of {total} killed, {_percent(total_killed, total)}; Stryker {STRYKER}")
    return 0


def _fresh_project(folder: Path) -> Path:
    run([sys.executable, "-m", "scaffold", "new", NAME, "--stack", "express", "--output", folder, "--yes"], folder)
    project = folder / NAME
    run(["make", "setup", "CI="], project)
    return project


def _install(project: Path) -> None:
    packages = [f"@stryker-mutator/{name}@{STRYKER}" for name in ("core", "tap-runner")]
    run(["npm", "install", "--no-save", "--no-package-lock", *packages], project)
    (project / "stryker-run-file.mjs").write_text(RUN_FILE, encoding="utf-8")
    (project / "stryker-sample.mjs").write_text(SAMPLE, encoding="utf-8")


def _measure(project: Path, module: Module, every: int) -> tuple[int, list[Survivor]]:
    """Return how many mutants were killed, and those that were not."""
    report = project / "stryker-report.json"
    config = {
        "testRunner": "tap",
        "tap": {
            "testFiles": module.tests,
            "nodeArgs": [
                "-r",
                "{{hookFile}}",
                "--test-reporter=tap",
                "--test-force-exit",
                "stryker-run-file.mjs",
                "{{testFile}}",
            ],
            "forceBail": True,
        },
        "mutate": module.sources,
        "plugins": ["@stryker-mutator/*", str(project / "stryker-sample.mjs")],
        "checkers": ["sample"],
        "concurrency": CONCURRENCY,
        "coverageAnalysis": "perTest",
        "ignorePatterns": ["dist", "var", "docs"],
        "disableTypeChecks": "src/**/*.ts",
        "reporters": ["json"],
        "jsonReporter": {"fileName": report.name},
        "timeoutMS": 15_000,
        "tempDirName": "stryker-tmp",
        "logLevel": "warn",
    }
    (project / "stryker.config.json").write_text(json.dumps(config), encoding="utf-8")
    report.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"EVERY": str(every), "NODE_COMPILE_CACHE": cache, "NO_COLOR": "1"}
        subprocess.run(["npx", "stryker", "run"], cwd=project, env=environment, check=True, stdout=sys.stderr)
    killed = 0
    survivors = []
    for path, file in json.loads(report.read_text(encoding="utf-8"))["files"].items():
        lines = file["source"].splitlines()
        for mutant in file["mutants"]:
            if mutant["status"] in {"Killed", "Timeout"}:
                killed += 1
            elif mutant["status"] in {"Survived", "NoCoverage", "RuntimeError"}:
                survivors.append(_survivor(path, lines, mutant))
    return killed, survivors


def _survivor(path: str, lines: list[str], mutant: dict[str, Any]) -> Survivor:
    start, end = (mutant["location"][name] for name in ("start", "end"))
    last = end["column"] - 1 if start["line"] == end["line"] else None
    original = lines[start["line"] - 1][start["column"] - 1 : last]
    replacement = " ".join(mutant["replacement"].split())
    place = f"{path}:{start['line']}:{start['column']}"
    return Survivor(place, original.strip(), replacement, mutant["status"])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _percent(killed: int, count: int) -> str:
    return f"{100 * killed / count:.1f} %" if count else "nothing to kill"


if __name__ == "__main__":
    sys.exit(main())
