"""A server for database=mysql: MariaDB, and reported as such."""

from __future__ import annotations

import subprocess
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

import pymysql

from scaffold.conformance.errors import StartError
from scaffold.conformance.network import LOOPBACK, free_port, wait_until
from scaffold.conformance.process import Process
from scaffold.conformance.servers import Server, given, program, server_folder, unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymysql.connections import Connection
    from pymysql.cursors import DictCursor

PASSWORD = "canary-mariadb-3e9b@1c"  # noqa: S105 - of a throw-away server; the @ must be encoded in a URL


@contextmanager
def mariadb() -> Iterator[Server]:
    """A MariaDB server for the time of the block."""
    url = given("SCAFFOLD_MYSQL_URL")
    if url is not None:
        yield Server("mysql", _version(url), url, url)
        return
    install = program("mariadb-install-db", package="mariadb-server")
    mariadbd = program("mariadbd", folders=("/usr/sbin", "/usr/local/sbin"), package="mariadb-server")
    user = unprivileged("mysql")
    environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    with server_folder("mariadb", user) as folder:
        data = folder / "data"
        subprocess.run(
            [
                install,
                "--no-defaults",
                f"--datadir={data}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True,
            capture_output=True,
            user=user,
            group=user,
            cwd="/",
            env=environment,
        )
        port = free_port()
        setup = folder / "setup.sql"
        setup.write_text(
            f"CREATE USER suite@'{LOOPBACK}';\nGRANT ALL ON *.* TO suite@'{LOOPBACK}' WITH GRANT OPTION;\n"
            f"CREATE USER service@'{LOOPBACK}' IDENTIFIED BY '{PASSWORD}';\n"
        )
        setup.chmod(0o644)
        process = Process(
            [
                mariadbd, "--no-defaults", f"--datadir={data}", f"--port={port}", f"--bind-address={LOOPBACK}",
                f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", f"--init-file={setup}",
                "--performance-schema=ON", "--max-connections=300", "--skip-name-resolve",
                "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--character-set-server=utf8mb4",
            ],
            env=environment, cwd="/", user=user,
        )  # fmt: skip
        try:
            admin = f"mysql://suite@{LOOPBACK}:{port}/mysql"
            if not wait_until(lambda: process.exit_code is not None or _answers(admin), 30):
                message = "MariaDB did not start in 30 s"
                raise StartError(message, hint=process.stderr.text[-2000:])
            service = f"mysql://service:{quote(PASSWORD, safe='')}@{LOOPBACK}:{port}/mysql"
            yield Server("mysql", _version(admin), admin, service)
        finally:
            process.kill()


def connect(url: str, *, database: str | None = None) -> Connection[DictCursor]:
    """A connection with rows as dictionaries; commits by itself until told otherwise."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname or LOOPBACK,
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        database=database or Path(parts.path).name or None,
        charset="utf8mb4",
        autocommit=True,
        connect_timeout=5,
        init_command="SET time_zone = '+00:00'",
        cursorclass=pymysql.cursors.DictCursor,
    )


def _answers(url: str) -> bool:
    try:
        connect(url).close()
    except pymysql.err.OperationalError:
        return False
    return True


def _version(url: str) -> str:
    with closing(connect(url)) as connection:
        text: str = connection.get_server_info()  # type: ignore[no-untyped-call]
    name = "MariaDB" if "MariaDB" in text else "MySQL"
    number = text.removeprefix("5.5.5-").split("-")[0]
    return f"{name} {number}"
