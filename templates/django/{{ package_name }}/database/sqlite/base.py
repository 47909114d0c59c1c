"""Django's SQLite backend with a pool: opening a connection costs more than most queries."""

import sqlite3
from contextlib import closing
from typing import Any

from django.apps import apps
from django.db import IntegrityError, OperationalError, connection
from django.db.backends.sqlite3 import base
from django.db.models import Model, UniqueConstraint

from ..pool import PooledConnections


class DatabaseWrapper(PooledConnections, base.DatabaseWrapper):
    def is_connection_usable(self, connection: Any) -> bool:
        return True  # a file does not hang up


def ping() -> None:
    """On a connection of its own: a service whose pool is used up is still ready."""
    with closing(sqlite3.connect(connection.settings_dict["NAME"])) as own:
        own.execute("PRAGMA schema_version")


def violated_constraint(error: IntegrityError) -> str:
    """Of a unique constraint SQLite names the columns: `products.sku, products.name`."""
    _, _, subject = str(error).partition("constraint failed: ")
    for model in apps.get_models():
        for constraint in model._meta.constraints:  # noqa: SLF001 - is documented
            if isinstance(constraint, UniqueConstraint) and _columns(model, constraint) == subject:
                return constraint.name
    return subject


def _columns(model: type[Model], constraint: UniqueConstraint) -> str:
    options = model._meta  # noqa: SLF001 - is documented
    columns = [getattr(options.get_field(name), "column", "") for name in constraint.fields]
    return ", ".join(f"{options.db_table}.{column}" for column in columns)


def is_outage(error: OperationalError) -> bool:
    """Locked, full, unreadable; SQLITE_ERROR is a statement that is wrong."""
    code = getattr(error.__cause__, "sqlite_errorcode", sqlite3.SQLITE_BUSY)
    return bool(code != sqlite3.SQLITE_ERROR)
