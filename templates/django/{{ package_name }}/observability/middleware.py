"""The outermost layer: gives each request its ids, counts and logs it."""

import time
from collections.abc import Callable
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from ..api.addresses import client_address
from .context import enter_request, new_context
from .logging import log
from .metrics import HTTP_SERVER_ACTIVE_REQUESTS, HTTP_SERVER_REQUEST_DURATION_SECONDS
from .routes import route_template

KNOWN_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"}
QUIET_ROUTES = {"/livez", "/readyz", "/metrics"}
MAX_PATH = 2048
MAX_USER_AGENT = 512

# The client library looks labels up under a lock; each combination is looked up once.
_active = cache(HTTP_SERVER_ACTIVE_REQUESTS.labels)
_duration = cache(HTTP_SERVER_REQUEST_DURATION_SECONDS.labels)


def _log_method(route: str, status: int) -> Callable[..., Any]:
    if status >= 500:
        return log.error
    if route in QUIET_ROUTES:
        return log.debug
    return log.warning if status in {401, 403, 429} else log.info


class ObservabilityMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        if settings.ENV.otel_enabled:
            from .tracing import trace_requests  # noqa: PLC0415 - is slow

            self.get_response = trace_requests(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.perf_counter()
        headers = request.META
        context = new_context(
            headers.get("HTTP_X_REQUEST_ID", ""),
            headers.get("HTTP_TRACEPARENT", ""),
            client_address(headers),
        )
        enter_request(context)
        method = request.method if request.method in KNOWN_METHODS else "_OTHER"
        active = _active(method)
        active.inc()
        try:
            response = self.get_response(request)
        finally:
            active.dec()
        route = route_template(request, response)
        status = response.status_code
        duration = time.perf_counter() - started
        _duration(method, route, status).observe(duration)
        response.headers["X-Request-Id"] = context.request_id
        line = {
            "http.request.method": method,
            "url.path": request.path[:MAX_PATH],
            "http.response.status_code": status,
            "http.server.request.duration": round(duration, 6),
        }
        if route:
            line["http.route"] = route
        if user_agent := headers.get("HTTP_USER_AGENT"):
            line["user_agent.original"] = user_agent[:MAX_USER_AGENT]
        _log_method(route, status)("http.server.request", message="request answered", **line)
        enter_request(None)
        return response
