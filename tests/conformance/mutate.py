"""Break a service's own code as a careless developer would, and see whether the suite finds it.

    python tests/conformance/mutate.py django [--only ID ...] [--jobs N] [--whole] [--again]

The list `own-django` breaks what owners of a project have added to it: the resource of the how-tos, followed to the
letter, and the sample, held to a contract that does not know it.

Renders each project that the stack's list of mutations names once, makes a copy for each mutation, runs the
checks that should catch it, and prints which ones did. `--whole` runs the whole suite on what survives them.
Results are kept in a file, so that an interrupted run goes on where it was; a change of the mutation, of the
file that it changes or of its list of checks makes it run again. A mutation that does not fit its file any more
is an error.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import yaml

from scaffold import conformance
from scaffold.conformance.errors import ConformanceError, StartError
from scaffold.errors import ScaffoldError

sys.path.insert(0, str(Path(__file__).parents[1] / "stacks"))
sys.path.insert(0, str(Path(__file__).parents[1] / "guides"))
import guide
import toolchains

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent / "mutations"
LISTS = sorted(file.stem for file in HERE.glob("*.yaml"))


@dataclass(frozen=True)
class Base:
    """A project that mutations are done to.

    Attributes:
        options: Answers that differ from their defaults.
        guides: Whether the how-tos are followed.
        answers: What the suite is told instead of some answers.
    """

    options: tuple[str, ...] = ()
    guides: bool = False
    answers: Mapping[str, object] | None = None


PROJECTS: Mapping[str, Base] = {
    "sqlite": Base(),
    "postgresql-redis": Base(("database=postgresql", "redis=true")),
    "mysql": Base(("database=mysql",)),
    "without-sample": Base(("sample=false",)),
    "guides": Base(guides=True),
    # The contract without the sample: what the sample has is the service's own.
    "sample-as-own": Base(answers={"sample": False}),
}
#: Begins the names of the lists about what is an owner's.
_OWN = "own-"
#: What a copy of a project shares with it: it is large, and no mutation touches it.
_SHARED = (".venv", "node_modules", ".git")


@dataclass(frozen=True)
class Mutation:
    """One careless change of one file."""

    id: str
    area: str
    careless: str
    file: str
    find: str
    put: str
    checks: tuple[str, ...]
    on: str

    def applied(self, text: str) -> str:
        """The file's text afterwards.

        Raises:
            ValueError: What it replaces does not stand there exactly once.
        """
        times = text.count(self.find)
        if times != 1:
            message = f"what it replaces stands {times} times in {self.file}"
            raise ValueError(message)
        return text.replace(self.find, self.put)


def load(name: str) -> list[Mutation]:
    """The mutations of a list."""
    entries = yaml.safe_load((HERE / f"{name}.yaml").read_text(encoding="utf-8"))
    on = "guides" if name.startswith(_OWN) else "sqlite"
    return [Mutation(**{"on": on, **entry, "checks": tuple(entry["checks"])}) for entry in entries]


@dataclass
class Runner:
    """Applies mutations to copies of the rendered projects of a stack."""

    stack: str
    folder: Path
    whole: bool

    def __post_init__(self) -> None:
        """Keep renderings of one project apart."""
        self._lock = Lock()

    def run(self, mutation: Mutation) -> dict[str, Any]:
        """What became of a mutation: `killed` by which checks, `survived`, or `error`."""
        started = time.monotonic()
        try:
            outcome = self._outcome(mutation)
        except (ValueError, ScaffoldError, subprocess.CalledProcessError) as error:
            output = getattr(error, "output", "") or ""
            outcome = {"outcome": "error", "why": f"{error} {output[-600:]}"}
        return outcome | {"id": mutation.id, "area": mutation.area, "seconds": round(time.monotonic() - started, 1)}

    def digest(self, mutation: Mutation) -> str:
        """Changes where the mutation, its file or its checks do."""
        file = self.project(mutation.on) / mutation.file
        seen = [repr(mutation), file.read_text(encoding="utf-8") if file.is_file() else ""]
        return hashlib.sha256("\n".join(seen).encode()).hexdigest()[:16]

    def project(self, name: str) -> Path:
        """A rendered project, set up."""
        with self._lock:
            return _rendered(self.stack, name, self.folder)

    def _outcome(self, mutation: Mutation) -> dict[str, Any]:
        original = self.project(mutation.on)
        with tempfile.TemporaryDirectory(prefix="mutation-") as scratch:
            copy = Path(scratch) / original.name
            shutil.copytree(
                original, copy, symlinks=True, ignore=shutil.ignore_patterns(*_SHARED, "__pycache__", "var")
            )
            for name in _SHARED:
                if (original / name).exists():
                    (copy / name).symlink_to(original / name)
            file = copy / mutation.file
            file.write_text(mutation.applied(file.read_text(encoding="utf-8")), encoding="utf-8")
            if (copy / "tsconfig.build.json").is_file():
                _compile(copy)
            answers = PROJECTS[mutation.on].answers
            killers = self._failing(copy, mutation.checks, answers)
            if not killers and self.whole:
                killers = self._failing(copy, (), answers)
        return {"outcome": "killed" if killers else "survived", "by": killers}

    @staticmethod
    def _failing(project: Path, checks: Sequence[str], answers: Mapping[str, object] | None) -> list[str]:
        try:
            result = conformance.run(project, only=checks, answers=answers, workers=None if not checks else 1)
        except StartError as error:
            return [f"no start: {error.message}"]
        return sorted(check.id for check in result.checks if check.outcome == "failed")


@cache
def _rendered(stack: str, name: str, folder: Path) -> Path:
    project = folder / stack / name / "shop"
    if not project.is_dir():
        _new(stack, name, project.parent)
        _make(project, "setup")
        if PROJECTS[name].guides:
            guide.carry_out(project, without=frozenset({"check"}))
        if (project / "tsconfig.build.json").is_file():
            _compile(project)
    return project


def written(stack: str, name: str, folder: Path) -> Path:
    """A new project in a folder with all that mutations change, but for what commands write; nothing is set up."""
    project = _new(stack, name, folder)
    if PROJECTS[name].guides:
        guide.write(project)
    return project


def _new(stack: str, name: str, folder: Path) -> Path:
    options = [part for option in PROJECTS[name].options for part in ("-d", option)]
    command = [sys.executable, "-m", "scaffold", "new", "shop", "--stack", stack, "--yes", "--no-git", *options]
    subprocess.run([*command, "--output", str(folder)], check=True, stdout=subprocess.DEVNULL)
    return folder / "shop"


def _make(project: Path, target: str) -> None:
    command = ["make", "--directory", str(project), target]
    subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def _compile(project: Path) -> None:
    """Build without a look at types: what they would tell is not what is tried here."""
    build = json.loads((project / "package.json").read_text(encoding="utf-8"))["scripts"]["build"]
    command = ["sh", "-c", build.replace("tsc ", "node_modules/.bin/tsc --noCheck ")]
    subprocess.run(command, cwd=project, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def main() -> int:
    """Run the mutations that are asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("list", choices=LISTS)
    parser.add_argument("--only", action="append", default=[], metavar="ID|AREA")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="the whole suite on what survives its checks")
    parser.add_argument("--again", action="store_true", help="also what is known already")
    parser.add_argument("--folder", type=Path, default=Path("build/mutations"), help="projects and results")
    options = parser.parse_args()
    programs = toolchains.programs(Path(tempfile.mkdtemp(prefix="toolchains-")))
    os.environ["PATH"] = os.pathsep.join([*map(str, programs), str(Path(sys.executable).parent), os.environ["PATH"]])
    runner = Runner(options.list.removeprefix(_OWN), options.folder.absolute(), options.whole)
    chosen = [m for m in load(options.list) if not options.only or {m.id, m.area} & set(options.only)]
    results = options.folder / f"{options.list}.jsonl"
    results.parent.mkdir(parents=True, exist_ok=True)
    known = {} if options.again else _known(results)
    digests = {mutation.id: runner.digest(mutation) for mutation in chosen}
    due = [m for m in chosen if (found := known.get(m.id)) is None or not _stands(found, digests[m.id], options.whole)]
    _tell(f"{len(chosen)} mutations, {len(chosen) - len(due)} of them known")
    with results.open("a", encoding="utf-8") as file, ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(runner.run, due):
            entry = found | {"digest": digests[found["id"]], "whole": options.whole}
            known[found["id"]] = entry
            file.write(json.dumps(entry) + "\n")
            file.flush()
            _tell(_shown(entry))
    told = [known[mutation.id] for mutation in chosen]
    _summarise(told)
    return 0 if all(entry["outcome"] == "killed" for entry in told) else 1


