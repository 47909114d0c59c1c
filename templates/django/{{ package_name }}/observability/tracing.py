"""OpenTelemetry traces: a span for each request and for each statement.

Importing the SDK takes half a second and 30 MB, so this module is imported only where
OTEL_EXPORTER_OTLP_ENDPOINT is set. The SDK reads OpenTelemetry's other variables itself.
"""

import threading
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from .context import TraceParent, current_request
from .routes import route_template

FLUSH_SECONDS = 1.0

tracer = trace.get_tracer(__name__)


def trace_requests(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    resource = Resource.create(
        {
            "service.name": settings.ENV.otel_service_name,
            "service.version": settings.VERSION,
            "deployment.environment.name": settings.ENV.app_env,
        }
    )
    # At the end of the process the SDK would wait for a collector that is gone.
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    connection_created.connect(_trace_statements)

    def traced(request: HttpRequest) -> HttpResponseBase:
        context = current_request()
        method = request.method or ""
        with tracer.start_as_current_span(
            method,
            _remote(context.parent if context else None),
            trace.SpanKind.SERVER,
            {"http.request.method": method, "url.path": request.path},
        ) as span:
            ids = span.get_span_context()
            if context and ids.is_valid:  # the log and the problems carry them
                context.trace_id = trace.format_trace_id(ids.trace_id)
                context.span_id = trace.format_span_id(ids.span_id)
            response = get_response(request)
            if route := route_template(request, response):
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)
            span.set_attribute("http.response.status_code", response.status_code)
            if response.status_code >= 500:
                span.set_status(trace.StatusCode.ERROR)
            return response

    return traced


def flush_traces() -> None:
    """Sends what has not been sent, but does not wait long for a collector."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, TracerProvider):
        sender = threading.Thread(target=provider.shutdown, daemon=True)
        sender.start()
        sender.join(FLUSH_SECONDS)


def _remote(parent: TraceParent | None) -> Context | None:
    if parent is None:
        return None
    ids = trace.SpanContext(
        int(parent.trace_id, 16),
        int(parent.span_id, 16),
        is_remote=True,
        trace_flags=trace.TraceFlags(parent.flags),
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(ids))


def _trace_statements(connection: BaseDatabaseWrapper, **_: object) -> None:
    if _statement_span not in connection.execute_wrappers:
        connection.execute_wrappers.append(_statement_span)


def _statement_span(
    execute: Callable[..., Any], sql: str, params: Any, many: Any, context: dict[str, Any]
) -> Any:
    attributes = {
        "db.system.name": context["connection"].vendor,
        "db.query.text": sql,  # with placeholders, never with values
    }
    with tracer.start_as_current_span(
        sql.split(" ", 1)[0], None, trace.SpanKind.CLIENT, attributes
    ):
        return execute(sql, params, many, context)
