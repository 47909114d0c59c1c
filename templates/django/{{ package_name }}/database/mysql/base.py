"""Django's MySQL backend on PyMySQL, which needs no compiler, with a pool and with time limits."""

import math
import re
from typing import Any

import pymysql

pymysql.install_as_MySQLdb()

from django.conf import settings  # noqa: E402
from django.db import IntegrityError, OperationalError, connection  # noqa: E402
from django.db.backends.mysql import base, schema  # noqa: E402

from ..pool import PooledConnections  # noqa: E402
from ..sockets import has_hung_up  # noqa: E402

ER_QUERY_TIMEOUT = 3024
ER_STATEMENT_TIMEOUT = 1969  # MariaDB
ER_LOCK_WAIT_TIMEOUT = 1205
ER_LOCK_DEADLOCK = 1213
# Too many connections, shutting down, aborted, interrupted, killed.
SERVER_BUSY = {1040, 1053, 1152, 1203, 1317, 1927}
SERVER_BUSY |= {ER_QUERY_TIMEOUT, ER_STATEMENT_TIMEOUT, ER_LOCK_WAIT_TIMEOUT, ER_LOCK_DEADLOCK}
CLIENT_ERRORS = range(2000, 3000)  # no connection, or none any more


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Compared byte by byte, as in the other databases, whatever the server's default is; and
        # NO PAD: blanks at the end count, too.
        collation = "nopad_bin" if self.connection.mysql_is_mariadb else "0900_bin"
        self.sql_create_table += f" CHARACTER SET utf8mb4 COLLATE utf8mb4_{collation}"


class DatabaseWrapper(PooledConnections, base.DatabaseWrapper):
    SchemaEditorClass = DatabaseSchemaEditor

    def init_connection_state(self) -> None:
        super().init_connection_state()
        limit = settings.STATEMENT_SECONDS
        if self._is_new and limit:
            with self.cursor() as cursor:
                if "MariaDB" in self.connection.server_version:
                    cursor.execute("SET SESSION max_statement_time = %s", [limit])
                else:
                    cursor.execute("SET SESSION max_execution_time = %s", [int(limit * 1000)])
                cursor.execute("SET SESSION innodb_lock_wait_timeout = %s", [math.ceil(limit)])

    def is_connection_usable(self, connection: Any) -> bool:
        return not has_hung_up(connection._sock.fileno())  # noqa: SLF001 - it offers no other way


def ping() -> None:
    """On a connection of its own: a service whose pool is used up is still ready."""
    with pymysql.connect(**connection.get_connection_params()) as own:
        own.ping(reconnect=False)


def violated_constraint(error: IntegrityError) -> str:
    """The last word in quotes; MySQL puts the table's name before it."""
    quoted = re.findall(r"['`]([^'`]+)['`]", str(error.args[1]))
    return quoted[-1].rpartition(".")[2] if quoted else ""


def is_outage(error: OperationalError) -> bool:
    """The connection, a limit or a lock; not a statement that is wrong."""
    code = error.args[0]
    return not isinstance(code, int) or code in CLIENT_ERRORS or code in SERVER_BUSY
