from ..problems.errors import ProblemError


class RateLimitedError(ProblemError):
    problem = "rate-limited"
    detail = "Too many requests; Retry-After says when to come back."

    def __init__(self, seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(seconds)})
