"""Django's SQLite backend with a pool: opening a file and preparing a connection costs more than most queries."""

from typing import Any

from django.db import OperationalError
from django.db.backends.sqlite3 import base

from ..pool import PooledConnections


class DatabaseWrapper(PooledConnections, base.DatabaseWrapper):
    def is_connection_usable(self, connection: Any) -> bool:
        return True  # a file does not hang up


def waited_for_lock(error: OperationalError) -> bool:
    return "locked" in str(error)
