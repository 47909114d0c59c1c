"""Who and what the current request is, for the log, for traces and for problems."""

import os
import re
from contextvars import ContextVar
from dataclasses import dataclass
from uuid import UUID

from ..api.values import UUID_TEXT

# Version 00 has these four fields and nothing else; later versions may append to them (W3C).
TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")


@dataclass(frozen=True, slots=True)
class TraceParent:
    trace_id: str
    span_id: str
    flags: int


@dataclass(slots=True)
class RequestContext:
    request_id: str
    trace_id: str
    span_id: str
    client_address: str
    parent: TraceParent | None
    user_id: str | None = None


_current: ContextVar[RequestContext | None] = ContextVar("request", default=None)
current_request = _current.get
enter_request = _current.set


def parse_traceparent(header: str) -> TraceParent | None:
    """The caller's place in a trace, or None where the header is absent or invalid."""
    match = TRACEPARENT.fullmatch(header.strip())
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    if (version == "00" and rest) or not trace_id.strip("0") or not span_id.strip("0"):
        return None
    return TraceParent(trace_id, span_id, int(flags, 16))


def new_context(request_id: str, traceparent: str, client_address: str) -> RequestContext:
    random = os.urandom(40)
    request_id = request_id.lower()
    if not UUID_TEXT.fullmatch(request_id):
        request_id = str(UUID(bytes=random[:16], version=4))
    parent = parse_traceparent(traceparent) if traceparent else None
    trace_id = parent.trace_id if parent else random[16:32].hex()
    return RequestContext(request_id, trace_id, random[32:].hex(), client_address, parent)
