"""Errors that have a problem of their own on the wire.

Services raise them; the handler turns them into replies. A service knows which problem it has (a
status, and a slug where the status does not say it all), never how it is written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from heapq import nsmallest
from typing import Any, ClassVar

from .catalog import FAULTS

MAX_FAULTS = 50
CHALLENGE = 'Bearer realm="api"'


class ProblemError(Exception):
    status: ClassVar[int] = 500
    # Names the problem's type, /problems/<slug>; without one it is about:blank.
    slug: ClassVar[str] = ""
    detail: str = "The service has failed; its log says why."

    def __init__(
        self,
        detail: str = "",
        *,
        headers: dict[str, str] | None = None,
        members: dict[str, Any] | None = None,
    ) -> None:
        self.detail = detail or self.detail
        self.headers = headers or {}
        self.members = members or {}
        super().__init__(self.detail)


class MalformedRequestError(ProblemError):
    status = 400
    slug = "malformed-request"
    detail = "The request cannot be read."


class NotFoundError(ProblemError):
    status = 404
    detail = "There is nothing here that you may see."


class AlreadyExistsError(ProblemError):
    status = 409
    slug = "already-exists"
    detail = "Something with this value exists."


class InUseError(ProblemError):
    status = 409
    slug = "in-use"
    detail = "Something else refers to this, so that it cannot be removed."


class PreconditionFailedError(ProblemError):
    status = 412
    slug = "precondition-failed"
    detail = "The resource has changed since it was read."


class ContentTooLargeError(ProblemError):
    status = 413
    detail = "The body is larger than this service reads."


class UnsupportedMediaTypeError(ProblemError):
    status = 415
    detail = "The body is of a media type or encoding that is not read here."


class NoCredentialError(ProblemError):
    status = 401
    detail = "This takes a credential, and none was sent."


class InvalidTokenError(ProblemError):
    status = 401
    slug = "invalid-token"
    detail = "The credential is not valid, or not any more."

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": f'{CHALLENGE}, error="invalid_token"'})


class InsufficientScopeError(ProblemError):
    status = 403
    slug = "insufficient-scope"
    detail = "Your credential does not reach this far."

    def __init__(self, detail: str = "") -> None:
        challenge = f'{CHALLENGE}, error="insufficient_scope"'
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class RateLimitedError(ProblemError):
    status = 429
    slug = "rate-limited"
    detail = "Too many requests; Retry-After says when to come back."

    def __init__(self, seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(seconds)})


class UnavailableError(ProblemError):
    status = 503
    detail = "The service cannot do this at the moment; try again soon."


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong at one place: a pointer into the body, or the name of a query parameter."""

    place: str
    code: str
    detail: str = ""


class ValidationFailedError(ProblemError):
    """Query parameters have names; places in the body have pointers, which begin with #."""

    status = 422
    slug = "validation-failed"
    detail = "The request was read, but it is not valid."

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = nsmallest(MAX_FAULTS, faults)
        entries = [
            {
                "pointer" if fault.place.startswith("#") else "parameter": fault.place,
                "code": fault.code,
                "detail": fault.detail or FAULTS[fault.code],
            }
            for fault in self.faults
        ]
        super().__init__(members={"errors": entries})
