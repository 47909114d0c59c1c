"""Problems on the wire."""

from typing import Any

import orjson
from django.http import HttpResponse

from ..observability.context import current_request
from .catalog import STATUSES, TITLES

CHALLENGE = 'Bearer realm="api"'


def problem_reply(
    problem: str | int,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    members: dict[str, Any] | None = None,
) -> HttpResponse:
    """`problem` is a slug of the catalogue, or a status that says it all."""
    if isinstance(problem, str):
        status, kind = STATUSES[problem], f"/problems/{problem}"
    else:
        status, kind = problem, "about:blank"
    context = current_request()
    document = {
        "type": kind,
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        "instance": f"urn:uuid:{context.request_id}" if context else None,
        "trace_id": context.trace_id if context else None,
        **(members or {}),
    }
    reply = HttpResponse(
        orjson.dumps(document),
        content_type="application/problem+json",
        status=status,
        headers=headers,
    )
    if status == 401:
        reply.headers.setdefault("WWW-Authenticate", CHALLENGE)
    elif status == 503:
        reply.headers.setdefault("Retry-After", "1")
    return reply
