"""The suite's own connection to the service's database, the same for all three kinds.

Statements take `%s` as placeholder. Each call opens a connection and commits, so that no check
reads an old snapshot or holds a lock that it did not mean to hold.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
from abc import ABC, abstractmethod
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

import psycopg
import pymysql
from psycopg import sql
from psycopg.rows import dict_row

from scaffold.conformance.network import LOOPBACK
from scaffold.conformance.servers import mariadb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from scaffold.conformance.registry import Dialect
    from scaffold.conformance.servers import Server

Row = dict[str, Any]
#: What the drivers raise for a statement that the database refuses.
DRIVER_ERRORS = (sqlite3.Error, psycopg.Error, pymysql.Error)


class Database(ABC):
    """One database of one service instance."""

    dialect: Dialect
    service_url: str
    """What `DATABASE_URL` says."""

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port of the server; None for a file."""
        parts = urlsplit(self.service_url)
        return (parts.hostname, parts.port) if parts.hostname and parts.port else None

    def url_through(self, port: int) -> str:
        """`service_url` through a proxy on a local port."""
        parts = urlsplit(self.service_url)
        login, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{login}{at}{LOOPBACK}:{port}"))

    @abstractmethod
    def query(self, statement: str, *parameters: object) -> list[Row]:
        """The rows that a statement returns."""

    @abstractmethod
    def execute(self, statement: str, *parameters: object) -> int:
        """Run a statement; return how many rows it changed."""

    @abstractmethod
    def transaction(self, statement: str, *parameters: object, commit: bool = False) -> AbstractContextManager[None]:
        """Run a statement in a transaction that stays open during a block; then roll it back, or commit."""

    @abstractmethod
    def tables(self) -> list[str]:
        """Names of all tables, a migration tool's own included."""

    @abstractmethod
    def clone(self) -> Database:
        """A new database with the same content; nobody may be connected to this one."""

    @abstractmethod
    def drop(self) -> None:
        """Remove it."""

    def hold(self, table: str, row_id: object) -> AbstractContextManager[None]:
        """Hold the write lock on a row (SQLite: on the whole database) for the time of a block."""
        return self.transaction(f"SELECT 1 FROM {table} WHERE id = %s FOR UPDATE", row_id)  # noqa: S608 - our own names

    def changing(self, statement: str, *parameters: object) -> AbstractContextManager[None]:
        """Keep a change uncommitted during a block, then commit it."""
        return self.transaction(statement, *parameters, commit=True)

    def inserting(self, table: str, row: Mapping[str, object]) -> AbstractContextManager[None]:
        """Keep an inserted row uncommitted during a block."""
        places = ", ".join(["%s"] * len(row))
        return self.transaction(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", *row.values())  # noqa: S608 - our own names

    def one(self, statement: str, *parameters: object) -> Row:
        """The only row that a statement returns."""
        rows = self.query(statement, *parameters)
        assert len(rows) == 1, f"{len(rows)} rows instead of one: {statement} {parameters}"
        return rows[0]

    def count(self, table: str) -> int:
        """How many rows a table has."""
        return int(self.one(f"SELECT count(*) AS n FROM {table}")["n"])  # noqa: S608 - our own names

    def raw_id(self, row_id: str) -> object:
        """An id in the form in which the service stores it, for use as a parameter.

        Stacks store UUIDs in SQLite and MariaDB as text with or without hyphens, as bytes, or as a type
        of the server's own; all compare equal to one of these forms.
        """
        for form in _forms(row_id):
            for table in ("users", "sessions", *self._sample_tables()):
                if self._finds(table, form):
                    return form
        return row_id

    def place(self, row_id: str) -> tuple[str, object] | None:
        """The table that has a row with this id, and the id in the form in which it is stored."""
        for table in self.tables():
            for form in _forms(row_id):
                with contextlib.suppress(*DRIVER_ERRORS):
                    found = self.query(f"SELECT id FROM {table} WHERE id = %s", form)  # noqa: S608 - names from the catalogue
                    # A server may take a text for a number.
                    if found and not isinstance(found[0]["id"], int):
                        return table, form
        return None

    def row(self, table: str, row_id: str) -> Row:
        """The row with this id."""
        return self.one(f"SELECT * FROM {table} WHERE id = %s", self.raw_id(row_id))  # noqa: S608 - our own names

    def rows(self, table: str, **equal: object) -> list[Row]:
        """The rows whose columns equal the values; ids are found in whatever form they are stored."""
        condition = " AND ".join(f"{column} = %s" for column in equal) or "1 = 1"
        values = [
            self.raw_id(value) if column.endswith("id") and isinstance(value, str) else value
            for column, value in equal.items()
        ]
        return self.query(f"SELECT * FROM {table} WHERE {condition}", *values)  # noqa: S608 - our own names

    def statements(self) -> int:
        """How many statements the server has counted for this database, transaction control aside."""
        message = f"{self.dialect} counts no statements"
        raise NotImplementedError(message)

    def dump(self) -> str:
        """Every value of every table, as text."""
        return "\n".join(
            "\t".join(_text(value) for value in row.values())
            for table in self.tables()
            for row in self.query(f"SELECT * FROM {table}")  # noqa: S608 - names from the catalogue
        )

    def _sample_tables(self) -> list[str]:
        return [name for name in ("products", "orders", "api_keys") if name in self.tables()]

    def _finds(self, table: str, form: object) -> bool:
        return bool(self.query(f"SELECT 1 AS found FROM {table} WHERE id = %s", form))  # noqa: S608 - our own names


class SqliteDatabase(Database):
    """A file."""

    dialect = "sqlite"

    def __init__(self, file: Path) -> None:
        """Name the file; the service creates it."""
        self.file = file
        self.service_url = f"sqlite:///{file}"

    def query(self, statement: str, *parameters: object) -> list[Row]:
        with closing(self._connect()) as connection:
            return [dict(row) for row in connection.execute(statement.replace("%s", "?"), parameters)]

    def execute(self, statement: str, *parameters: object) -> int:
        with closing(self._connect()) as connection:
            return connection.execute(statement.replace("%s", "?"), parameters).rowcount

    @contextmanager
    def transaction(self, statement: str, *parameters: object, commit: bool = False) -> Iterator[None]:
        with closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(statement.replace("%s", "?").replace(" FOR UPDATE", ""), parameters)
            yield
            connection.execute("COMMIT" if commit else "ROLLBACK")

    def tables(self) -> list[str]:
        return [
            row["name"]
            for row in self.query("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
        ]

    def clone(self) -> SqliteDatabase:
        copy = SqliteDatabase(self.file.with_name(f"{next(_numbers)}.db"))
        with closing(self._connect()) as source, closing(sqlite3.connect(copy.file)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = WAL" if self._is_wal() else "PRAGMA journal_mode = DELETE")
        return copy

    def drop(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.file, timeout=10, isolation_level=None)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _is_wal(self) -> bool:
        return bool(self.query("PRAGMA journal_mode")[0]["journal_mode"] == "wal")


class PostgresqlDatabase(Database):
    """A database of a PostgreSQL server."""

    dialect = "postgresql"

    def __init__(self, server: Server, template: str | None = None) -> None:
        """Create it, as a copy of `template` if given."""
        self._server = server
        self.name = f"suite_{os.getpid()}_{next(_numbers)}"
        self.service_url = _with_path(server.service_url, self.name)
        self._url = _with_path(server.admin_url, self.name)
        owner = urlsplit(server.service_url).username
        self._administer(
            sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(
                sql.Identifier(self.name), sql.Identifier(owner or "postgres"), sql.Identifier(template or "template0")
            )
        )

    def query(self, statement: str, *parameters: object) -> list[Row]:
        with psycopg.connect(self._url, autocommit=True, row_factory=dict_row) as connection:
            return connection.execute(statement, parameters or None).fetchall()

    def execute(self, statement: str, *parameters: object) -> int:
        with psycopg.connect(self._url, autocommit=True) as connection:
            return connection.execute(statement, parameters or None).rowcount

    @contextmanager
    def transaction(self, statement: str, *parameters: object, commit: bool = False) -> Iterator[None]:
        with psycopg.connect(self._url) as connection:
            connection.execute(statement, parameters)
            yield
            if not commit:
                connection.rollback()

    def tables(self) -> list[str]:
        return [row["tablename"] for row in self.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]

    def clone(self) -> PostgresqlDatabase:
        # A database with connections cannot be copied, and a pooler keeps idle ones.
        self._administer(
            sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}").format(
                sql.Literal(self.name)
            )
        )
        return PostgresqlDatabase(self._server, template=self.name)

    def drop(self) -> None:
        self._administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name)))

    def statements(self) -> int:
        with psycopg.connect(self._server.admin_url, autocommit=True) as connection:
            connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            # Only of the service's role, as the suite reads in the same database.
            row = connection.execute(
                "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s"
                " JOIN pg_database d ON d.oid = s.dbid JOIN pg_roles r ON r.oid = s.userid"
                " WHERE d.datname = %s AND r.rolname = %s AND query !~* %s",
                (self.name, urlsplit(self.service_url).username, _NO_STATEMENTS),
            ).fetchone()
        assert row is not None
        return int(row[0])

    def _administer(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.admin_url, autocommit=True) as connection:
            connection.execute(statement)


