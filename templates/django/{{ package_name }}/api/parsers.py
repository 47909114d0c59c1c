"""JSON bodies, read strictly."""

import json
import math
from collections.abc import Iterable, Mapping
from typing import IO, Any, cast

from django.http import HttpRequest
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from ..problems.errors import MalformedRequestError, UnsupportedMediaTypeError
from .replies import JSON

MERGE_PATCH = "application/merge-patch+json"
# Far more digits than any field takes; converting them would take quadratic time.
MAX_DIGITS = 64


class StrictJSONParser(BaseParser):
    media_type = JSON

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        # What the framework hands over is Django's request, which knows the limit of its body.
        request = cast("HttpRequest", stream)
        if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            raise UnsupportedMediaTypeError(headers={"Accept-Encoding": "identity"})
        if (request.content_params or {}).get("charset", "utf-8").lower() != "utf-8":
            raise UnsupportedMediaTypeError(headers={"Accept": self.media_type})
        body = request.body
        if len(body) != int(request.META["CONTENT_LENGTH"]):
            raise MalformedRequestError("The body is shorter than its Content-Length.")
        return parse_json(body)


class MergePatchParser(StrictJSONParser):
    media_type = MERGE_PATCH


def parse_json(body: bytes) -> Any:
    """RFC 8259 to the letter, where Python's own parser is generous."""
    try:
        return json.loads(body.decode(), parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MalformedRequestError("The body is no JSON text in UTF-8.") from None


def _integer(digits: str) -> int | float:
    return (
        int(digits)
        if len(digits) <= MAX_DIGITS
        else math.copysign(math.inf, -1 if digits[0] == "-" else 1)
    )


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def fitting(parsers: Iterable[BaseParser], request: Request) -> list[BaseParser]:
    """A merge patch is something for PATCH only."""
    return [p for p in parsers if request.method == "PATCH" or p.media_type != MERGE_PATCH]


class ExactContentTypes(BaseContentNegotiation):
    """Picks the parser by the exact media type; what the client accepts is not asked."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        content_type = request.content_type.partition(";")[0].strip().lower()
        return next((p for p in fitting(parsers, request) if p.media_type == content_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, str(renderer.media_type)
