"""Problems on the wire."""

from http.client import responses
from typing import Any

import orjson
from django.http import HttpResponse

from ..observability.context import current_request
from .catalog import TITLES
from .errors import CHALLENGE


def problem_reply(
    status: int,
    detail: str,
    *,
    slug: str = "",
    headers: dict[str, str] | None = None,
    members: dict[str, Any] | None = None,
) -> HttpResponse:
    context = current_request()
    document = {
        "type": f"/problems/{slug}" if slug else "about:blank",
        "title": TITLES.get(status) or responses.get(status, "Error"),
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
