"""PgBouncer in transaction mode, with its default settings, between a service and PostgreSQL."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

import psycopg

from scaffold.conformance.errors import StartError
from scaffold.conformance.network import LOOPBACK, free_port, wait_until
from scaffold.conformance.process import Process
from scaffold.conformance.servers import Server, program, server_folder, unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def pgbouncer(behind: Server) -> Iterator[Server]:
    """The PostgreSQL server behind a PgBouncer during a block: services use the pooler, the suite connects directly."""
    executable = program("pgbouncer", folders=("/usr/sbin", "/usr/local/bin"), package="pgbouncer")
    user = unprivileged("postgres")
    with server_folder("pgbouncer", user) as folder:
        port = free_port()
        process = Process(
            [executable, str(_configured(folder, behind, port))], env={"PATH": "/usr/bin:/bin"}, cwd="/", user=user
        )
        try:
            parts = urlsplit(behind.service_url)
            login = parts.netloc.rpartition("@")[0]
            url = urlunsplit(parts._replace(netloc=f"{login}@{LOOPBACK}:{port}"))
            if not wait_until(lambda: process.exit_code is not None or _answers(url), 10):
                message = "PgBouncer did not start in 10 s"
                raise StartError(message, hint=process.stderr.text[-2000:])
            version = subprocess.run([executable, "--version"], capture_output=True, text=True, check=True).stdout
            yield replace(behind, version=f"{behind.version} behind {version.splitlines()[0]}", service_url=url)
        finally:
            process.kill()


def _configured(folder: Path, behind: Server, port: int) -> Path:
    """Write what PgBouncer has to be told; all else is as it comes.

    But for the number of clients, and how long idle connections to the server stay: it is the suite that runs many
    services, each with a database of its own, and PgBouncer keeps connections by database.
    """
    parts = urlsplit(behind.service_url)
    users = folder / "users.txt"
    users.write_text(f'"{parts.username}" "{unquote(parts.password or "")}"\n', encoding="utf-8")
    file = folder / "pgbouncer.ini"
    file.write_text(
        f"[databases]\n* = host={parts.hostname} port={parts.port or 5432}\n[pgbouncer]\n"
        f"listen_addr = {LOOPBACK}\nlisten_port = {port}\nunix_socket_dir =\npool_mode = transaction\n"
        f"auth_type = scram-sha-256\nauth_file = {users}\nmax_client_conn = 1000\n"
        "server_idle_timeout = 10\n",
        encoding="utf-8",
    )
    for each in (users, file):
        each.chmod(0o644)
    return file


def _answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
