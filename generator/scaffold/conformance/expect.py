"""Expectations of replies; a failed one raises `AssertionError` with what was expected and what was received."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NoReturn

from scaffold.conformance import contract

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scaffold.conformance.exchange import Reply

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def status(reply: Reply, *expected: int) -> Reply:
    """Expect one of the statuses; return the reply."""
    if reply.status not in expected:
        wanted = " or ".join(str(code) for code in expected)
        fail(f"expected status {wanted}, got {reply.status}", reply)
    return reply


def duration(told: float, measured: float, *replies: Reply) -> None:
    """Expect the duration that the service reports to be no longer than what the suite measured, in seconds.

    A service stops its clock after the last byte, and may have to wait for a processor first.
    """
    that(
        0 < told <= measured + _PATIENCE_FOR_A_PROCESSOR,
        f"duration {told} s; the suite measured {measured:.4f} s",
        *replies,
    )


_PATIENCE_FOR_A_PROCESSOR = 0.1


def problem(reply: Reply, code: int, slug: str | None = None) -> dict[str, Any]:
    """Expect a problem of RFC 9457 with this status and slug (None: `about:blank`); return its body."""
    status(reply, code)
    if reply.media_type != "application/problem+json":
        fail(f"expected application/problem+json, got {reply.headers.get('content-type')!r}", reply)
    body: dict[str, Any] = reply.json()
    expected = {
        "type": f"/problems/{slug}" if slug else "about:blank",
        "title": contract.titles()[code],
        "status": code,
    }
    got = {name: body.get(name) for name in expected}
    if got != expected:
        fail(f"expected {expected}, got {got}", reply)
    return body


def faults(reply: Reply, *expected: tuple[str, str]) -> dict[str, Any]:
    """Expect `validation-failed` with exactly these faults.

    Args:
        reply: The reply.
        expected: Pairs of place and code; a place that starts with `#` is a pointer, others name a parameter.
    """
    body = problem(reply, 422, "validation-failed")
    got = [(entry.get("pointer", entry.get("parameter")), entry.get("code")) for entry in body.get("errors", [])]
    if got != sorted(expected):
        fail(f"expected the faults {sorted(expected)}, got {got}", reply)
    return body


def header(reply: Reply, name: str, expected: str | None) -> None:
    """Expect a header's exact value, or (None) its absence."""
    got = reply.headers.get(name)
    if got != expected:
        fail(f"expected the header {name} to be {expected!r}, got {got!r}", reply)


def challenge(reply: Reply, error: str | None = None) -> None:
    """Expect the challenge of RFC 6750 §3, with this error or none."""
    value = reply.headers.get("www-authenticate", "")
    scheme, _, rest = value.partition(" ")
    parameters = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    wanted = {"realm": "api"} | ({"error": error} if error else {})
    if scheme.lower() != "bearer" or parameters != wanted:
        fail(f"expected WWW-Authenticate: Bearer with {wanted}, got {value!r}", reply)


def same(what: str, got: object, expected: object, *replies: Reply) -> None:
    """Expect two values to be equal."""
    if got != expected:
        fail(f"{what}: expected {expected!r}, got {got!r}", *replies)


def that(condition: object, what: str, *replies: Reply) -> None:
    """Expect a condition, described by what should have been."""
    if not condition:
        fail(what, *replies)


def indistinguishable(what: str, reply: Reply, other: Reply) -> None:
    """Expect two replies to be equal, apart from what differs between any two requests."""
    same(what, _told(reply), _told(other), reply, other)


#: Members and headers that differ between any two requests.
_OWN_MEMBERS = frozenset({"instance", "trace_id"})
_OWN_HEADERS = frozenset({"date", "x-request-id", "ratelimit", "content-length", "traceparent"})


def _told(reply: Reply) -> tuple[object, ...]:
    body = {name: value for name, value in reply.json().items() if name not in _OWN_MEMBERS}
    headers = sorted((name, value) for name, value in reply.headers.items() if name not in _OWN_HEADERS)
    return reply.status, body, headers


def parameters(value: str) -> dict[str, str]:
    """The `;name=value` parameters of a structured header item (RFC 9651), values unquoted."""
    return {name: text.strip('"') for name, text in re.findall(r';\s*([a-z*][\w.*-]*)=("[^"]*"|[^;,\s]*)', value)}


def items(value: str) -> set[str]:
    """The elements of a comma-separated header, in lower case."""
    return {element.strip().lower() for element in value.split(",") if element.strip()}


def fail(message: str, *replies: Reply) -> NoReturn:
    """Fail with the exchanges in question."""
    __tracebackhide__ = True
    raise Mismatch(message, replies)


class Mismatch(AssertionError):  # noqa: N818 - a finding, not an error of the suite
    """A reply is not as expected."""

    def __init__(self, message: str, replies: Sequence[Reply]) -> None:
        """Keep the replies in question for the report."""
        super().__init__(message)
        self.replies = tuple(replies)
