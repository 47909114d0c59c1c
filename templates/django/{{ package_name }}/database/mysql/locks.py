from django.db import OperationalError

from .base import ER_LOCK_WAIT_TIMEOUT, ER_QUERY_TIMEOUT, ER_STATEMENT_TIMEOUT


def waited_for_lock(error: OperationalError) -> bool:
    return error.args[0] in {ER_QUERY_TIMEOUT, ER_STATEMENT_TIMEOUT, ER_LOCK_WAIT_TIMEOUT}
