"""Every command that the documentation shows is run here, in the order in which a reader meets it.

A block fenced as `console` is a session: lines that begin with `$ ` are commands, other lines are output that
must come (`...` stands for anything). The blocks of one page share a directory. The commands of the README
that set up everything are run on a fresh clone.
"""

from __future__ import annotations

import fnmatch
import os
import re
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
#: Made from the code; what it shows as commands are patterns.
REFERENCE = ROOT / "docs" / "reference"
#: Commands that set everything up, each with what is added here: the whole suite runs in the stack's own tests.
ON_A_CLONE = {"make demo": " VERIFY='--only project_layout --only authentication'", "make install": ""}
#: Commands that serve until they are stopped: they pass when they print that they serve.
SERVING = ("make dev", "make setup dev", "make run")


@dataclass
class Session:
    """The commands of one page, each with the output shown below it."""

    page: Path
    commands: list[tuple[str, list[str]]] = field(default_factory=list)


def _session(page: Path) -> Session:
    session = Session(page)
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                session.commands.append((line[2:], []))
            elif session.commands and line.strip():
                session.commands[-1][1].append(line.rstrip())
    return session


SESSIONS = [_session(page) for page in PAGES if REFERENCE not in page.parents]


@pytest.mark.parametrize(
    "session",
    [session for session in SESSIONS if session.commands],
    ids=lambda session: session.page.relative_to(ROOT).as_posix(),
)
def test_commands_work(session: Session, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    here = tmp_path / "work"
    here.mkdir()
    # A tox that the documentation starts is not to believe that it is the one that runs these tests.
    outer = {name: value for name, value in os.environ.items() if not name.startswith("TOX_") and name != "CI"}
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # Readers commit under their own names.
    reader = {
        f"GIT_{role}_{part}": "reader@localhost.invalid"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    environment = outer | reader | {"NO_COLOR": "1", "COLUMNS": "100", "PATH": path}
    for command, expected in session.commands:
        if command == "make test":
            # CI runs this one: see .ci/run.
            assert "exec make test" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
            continue
        if command.startswith("cd "):
            here = (here / command[3:]).resolve()
            assert here.is_dir(), command
            continue
        if command in ON_A_CLONE:
            if not clone.exists():
                subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            _run(command + ON_A_CLONE[command], clone, environment, expected)
        elif command in SERVING:
            _serve(command, here, environment)
        else:
            _run(command, here, environment, expected)


def _run(command: str, folder: Path, environment: dict[str, str], expected: list[str]) -> None:
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    said = f"$ {command}\n{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    lines = done.stdout.splitlines() + done.stderr.splitlines()
    for wanted in expected:
        pattern = re.sub(r"([\[\]?*])", r"[\1]", wanted).replace("...", "*")
        assert any(fnmatch.fnmatchcase(line.rstrip(), pattern) for line in lines), (
            f"no line like {wanted!r} in:\n{said}"
        )


def _serve(command: str, folder: Path, environment: dict[str, str]) -> None:
    with subprocess.Popen(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        seen = []
        try:
            for line in process.stdout:
                seen.append(line)
                # JSON for machines, an address for people.
                if "sys_startup" in line or "http://127.0.0.1:8000" in line:
                    break
            else:
                pytest.fail(f"$ {command} ended without serving:\n{''.join(seen)}")
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.stdout.close()
            process.wait(timeout=30)


def test_fences_are_closed() -> None:
    for page in PAGES:
        assert page.read_text(encoding="utf-8").count("```") % 2 == 0, page


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target):
                assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
