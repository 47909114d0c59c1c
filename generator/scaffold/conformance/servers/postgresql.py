"""PostgreSQL: a cluster of the run's own, with the statement statistics that audit the spans."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg

from scaffold.conformance.errors import StartError
from scaffold.conformance.network import LOOPBACK, free_port, wait_until
from scaffold.conformance.process import Process
from scaffold.conformance.servers import Server, given, program, server_folder, unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "canary-postgresql-7c1f@5d"  # noqa: S105 - of a throw-away server; the @ must be encoded in a URL
_FOLDERS = ("/usr/lib/postgresql/*/bin", "/usr/local/opt/postgresql*/bin", "/opt/homebrew/opt/postgresql*/bin")


@contextmanager
def postgresql() -> Iterator[Server]:
    """A PostgreSQL server for the time of the block."""
    url = given("SCAFFOLD_POSTGRESQL_URL")
    if url is not None:
        yield Server("postgresql", _version(url), url, url)
        return
    initdb = program("initdb", folders=_FOLDERS, package="postgresql")
    postgres = program("postgres", folders=_FOLDERS, package="postgresql")
    user = unprivileged("postgres")
    environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
    with server_folder("postgresql", user) as folder:
        data = folder / "data"
        subprocess.run(
            [initdb, "-D", data, "-U", "suite", "-A", "trust", "-E", "UTF8", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            group=user,
            cwd="/",
            env=environment,
        )
        # The service proves that it sends its password; the suite connects as superuser without one.
        (data / "pg_hba.conf").write_text(
            "host all suite 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\nlocal all all scram-sha-256\n"
        )
        port = free_port()
        options = {
            "listen_addresses": LOOPBACK, "port": port, "unix_socket_directories": folder,
            "fsync": "off", "synchronous_commit": "off", "full_page_writes": "off",
            "max_connections": 1000, "shared_preload_libraries": "pg_stat_statements",
            "pg_stat_statements.track": "all", "timezone": "UTC",
        }  # fmt: skip
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        process = Process([postgres, "-D", str(data), *arguments], env=environment, cwd="/", user=user)
        try:
            admin = f"postgresql://suite@{LOOPBACK}:{port}/postgres"
            if not wait_until(lambda: process.exit_code is not None or _answers(admin), 20):
                message = "PostgreSQL did not start in 20 s"
                raise StartError(message, hint=process.stderr.text[-2000:])
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"CREATE ROLE service LOGIN PASSWORD '{PASSWORD}'")
            service = f"postgresql://service:{quote(PASSWORD, safe='')}@{LOOPBACK}:{port}/postgres"
            yield Server("postgresql", _version(admin), admin, service)
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _version(url: str) -> str:
    with psycopg.connect(url) as connection:
        return f"PostgreSQL {connection.info.server_version // 10000}.{connection.info.server_version % 10000}"