def _tell(line: str = "") -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _known(results: Path) -> dict[str, dict[str, Any]]:
    if not results.is_file():
        return {}
    lines = results.read_text(encoding="utf-8").splitlines()
    return {entry["id"]: entry for entry in map(json.loads, lines)}


def _stands(found: Mapping[str, Any], digest: str, whole: bool) -> bool:  # noqa: FBT001 - of one caller
    if found["digest"] != digest or found["outcome"] == "error":
        return False
    return bool(found["outcome"] == "killed" or found["whole"] or not whole)


def _shown(entry: Mapping[str, Any]) -> str:
    detail = " ".join(entry.get("by", ())) or entry.get("why", "")
    return f"{entry['outcome']:9} {entry['area']:15} {entry['id']:32} {entry['seconds']:6.1f} s  {detail}"


def _summarise(told: Sequence[Mapping[str, Any]]) -> None:
    _tell()
    for entry in told:
        if entry["outcome"] != "killed":
            _tell(_shown(entry))
    counts = Counter(entry["outcome"] for entry in told)
    seconds = sum(entry["seconds"] for entry in told)
    _tell(
        ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) + f" ({seconds:.0f} s of work)"
    )


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except ConformanceError as error:
        raise SystemExit(f"{error.message}\n{error.hint or ''}") from error