class MysqlDatabase(Database):
    """A database of a MySQL or MariaDB server."""

    dialect = "mysql"

    def __init__(self, server: Server) -> None:
        """Create it."""
        self._server = server
        self.name = f"suite_{os.getpid()}_{next(_numbers)}"
        self.service_url = _with_path(server.service_url, self.name)
        user = urlsplit(server.service_url).username
        with closing(mariadb.connect(server.admin_url)) as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {self.name}")
            if server.service_url != server.admin_url:
                cursor.execute(f"GRANT ALL ON {self.name}.* TO {user}@'{LOOPBACK}'")

    def query(self, statement: str, *parameters: object) -> list[Row]:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement, parameters or None)
            return [dict(row) for row in cursor.fetchall()]

    def execute(self, statement: str, *parameters: object) -> int:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            return int(cursor.execute(statement, parameters or None))

    @contextmanager
    def transaction(self, statement: str, *parameters: object, commit: bool = False) -> Iterator[None]:
        with closing(self._connect()) as connection, connection.cursor() as cursor:
            connection.begin()
            cursor.execute(statement, parameters)
            yield
            connection.commit() if commit else connection.rollback()

    def tables(self) -> list[str]:
        statement = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = %s"
        return [row["name"] for row in self.query(statement, self.name)]

    def clone(self) -> MysqlDatabase:
        copy = MysqlDatabase(self._server)
        with closing(copy._connect()) as connection, connection.cursor() as cursor:
            cursor.execute("SET foreign_key_checks = 0")
            for table in self.tables():
                cursor.execute(f"SHOW CREATE TABLE {self.name}.{table}")
                row = cursor.fetchone()
                assert row is not None
                cursor.execute(row["Create Table"])
                cursor.execute(f"INSERT INTO {table} SELECT * FROM {self.name}.{table}")  # noqa: S608 - names from the catalogue
        return copy

    def drop(self) -> None:
        with closing(mariadb.connect(self._server.admin_url)) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {self.name}")

    def statements(self) -> int:
        with closing(mariadb.connect(self._server.admin_url)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(sum(count_star), 0) AS n"
                " FROM performance_schema.events_statements_summary_by_digest"
                " WHERE schema_name = %s AND digest_text NOT REGEXP %s",
                (self.name, _NO_STATEMENTS),
            )
            row = cursor.fetchone()
        assert row is not None
        return int(row["n"])

    def _connect(self) -> Any:
        return mariadb.connect(self._server.admin_url, database=self.name)


