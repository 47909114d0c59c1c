"""The route of a request as the contract writes it: `/v1/products/{id}`."""

import re
from functools import cache

from django.contrib.admindocs.views import simplify_regex
from django.http import HttpRequest
from django.http.response import HttpResponseBase

METHOD_NOT_ALLOWED = 405


@cache
def template(route: str) -> str:
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", simplify_regex(route))


def route_template(request: HttpRequest, response: HttpResponseBase) -> str:
    """Empty where no operation was reached: neither logs nor metrics take names from clients."""
    match = request.resolver_match
    if match is None or response.status_code == METHOD_NOT_ALLOWED:
        return ""
    return template(match.route)
