"""Errors that have a problem of their own on the wire.

Services raise them; the handler turns them into replies. A service knows which problem it has (a
slug of the catalogue, or the status where that says it all), never how it is written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar

from .catalog import FAULTS

MAX_FAULTS = 50


class ProblemError(Exception):
    problem: ClassVar[str | int] = 500
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
    problem = "malformed-request"
    detail = "The request cannot be read."


class NotFoundError(ProblemError):
    problem = 404
    detail = "There is nothing here that you may see."


class ContentTooLargeError(ProblemError):
    problem = 413
    detail = "The body is larger than this service reads."


class UnsupportedMediaTypeError(ProblemError):
    problem = 415
    detail = "The body is of a media type or encoding that is not read here."


class UnavailableError(ProblemError):
    problem = 503
    detail = "The service cannot do this at the moment; try again soon."


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong at one place: a pointer into the body, or the name of a query parameter."""

    place: str
    code: str


class ValidationFailedError(ProblemError):
    """Query parameters have names; places in the body have pointers, which begin with #."""

    problem = "validation-failed"
    detail = "The request was read, but it is not valid."

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(faults)[:MAX_FAULTS]
        entries = [
            {
                "pointer" if fault.place.startswith("#") else "parameter": fault.place,
                "code": fault.code,
                "detail": FAULTS[fault.code],
            }
            for fault in self.faults
        ]
        super().__init__(members={"errors": entries})
