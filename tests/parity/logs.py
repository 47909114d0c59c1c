"""What the log says of each request of a run, so that two stacks' compare."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from playing import Played

#: Values that differ between any two runs or, like texts for people, are each stack's own.
_FREE = frozenset({
    "timestamp", "message", "request_id", "trace_id", "span_id", "user.id", "http.server.request.duration", "url.path",
    "user_agent.original", "exception.type", "exception.message", "exception.stacktrace",
})  # fmt: skip


def of_requests(played: Sequence[Played], lines: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Each request's lines in their order: events, keys with their types, and the values that must be equal."""
    entries = [json.loads(line) for line in lines]
    by_request: dict[str, list[str]] = {}
    for entry in entries:
        by_request.setdefault(entry.get("request_id", ""), []).append(_shape(entry))
    for one in played:
        yield one.request.name, by_request.get(one.reply.request_id, [])


def outside_requests(lines: Sequence[str]) -> list[str]:
    """The lines of no request, in their order."""
    entries = [json.loads(line) for line in lines]
    return [_shape(entry) for entry in entries if "request_id" not in entry]


def _shape(entry: dict[str, object]) -> str:
    keys = {name: type(value).__name__ if name in _FREE else value for name, value in sorted(entry.items())}
    return f"{entry.get('event', entry['message'])} {json.dumps(keys)}"
