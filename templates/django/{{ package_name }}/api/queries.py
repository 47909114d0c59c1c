"""Query strings, read strictly."""

import re
from typing import Any
from urllib.parse import unquote_to_bytes

from rest_framework.request import Request

from ..problems.errors import Fault, MalformedRequestError, ValidationFailedError
from .fields import QueryInteger, StrictSerializer, Text

BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
DEFAULT_LIMIT = 20
MAX_LIMIT = 100


class ListQuery(StrictSerializer):
    """What every list takes."""

    limit = QueryInteger(minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT)
    cursor = Text(maximum=512, default="")


def validated_query(request: Request, query: type[ListQuery]) -> dict[str, Any]:
    """The parameters that the list knows; the others are ignored."""
    given = parse_query(request.META.get("QUERY_STRING", ""))
    known = {name: values for name, values in given.items() if name in query.names()}
    faults = [Fault(name, "duplicate") for name, values in known.items() if len(values) > 1]
    single = {name: values[0] for name, values in known.items() if len(values) == 1}
    try:
        validated = query.check(single)
    except ValidationFailedError as error:
        # A parameter has a name, not a place in a document.
        faults += [Fault(fault.place.removeprefix("#/"), fault.code) for fault in error.faults]
    if faults:
        raise ValidationFailedError(faults)
    return validated


def parse_query(query: str) -> dict[str, list[str]]:
    if BAD_ESCAPE.search(query):
        raise MalformedRequestError("The query has a bad percent-encoding.")
    parameters: dict[str, list[str]] = {}
    try:
        for part in query.split("&"):
            if part:
                name, _, value = part.partition("=")
                parameters.setdefault(_decoded(name), []).append(_decoded(value))
    except UnicodeDecodeError:
        raise MalformedRequestError("The query is not in UTF-8.") from None
    return parameters


def _decoded(text: str) -> str:
    # WSGI hands bytes over as characters of Latin-1.
    return unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode()
