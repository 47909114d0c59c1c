from typing import Any

import psycopg
from django.conf import settings
from psycopg.pq import TransactionStatus

# The server cancels a statement that runs too long; this much later it is taken for lost.
GRACE_SECONDS = 1.0


class DeadlineConnection(psycopg.Connection[Any]):
    """Gives up on a server that has gone silent: no time-out of the server's can tell of that."""

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        limit = min(settings.ENV.db_statement_timeout + GRACE_SECONDS, settings.ENV.request_timeout)
        try:
            return super().wait(gen, interval, timeout or limit)
        except psycopg.OperationalError:
            # Whatever still arrives on this connection would be taken for the next answer.
            if self.info.transaction_status == TransactionStatus.ACTIVE:
                self.close()
            raise
