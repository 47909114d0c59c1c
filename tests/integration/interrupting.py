"""Runs a command again and again, each time sending itself a signal at a later point; not a test by itself.

The points are the moments just before the process changes something on disk or starts another program. One
process imports everything once and forks for each point, so that many points cost little.

    interrupting.py SIGNAL POINTS ARENA BEGINNING ARGUMENT...

Each run has a folder of its own in ARENA, which is a copy of BEGINNING.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

# What the command imports on its way, so that the children do not.
import scaffold.drift
import scaffold.rendering
import scaffold.updating.workflow
import scaffold.vcs.first_commit  # noqa: F401
from scaffold.__main__ import main

CHANGES = frozenset(
    {
        "os.chmod", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.truncate",
        "shutil.copyfile", "shutil.copytree", "shutil.rmtree", "subprocess.Popen", "tempfile.mkdtemp",
    }
)  # fmt: skip
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT


def _changes(event: str, arguments: tuple[Any, ...]) -> bool:
    if event == "open":
        return bool(arguments[2] & WRITING)
    return event in CHANGES


def _child(arguments: list[str], folder: Path, point: int | None, number: int) -> None:
    """Make a project, with a signal at one point; tell how many points there were."""
    seen = 0

    def hook(event: str, given: tuple[Any, ...]) -> None:
        nonlocal seen
        if os.getpid() == own and _changes(event, given):
            seen += 1
            if seen == point:
                os.kill(own, number)

    own = os.getpid()
    os.chdir(folder)
    said = os.open(folder.with_suffix(".log"), os.O_CREAT | os.O_WRONLY)
    os.dup2(said, 1)
    os.dup2(said, 2)
    sys.argv = ["scaffold", *arguments]
    sys.addaudithook(hook)
    try:
        main()
    finally:
        os.write(1, f"\npoints {seen}\n".encode())


def _run(arguments: list[str], beginning: Path, folder: Path, point: int | None, number: int) -> dict[str, Any]:
    shutil.copytree(beginning, folder, symlinks=True)
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            _child(arguments, folder, point, number)
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            # The real process runs these on its way out; so must its stand-in.
            with contextlib.suppress(BaseException):
                import atexit  # noqa: PLC0415

                atexit._run_exitfuncs()  # noqa: SLF001
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = folder.with_suffix(".log").read_text(errors="replace")
    return {"folder": str(folder), "point": point, "status": status, "said": said}


def _all(name: str, points: int, arena: Path, beginning: Path, arguments: list[str]) -> list[dict[str, Any]]:
    number = getattr(signal, name)
    whole = _run(arguments, beginning, arena / "whole", None, number)
    total = int(whole["said"].rsplit("points ", 1)[1])
    chosen = sorted({max(1, round(total * step / points)) for step in range(1, points + 1)})
    if len(chosen) < points:
        # Fewer points than asked for: take every one, some twice.
        chosen = (list(range(1, total + 1)) * points)[:points]
    runs = [_run(arguments, beginning, arena / f"run{index}", point, number) for index, point in enumerate(chosen)]
    return [*runs, whole]


if __name__ == "__main__":
    _, signal_name, wanted, place, start, *command = sys.argv
    sys.stdout.write(json.dumps(_all(signal_name, int(wanted), Path(place), Path(start), command)))
