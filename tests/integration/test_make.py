"""The Makefile of projects where something is missing, and `.env` as make, compose and editors read it alike."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.stack_files import STACKS, described

if TYPE_CHECKING:
    from pathlib import Path

# What a machine has before anything of a stack is installed.
PLAIN = ("make", "sh", "awk", "sed", "cp", "id", "mkdir", "cat")


@pytest.fixture
def plain_path(tmp_path: Path) -> str:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in PLAIN:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return str(folder)


@pytest.fixture(scope="module", params=STACKS)
def fresh(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project of each stack."""
    folder = tmp_path_factory.mktemp("fresh")
    command = [sys.executable, "-m", "scaffold", "new", "shop", "--stack", request.param, "--yes", "--no-git"]
    subprocess.run([*command, "--output", str(folder)], check=True, capture_output=True)
    return folder / "shop"


@pytest.fixture
def shop(fresh: Path, work: Path) -> Path:
    """A copy of it, which a test may change."""
    shutil.copytree(fresh, work / "shop", symlinks=True)
    return work / "shop"


def _stack(shop: Path) -> str:
    return next(stack for stack in STACKS if f"stack: {stack}\n" in (shop / ".copier-answers.yml").read_text())


def _make(shop: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    # What make tells the make that it starts is not for this one.
    outer = {name: value for name, value in os.environ.items() if name not in {"CI", "MAKEFLAGS", "MAKELEVEL"}}
    return subprocess.run(
        ["make", *words], cwd=shop, env={**outer, **environment}, capture_output=True, text=True, check=False
    )


def _pretend_tools(shop: Path, plain_path: str) -> None:
    for name in ("uv", "node", "npm", "go"):
        (shop.parent.parent / "bin" / name).write_text("#!/bin/sh\nexit 0\n")
        (shop.parent.parent / "bin" / name).chmod(0o755)
    assert plain_path == str(shop.parent.parent / "bin")


def test_a_missing_tool_is_named_before_anything_is_written(shop: Path, plain_path: str) -> None:
    before = sorted(shop.rglob("*"))

    done = _make(shop, "setup", PATH=plain_path)

    assert done.returncode == 2
    assert done.stderr.startswith(described(_stack(shop))["missing"])
    assert "see" in done.stderr.splitlines()[0]
    assert sorted(shop.rglob("*")) == before
    assert _make(shop, "help", PATH=plain_path).returncode == 0


@pytest.mark.parametrize("command", ["dev", "run", "migrate", "test", "lint", "format", "check", "build", "openapi"])
def test_before_the_set_up_there_is_a_word_for_it(command: str, shop: Path) -> None:
    done = _make(shop, command)

    assert done.returncode == 2
    assert done.stderr.startswith("The dependencies are not installed: make setup\n")


def test_ci_needs_a_lock_file(shop: Path, plain_path: str) -> None:
    _pretend_tools(shop, plain_path)

    done = _make(shop, "tools", "CI=true", PATH=plain_path)

    assert done.returncode == 2
    assert done.stderr.startswith(
        f"{described(_stack(shop))['lock']} is missing: commit the one that make setup writes\n"
    )
    assert _make(shop, "tools", PATH=plain_path).returncode == 0


def _dotenv(shop: Path, command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["sh", "scripts/dotenv", command], cwd=shop, capture_output=True, text=True, check=False)


def test_what_is_written_reads_alike(shop: Path) -> None:
    assert _dotenv(shop, "complete").returncode == 0
    assert _dotenv(shop, "check").returncode == 0
    assert (shop / ".env").stat().st_mode & 0o077 == 0
    before = (shop / ".env").read_bytes()

    assert _dotenv(shop, "complete").stdout == ""
    assert (shop / ".env").read_bytes() == before


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("SECRET=correct-horse-battery#7 staple", "SECRET holds #"),
        ("SECRET=a$b", "SECRET holds $"),
        ("SECRET='quoted'", "SECRET holds '"),
        ('SECRET="quoted"', 'SECRET holds "'),
        ("SECRET=back\\slash", "SECRET holds \\"),
        ("SECRET=back`tick", "SECRET holds `"),
        ("SECRET=end ", "SECRET begins or ends with a blank"),
        ("SECRET= begin", "SECRET begins or ends with a blank"),
        ("SECRET=windows\r", "SECRET begins or ends with a blank"),
        ("SECRET = spaced", "this is not NAME=value"),
        ("export SECRET=value", "this is not NAME=value"),
        ("  SECRET=value", "this is not NAME=value"),
        ("# a comment that goes on \\", "a comment ends with a backslash"),
    ],
)
def test_what_is_read_differently_is_refused(line: str, reason: str, shop: Path) -> None:
    (shop / ".env").write_text(f"PORT=8000\n{line}\n")

    done = _make(shop, "help")

    assert done.returncode == 2
    assert done.stderr.startswith(f".env, line 2: {reason}")
    assert "staple" not in done.stderr
    assert ".env is not loaded" in done.stderr


@pytest.mark.parametrize(
    "line", ["A=b c", "A=ü", "A=", "A=a=b", "A=postgresql://a:b%23@[::1]:5432/c?d=e&f=g", "# it's"]
)
def test_what_is_read_alike_is_taken(line: str, shop: Path) -> None:
    (shop / ".env").write_text(f"\n{line}\n")

    assert _make(shop, "help").returncode == 0


def test_a_missing_variable_is_added_and_nothing_else(shop: Path) -> None:
    mine = "PORT=9000\n# LOG_LEVEL=debug\nDATABASE_URL_FILE=var/url\nAUTH_JWT_PRIVATE_KEY=key\n"
    (shop / ".env").write_text(mine)

    done = _dotenv(shop, "complete")

    text = (shop / ".env").read_text()
    assert text.startswith(f"{mine}\n# Added by make setup.\n\n# ")
    added = [line.split("=")[0] for line in text[len(mine) :].splitlines() if "=" in line and line[0] != "#"]
    assert done.stdout == f"Added to .env: {' '.join(added)}\n"
    example = (shop / ".env.example").read_text().splitlines()
    active = [line.split("=")[0] for line in example if "=" in line and line[0] != "#"]
    assert added == [name for name in active if name not in {"PORT", "DATABASE_URL", "AUTH_JWT_PRIVATE_KEY_FILE"}]
