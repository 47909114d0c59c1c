from ..problems.errors import ProblemError


class IdempotencyInProgressError(ProblemError):
    status = 409
    slug = "idempotency-in-progress"
    detail = "The first request with this Idempotency-Key is still running."

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "1"})


class IdempotencyKeyReusedError(ProblemError):
    status = 422
    slug = "idempotency-key-reused"
    detail = "This Idempotency-Key was used for another request."
