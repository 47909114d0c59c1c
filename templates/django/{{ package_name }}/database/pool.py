"""A bounded pool of connections, for the database drivers that have none."""

import threading
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.db import OperationalError
from django.db.backends.base.base import BaseDatabaseWrapper

from ..observability.metrics import DB_CLIENT_CONNECTION_COUNT


class PoolTimeoutError(OperationalError):
    pass


class ConnectionPool:
    def __init__(self, size: int, timeout: float) -> None:
        self._timeout = timeout
        self._slots = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[Any] = []  # the last one used is the first one taken
        self._used = 0

    def take(self, connect: Callable[[], Any], is_usable: Callable[[Any], bool]) -> Any:
        if not self._slots.acquire(timeout=self._timeout):
            raise PoolTimeoutError("no connection became free in time")
        try:
            connection = self._take_idle(is_usable) or connect()
        except BaseException:
            self._slots.release()
            raise
        self._moved(1)
        return connection

    def _take_idle(self, is_usable: Callable[[Any], bool]) -> Any:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if is_usable(connection):
                return connection
            connection.close()

    def give_back(self, connection: Any, *, reusable: bool) -> None:
        try:
            if reusable:
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()
        finally:
            self._moved(-1)
            self._slots.release()

    def _moved(self, change: int) -> None:
        with self._lock:
            self._used += change
            DB_CLIENT_CONNECTION_COUNT.labels("used").set(self._used)
            DB_CLIENT_CONNECTION_COUNT.labels("idle").set(len(self._idle))


@cache
def _pool_of(_database: str) -> ConnectionPool:
    return ConnectionPool(settings.ENV.db_pool_size, settings.ENV.db_pool_timeout)


class PooledConnections(BaseDatabaseWrapper):
    """For a database backend: opening takes a connection from the pool, closing gives it back."""

    _is_new = True

    def get_new_connection(self, conn_params: Any) -> Any:
        self._is_new = False

        def connect() -> Any:
            self._is_new = True
            return super(PooledConnections, self).get_new_connection(conn_params)

        return self._pool().take(connect, self.is_connection_usable)

    def init_connection_state(self) -> None:
        if self._is_new:
            super().init_connection_state()

    def is_connection_usable(self, connection: Any) -> bool:
        raise NotImplementedError

    def _pool(self) -> ConnectionPool:
        return _pool_of(str(self.settings_dict["NAME"]))

    def _close(self) -> None:
        if self.connection is not None:
            reusable = not self.errors_occurred and not self.in_atomic_block
            self._pool().give_back(self.connection, reusable=reusable)
