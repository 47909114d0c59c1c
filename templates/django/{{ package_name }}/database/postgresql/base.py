"""Django's PostgreSQL backend; its pool does not notice what the server has closed."""

from typing import Any, ClassVar

import psycopg
from django.db import IntegrityError, OperationalError, connection
from django.db.backends.postgresql import base

from ...observability.metrics import DB_CLIENT_CONNECTION_COUNT
from ..sockets import has_hung_up
from .connection import DeadlineConnection


class DatabaseWrapper(base.DatabaseWrapper):
    _connection_pools: ClassVar[dict[str, Any]]  # Django's

    def get_new_connection(self, conn_params: Any) -> Any:
        connection = super().get_new_connection(conn_params)
        while self.pool and has_hung_up(connection.fileno()):
            connection.close()
            self.pool.putconn(connection)
            connection = self.pool.getconn()
        self._report()
        return connection

    def close(self) -> None:
        super().close()
        self._report()

    def _report(self) -> None:
        # Not self.pool, which would make one: for the wrong database, while tests are set up.
        if pool := self._connection_pools.get(self.alias):
            stats = pool.get_stats()
            idle = stats["pool_available"]
            DB_CLIENT_CONNECTION_COUNT.labels("used").set(stats["pool_size"] - idle)
            DB_CLIENT_CONNECTION_COUNT.labels("idle").set(idle)


def ping() -> None:
    """On a connection of its own: a service whose pool is used up is still ready."""
    with DeadlineConnection.connect(**connection.get_connection_params()) as own:
        own.execute("SELECT 1")


def violated_constraint(error: IntegrityError) -> str:
    cause = error.__cause__
    return str(cause.diag.constraint_name) if isinstance(cause, psycopg.Error) else ""


def is_outage(_error: OperationalError) -> bool:
    """Statements that are wrong have errors of other classes here."""
    return True
