"""Successful replies: compact JSON whose bytes are the same in every service of a fleet."""

from datetime import datetime
from typing import Any

import orjson
from django.http import HttpResponse

JSON = "application/json"


def json_reply(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(orjson.dumps(data), content_type=JSON, status=status, headers=headers)


def empty_reply(status: int = 204, headers: dict[str, str] | None = None) -> HttpResponse:
    reply = HttpResponse(status=status, headers=headers)
    del reply.headers["Content-Type"]
    return reply


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
