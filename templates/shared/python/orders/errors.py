from typing import Any

from ..problems.errors import ProblemError


class InsufficientStockError(ProblemError):
    status = 409
    slug = "insufficient-stock"
    detail = "Less is in stock than was ordered."

    def __init__(self, shortages: list[dict[str, Any]]) -> None:
        super().__init__(members={"shortages": shortages})


class InvalidStateError(ProblemError):
    status = 409
    slug = "invalid-state"
    detail = "The order is cancelled already."
