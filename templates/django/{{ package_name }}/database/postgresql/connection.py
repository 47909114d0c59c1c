from typing import Any

import psycopg
from django.conf import settings
from psycopg.pq import TransactionStatus

# How long a statement that was cancelled may take to end; then its server is taken for lost.
GRACE_SECONDS = 1.0


class DeadlineConnection(psycopg.Connection[Any]):
    """Cancels a statement that runs too long, and gives up on a server that has gone silent.

    The server's own statement_timeout does not work behind PgBouncer, where a session belongs to
    many clients and takes no settings at its start.
    """

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        limit = min(settings.ENV.db_statement_timeout, settings.ENV.request_timeout)
        grace = min(GRACE_SECONDS, settings.ENV.request_timeout - limit) / 2
        try:
            return super().wait(gen, interval, timeout or limit)
        except psycopg.OperationalError:
            try:
                # Where the request has no time left, nobody waits for the server's word.
                if self.info.transaction_status != TransactionStatus.ACTIVE or not grace:
                    raise
                self.cancel_safe(timeout=grace)
                return super().wait(gen, interval, grace)
            finally:
                # Whatever still arrives on this connection would be taken for the next answer.
                if self.info.transaction_status == TransactionStatus.ACTIVE:
                    self.close()
