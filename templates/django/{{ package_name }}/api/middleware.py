"""Headers that every reply has, and CORS."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from .addresses import came_by_https
from .replies import empty_reply

CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
PREFLIGHT_HEADERS = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, "
    "If-None-Match, Traceparent, X-API-Key, X-Request-Id",
    "Access-Control-Max-Age": "600",
}
EXPOSED_HEADERS = (
    "ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    "X-Request-Id"
)


def is_preflight(request: HttpRequest) -> bool:
    return (
        request.method == "OPTIONS"
        and "HTTP_ORIGIN" in request.META
        and "HTTP_ACCESS_CONTROL_REQUEST_METHOD" in request.META
    )


class HeadersMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response
        self.origins = settings.ENV.cors_allowed_origins

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        origin = request.META.get("HTTP_ORIGIN", "") if self.origins else ""
        allowed = bool(origin) and (origin in self.origins or "*" in self.origins)
        if allowed and is_preflight(request):
            reply: HttpResponseBase = empty_reply(headers=PREFLIGHT_HEADERS)
        else:
            reply = self.get_response(request)
        headers = reply.headers
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        headers.setdefault("Cache-Control", "no-store")
        if came_by_https(request.META):
            headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
        if self.origins:
            headers["Vary"] = "Origin"
        if allowed:
            headers["Access-Control-Allow-Origin"] = origin
            headers["Access-Control-Expose-Headers"] = EXPOSED_HEADERS
        if isinstance(reply, HttpResponse) and reply.status_code not in {204, 304}:
            headers["Content-Length"] = str(len(reply.content))
            if request.method == "HEAD":
                reply.content = b""
        return reply
