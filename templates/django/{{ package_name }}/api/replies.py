"""Successful replies: compact JSON whose bytes are the same in every service of a fleet."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from django.http import HttpResponse
from rest_framework.renderers import BaseRenderer

from .values import timestamp

JSON = "application/json"


def json_reply(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(orjson.dumps(data), content_type=JSON, status=status, headers=headers)


class JSONRenderer(BaseRenderer):
    """What Django REST framework's Response is written with."""

    media_type = JSON
    format = "json"
    charset = None

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        if data is None:
            return b""
        return orjson.dumps(data, _other, orjson.OPT_PASSTHROUGH_DATETIME)


def _other(value: Any) -> str:
    return timestamp(value) if isinstance(value, datetime) else str(value)


def empty_reply(status: int = 204, headers: dict[str, str] | None = None) -> HttpResponse:
    reply = HttpResponse(status=status, headers=headers)
    del reply.headers["Content-Type"]
    return reply
