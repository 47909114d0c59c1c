"""Recorded requests and replies, for assertions, reports and the run-wide checks."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

_SHOWN = 1500


@dataclass(frozen=True)
class Reply:
    """One exchange: the request that was sent, and what came back."""

    method: str
    path: str
    """With the query, as it went over the wire."""
    request_headers: httpx.Headers
    request_body: bytes
    status: int
    reason: str
    headers: httpx.Headers
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The parsed body."""
        try:
            return json.loads(self.body)
        except ValueError as error:
            message = f"the reply's body is no JSON ({error})\n{self.describe()}"
            raise AssertionError(message) from error

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "backslashreplace")

    @property
    def media_type(self) -> str:
        """Type and subtype of the body, without parameters, in lower case."""
        return str(self.headers.get("content-type", "")).partition(";")[0].strip().lower()

    @property
    def request_id(self) -> str:
        """X-Request-Id of the reply."""
        return str(self.headers.get("x-request-id", ""))

    def describe(self) -> str:
        """Request and reply as people read them."""
        lines = [f"> {self.method} {self.path}"]
        lines += [f"> {name}: {value}" for name, value in self.request_headers.items() if name not in _DULL]
        lines += _body_lines(">", self.request_body)
        lines += [f"< {self.status} {self.reason} ({self.seconds * 1000:.0f} ms)"]
        lines += [f"< {name}: {value}" for name, value in self.headers.items() if name not in _DULL]
        lines += _body_lines("<", self.body)
        return "\n".join(lines)


@dataclass
class Recorder:
    """Keeps the exchanges of the check that runs now, and hands each to the run-wide observers."""

    recent: list[Reply] = field(default_factory=list)
    observers: list[Callable[[Reply], None]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """A new check starts."""
        with self._lock:
            self.recent.clear()

    def add(self, reply: Reply) -> None:
        """Keep one exchange."""
        with self._lock:
            self.recent.append(reply)
        for observe in self.observers:
            observe(reply)

    def add_raw(self, reply: Reply) -> None:
        """Keep an exchange over a bare socket, which the contract may exempt from its forms."""
        with self._lock:
            self.recent.append(reply)

    def describe(self, last: int = 4) -> str:
        """The last exchanges, oldest first."""
        with self._lock:
            shown, total = self.recent[-last:], len(self.recent)
        text = "\n\n".join(reply.describe() for reply in shown)
        return f"(the last {len(shown)} of {total} exchanges)\n{text}" if total > len(shown) else text


_DULL = frozenset({"accept", "accept-encoding", "user-agent", "host", "date", "server"})


def _body_lines(mark: str, body: bytes) -> list[str]:
    if not body:
        return []
    text = body[:_SHOWN].decode("utf-8", "backslashreplace")
    if len(body) > _SHOWN:
        text += f" ... ({len(body)} bytes)"
    return [mark, *(f"{mark} {line}" for line in text.splitlines())]
