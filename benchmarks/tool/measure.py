"""What the command costs, as ratios in one run: `python benchmarks/tool/measure.py [--runs N] [--json]`.

Each pair is run in turn, so that both meet the same noise. Compared is the processor time of the process and of
everything that it starts, by the median; wall time is shown beside it. Goals stand in docs and in the table.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import living

from scaffold.source import PARTS, find_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EMPTY = """
import typer
app = typer.Typer()
@app.command()
def one() -> None: ...
@app.command()
def two() -> None: ...
app()
"""


@dataclass(frozen=True)
class Ratio:
    """One comparison."""

    name: str
    goal: float
    ratio: float
    ours_cpu_ms: float
    theirs_cpu_ms: float
    ours_wall_ms: float
    theirs_wall_ms: float


def _run(arguments: Sequence[str | Path], folder: Path) -> tuple[float, float]:
    """Run a program; return its processor time and its wall time in seconds."""
    started = time.perf_counter()
    null = os.open(os.devnull, os.O_RDWR)
    pid = os.posix_spawn(
        arguments[0],
        [str(argument) for argument in arguments],
        {**os.environ, "PWD": str(folder)},
        file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1)],
    )
    os.close(null)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - started
    if status:
        sys.exit(f"{' '.join(map(str, arguments))} failed")
    return usage.ru_utime + usage.ru_stime, wall


def _compare(
    name: str,
    goal: float,
    runs: int,
    ours: Callable[[int], list[str | Path]],
    theirs: Callable[[int], list[str | Path]],
) -> Ratio:
    """Compare two commands; each is told its run, and warms up in run -1."""
    here = Path.cwd()
    for warm in (ours, theirs):
        _run(warm(-1), here)
    measured = [(_run(ours(run), here), _run(theirs(run), here)) for run in range(runs)]
    cpu_ours, cpu_theirs, wall_ours, wall_theirs = (
        statistics.median(pair[side][what] for pair in measured) * 1000 for what in (0, 1) for side in (0, 1)
    )
    return Ratio(name, goal, cpu_ours / cpu_theirs, cpu_ours, cpu_theirs, wall_ours, wall_theirs)


def measure(runs: int, scratch: Path) -> list[Ratio]:
    """Measure everything; projects go into the scratch folder."""
    python = sys.executable
    empty = scratch / "empty.py"
    empty.write_text(EMPTY, encoding="utf-8")
    # A plain folder, as in the wheel: from a checkout, Copier would clone first.
    templates = scratch / "templates"
    for part in PARTS:
        origin = find_source().root / part
        if origin.is_dir():
            shutil.copytree(origin, templates / part, symlinks=True)
        else:
            templates.mkdir(exist_ok=True)
            shutil.copy2(origin, templates / part)

    def new(*extra: str) -> Callable[[int], list[str | Path]]:
        def command(run: int) -> list[str | Path]:
            place = scratch / f"new{len(extra)}-{run}"
            return [
                python, "-m", "scaffold", "new", "shop", "-s", "django", "--template", templates, "--output", place, *extra
            ]  # fmt: skip

        return command

    def copy(name: str) -> Callable[[int], list[str | Path]]:
        return lambda run: [
            python, "-m", "copier", "copy", "--quiet", "--defaults", "-d", "stack=django", "-d", "project_name=shop",
            templates, scratch / f"{name}-{run}",
        ]  # fmt: skip

    return [
        _compare(
            "scaffold --help : empty Typer program",
            2.0,
            runs,
            lambda _: [python, "-m", "scaffold", "--help"],
            lambda _: [python, empty, "--help"],
        ),
        _compare("scaffold new --no-git : copier copy", 1.2, runs, new("--no-git"), copy("plain")),
        _compare("scaffold new, with its commit : copier copy", 1.2, runs, new(), copy("committed")),
        *living.measure(runs, scratch, templates, _compare),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        ratios = measure(options.runs, Path(scratch))
    if options.json:
        print(json.dumps([asdict(ratio) for ratio in ratios], indent=2))
        return
    print("| comparison | goal | ratio | processor ms | wall ms |\n|---|---|---|---|---|")
    for ratio in ratios:
        cpu = f"{ratio.ours_cpu_ms:.0f} : {ratio.theirs_cpu_ms:.0f}"
        wall = f"{ratio.ours_wall_ms:.0f} : {ratio.theirs_wall_ms:.0f}"
        print(f"| {ratio.name} | {ratio.goal} | {ratio.ratio:.2f} | {cpu} | {wall} |")


if __name__ == "__main__":
    main()
