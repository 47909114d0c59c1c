"""Django's SQLite backend with a pool: opening a connection costs more than most queries."""

import sqlite3
from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from ..pool import PooledConnections


class DatabaseWrapper(PooledConnections, base.DatabaseWrapper):
    def is_connection_usable(self, connection: Any) -> bool:
        return True  # a file does not hang up


def is_outage(error: OperationalError) -> bool:
    """Locked, full, unreadable; SQLITE_ERROR is a statement that is wrong."""
    code = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_BUSY)
    return bool(code != sqlite3.SQLITE_ERROR)
