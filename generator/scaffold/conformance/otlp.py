"""A stand-in for an OpenTelemetry collector: OTLP over HTTP with protobuf bodies."""

from __future__ import annotations

import gzip
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from scaffold.conformance.network import LOOPBACK, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True, slots=True)
class Span:
    """One received span, with what the checks look at."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    kind: int
    """1 internal, 2 server, 3 client (OTLP's SpanKind)."""
    attributes: Mapping[str, object]
    resource: Mapping[str, object]
    status: int
    """0 unset, 1 ok, 2 error."""

    @property
    def is_database(self) -> bool:
        """Whether it is a statement sent to the database (semantic conventions, database client)."""
        return "db.system.name" in self.attributes or "db.system" in self.attributes


class TraceReceiver:
    """Collects what a service exports to `endpoint`."""

    def __init__(self, change: Callable[[Span], Span | None] = lambda span: span) -> None:
        """Listen on a free port; `change` may alter or drop each span (for the suite's own tests)."""
        self._change = change
        self.spans: list[Span] = []
        self.requests = 0
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = b"".join(self._chunks())
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                if self.headers.get("Content-Type") != _PROTOBUF:
                    self.send_error(415)
                    return
                receiver.take(self.path, body)
                reply = ExportTraceServiceResponse().SerializeToString()
                self.send_response(200)
                self.send_header("Content-Type", _PROTOBUF)
                self.send_header("Content-Length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def _chunks(self) -> Iterator[bytes]:
                # http.server leaves the transfer coding to its user, and JavaScript's exporter sends chunks.
                if self.headers.get("Transfer-Encoding") != "chunked":
                    yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
                    return
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    """Trailer fields say nothing that matters here (RFC 9112, section 7.1.2)."""

            def log_message(self, *_args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        """Receive."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop listening."""
        self.close()

    @property
    def endpoint(self) -> str:
        """The base URL for `OTEL_EXPORTER_OTLP_ENDPOINT`."""
        return f"http://{LOOPBACK}:{self._server.server_port}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, body: bytes) -> None:
        """Store the spans of one export."""
        self.requests += 1
        if path != "/v1/traces":
            return
        message = ExportTraceServiceRequest.FromString(body)
        with self._lock:
            for resource_spans in message.resource_spans:
                resource = _attributes(resource_spans.resource.attributes)
                received = (
                    Span(
                        trace_id=span.trace_id.hex(),
                        span_id=span.span_id.hex(),
                        parent_id=span.parent_span_id.hex(),
                        name=span.name,
                        kind=span.kind,
                        attributes=_attributes(span.attributes),
                        resource=resource,
                        status=span.status.code,
                    )
                    for scope in resource_spans.scope_spans
                    for span in scope.spans
                )
                self.spans.extend(span for span in map(self._change, received) if span is not None)

    def trace(self, trace_id: str, *, timeout: float = 10.0) -> list[Span]:
        """The spans of a trace, once its server span has come (it is the last to end)."""

        def complete() -> bool:
            with self._lock:
                return any(span.trace_id == trace_id and span.kind == _SERVER for span in self.spans)

        wait_until(complete, timeout)
        with self._lock:
            return [span for span in self.spans if span.trace_id == trace_id]


_SERVER = 2


def _attributes(pairs: RepeatedCompositeFieldContainer[KeyValue]) -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind is not None else None
