"""Successful replies: compact JSON whose bytes are the same in every service of a fleet."""

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
