"""The combinations of options that each stack is proven in, and what is done to prove one."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pymysql
import pytest

from scaffold import evidence
from scaffold.conformance import digests
from scaffold.conformance.servers.mariadb import mariadb
from scaffold.conformance.servers.postgresql import postgresql
from scaffold.conformance.servers.redis import redis_server
from scaffold.questions.catalog import load_catalog
from scaffold.source import Source, find_source

if TYPE_CHECKING:
    from scaffold.conformance.servers import Server

NAME = "shop"


@dataclass(frozen=True)
class Row:
    """One combination: a name, and the options that differ from their defaults."""

    name: str
    options: tuple[str, ...] = ()
    always: bool = False
    """Whether it runs although evidence stands for it."""
    verify: tuple[str, ...] = ()
    """How `scaffold verify` is to run."""

    def __str__(self) -> str:
        """Name it in the test's id."""
        return self.name

    @property
    def answers(self) -> dict[str, object]:
        """The options as the answers file has them."""
        pairs = (option.split("=") for option in self.options)
        return {key: {"true": True, "false": False}.get(value, value) for key, value in pairs}


ROWS = (
    Row("sqlite", always=True),
    Row("postgresql-redis", ("database=postgresql", "redis=true")),
    Row("postgresql-pgbouncer", ("database=postgresql",), verify=("--pgbouncer",)),
    Row("mysql", ("database=mysql", "ci=gitlab", "ci_updates=true")),
    Row("without-sample", ("sample=false", "license=MIT", "ci=none")),
    Row(
        "postgresql-redis-without-sample",
        ("database=postgresql", "redis=true", "sample=false", "ci_updates=true"),
    ),
)


def due(stack: str, row: Row) -> frozenset[str] | None:
    """The groups of checks that have to run before a row is proven; None where there is no evidence of it."""
    templates, judged = _evidence(stack)
    defaults = {question.key: question.default for question in load_catalog(templates.root).asked}
    for each in judged:
        if all(value == row.answers.get(key, defaults[key]) for key, value in each.answers.items()):
            return None if each.state == "not proven" else each.due
    return None


@cache
def _evidence(stack: str) -> tuple[Source, tuple[evidence.JudgedRow, ...]]:
    templates = find_source()
    return templates, evidence.judge(templates, stack)


def prove(stack: str, row: Row, folder: Path, record: Path | None) -> None:
    """Render, set up, format, check, build and verify a project.

    Args:
        stack: Its stack.
        row: Its options.
        folder: Where it is made.
        record: The file of evidence that the result is entered in. Only what is due runs then: nothing where the row
            is proven; groups of checks where neither the project nor what all checks use has changed.
    """
    missing = due(stack, row) if record else None
    if missing == frozenset():
        return
    partly = missing is not None and missing != digests.groups().keys()
    project = folder / NAME
    scaffold = [sys.executable, "-m", "scaffold"]
    options = [part for option in row.options for part in ("-d", option)]
    run([*scaffold, "new", NAME, "--stack", stack, "--output", folder, "--yes", *options], folder)
    with ExitStack() as servers:
        settings = _servers(servers, row)
        run(["make", "setup", "CI=", *settings], project)
        if not partly:
            _check(project, settings)
    only = [part for group in sorted(missing or ()) for part in ("--only", group)] if partly else []
    recorded = ["--record", record] if record else []
    run([*scaffold, "verify", project, *row.verify, *only, *recorded], folder)


def _check(project: Path, settings: list[str]) -> None:
    run(["make", "format", *settings], project)
    changed = run(["git", "status", "--porcelain", "--untracked-files=no"], project)
    assert changed == "", f"the formatter changes a fresh project:\n{changed}"
    run(["make", "check", "build", *settings], project)


def _servers(stack: ExitStack, row: Row) -> list[str]:
    """Start the servers that the project's own tests need; return the settings that make is told."""
    settings = []
    if row.answers.get("database") == "postgresql":
        settings.append(f"DATABASE_URL={_postgresql(stack.enter_context(postgresql()))}")
    if row.answers.get("database") == "mysql":
        settings.append(f"DATABASE_URL={_mysql(stack.enter_context(mariadb()))}")
    if row.answers.get("redis"):
        settings.append(f"REDIS_URL={stack.enter_context(redis_server()).service_url}")
    return settings


def _postgresql(server: Server) -> str:
    with psycopg.connect(server.admin_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {NAME}")
    return urlunsplit(urlsplit(server.admin_url)._replace(path=f"/{NAME}"))


def _mysql(server: Server) -> str:
    parts = urlsplit(server.admin_url)
    with pymysql.connect(
        host=parts.hostname, port=parts.port or 3306, user=parts.username, password=parts.password or ""
    ) as connection:
        connection.cursor().execute(f"CREATE DATABASE {NAME}")
    return urlunsplit(parts._replace(path=f"/{NAME}"))


def run(command: list[object], folder: Path) -> str:
    """Run a command to its end; its output is shown when it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"NO_COLOR": "1", "CI": "true"},
        check=False,
    )
    shown = " ".join(str(part) for part in command)
    if done.returncode != 0:
        # What the command has said is what matters, not the way to this line.
        pytest.fail(f"$ {shown}\n{done.stdout[-8000:]}", pytrace=False)
    return done.stdout
