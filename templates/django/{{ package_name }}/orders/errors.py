from typing import Any

from ..problems.errors import ProblemError


class InsufficientStockError(ProblemError):
    problem = "insufficient-stock"
    detail = "Less is in stock than was ordered."

    def __init__(self, shortages: list[dict[str, Any]]) -> None:
        super().__init__(members={"shortages": shortages})


class InvalidStateError(ProblemError):
    problem = "invalid-state"
    detail = "The order is cancelled already."


class IdempotencyInProgressError(ProblemError):
    problem = "idempotency-in-progress"
    detail = "The first request with this Idempotency-Key is still running."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class IdempotencyKeyReusedError(ProblemError):
    problem = "idempotency-key-reused"
    detail = "This Idempotency-Key was used for another request."
