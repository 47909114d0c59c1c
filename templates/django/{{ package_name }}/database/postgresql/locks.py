from django.db import OperationalError
from psycopg.errors import LockNotAvailable, QueryCanceled


def waited_for_lock(error: OperationalError) -> bool:
    return isinstance(error.__cause__, (QueryCanceled, LockNotAvailable))
