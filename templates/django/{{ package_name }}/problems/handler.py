"""Errors become problems here, wherever they are raised: in a view, or before one is found."""

import sys

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.views import APIView

from ..observability.logging import log
from .errors import (
    ContentTooLargeError,
    MalformedRequestError,
    NotFoundError,
    ProblemError,
    UnavailableError,
)
from .replies import problem_reply


def handle_exception(error: Exception, context: dict[str, object]) -> HttpResponse:
    """Django REST framework's EXCEPTION_HANDLER."""
    if isinstance(error, exceptions.MethodNotAllowed):
        view = context["view"]
        allow = ", ".join(sorted(view.allowed_methods)) if isinstance(view, APIView) else ""
        return problem_reply(405, "The method does not work on this path.", headers={"Allow": allow})
    return reply_to(error)


def reply_to(error: BaseException) -> HttpResponse:
    if isinstance(error, RequestDataTooBig):
        error = ContentTooLargeError()
    elif isinstance(error, UnreadablePostError) and not _timed_out(error):
        error = MalformedRequestError("The body ended before its end.")
    elif isinstance(error, (OperationalError, InterfaceError, UnreadablePostError, TimeoutError)):
        # The database is down, busy or too slow, or the client is too slow.
        log.error("", message="the request could not be served", exc_info=error)
        error = UnavailableError()
    elif not isinstance(error, ProblemError):
        log.error("", message="unexpected error", exc_info=error)
        error = ProblemError()
    return problem_reply(error.problem, error.detail, headers=error.headers, members=error.members)


def _timed_out(error: BaseException | None) -> bool:
    while error and not isinstance(error, TimeoutError):
        error = error.__cause__
    return error is not None


def not_found(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler404: no route has this path. What was looked for is of no use to the client."""
    del exception
    return reply_to(NotFoundError())


def server_error(_request: HttpRequest) -> HttpResponse:
    """Django's handler500: something failed outside of a view."""
    return reply_to(sys.exc_info()[1] or ProblemError())


def bad_request(_request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler400 (suspicious operations)."""
    return reply_to(exception)