def timestamp(value: object) -> datetime:
    """A stored time as an aware datetime, from whatever the database returns."""
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, int):
        return datetime.fromtimestamp(value / 1000, UTC)
    found = datetime.fromisoformat(str(value))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def earlier(stored: object, seconds: int) -> object:
    """The time before a stored one, in the form in which it is stored."""
    if isinstance(stored, int):
        return stored - seconds * 1000
    if isinstance(stored, datetime):
        return stored - timedelta(seconds=seconds)
    text = str(stored)
    before = timestamp(text) - timedelta(seconds=seconds)
    separator = "T" if "T" in text else " "
    fraction = len(text.partition(".")[2].rstrip("Z+0:")) and "." in text
    form = f"%Y-%m-%d{separator}%H:%M:%S" + (".%f" if fraction else "")
    shown = before.strftime(form)
    return shown[:-3] + "Z" if text.endswith("Z") and fraction else shown


def same_id(stored: object, row_id: str) -> bool:
    """Whether a stored id is this one, in whatever form it is stored."""
    if isinstance(stored, bytes) and len(stored) == 16:
        return UUID(bytes=stored) == UUID(row_id)
    return UUID(str(stored)) == UUID(row_id)


_numbers: Iterator[int] = itertools.count(1)
# Transaction control, and the pool's checks of its connections.
_NO_STATEMENTS = (
    r"^ *(BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|SHOW|DEALLOCATE|SELECT ([$]?1|[?]|pg_catalog.set_config.*))"
)


def _forms(row_id: str) -> tuple[object, ...]:
    return row_id, UUID(row_id).hex, UUID(row_id).bytes


def _with_path(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _text(value: object) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def create(dialect: Dialect, folder: Path, server: Server | None) -> Database:
    """A new, empty database."""
    if dialect == "sqlite":
        return SqliteDatabase(folder / f"{next(_numbers)}.db")
    assert server is not None, f"no server of {dialect} in this run"
    return PostgresqlDatabase(server) if dialect == "postgresql" else MysqlDatabase(server)
