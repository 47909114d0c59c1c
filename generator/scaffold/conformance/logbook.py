"""A service's standard output, read as the log lines of the contract."""

from __future__ import annotations

import json
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from scaffold.conformance.contract import contract_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.conformance.process import Output

ACCESS = "http.server.request"
Line = dict[str, Any]


@cache
def _validator() -> jsonschema_rs.Draft202012Validator:
    schema = json.loads((contract_folder() / "log-line.schema.json").read_text(encoding="utf-8"))
    return jsonschema_rs.Draft202012Validator(schema)


def line_faults(text: str) -> list[str]:
    """How a line differs from the schema of log lines; stdout may have no others."""
    try:
        value = json.loads(text, object_pairs_hook=_unique)
    except ValueError as error:
        return [f"no JSON ({error}): {text[:300]}"]
    return [
        f"at /{'/'.join(str(step) for step in error.instance_path)}: {error.message}: {text[:600]}"
        for error in _validator().iter_errors(value)
    ]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "a key stands twice"
        raise ValueError(message)
    return found


class Logbook:
    """The parsed lines of one service; each line is parsed once."""

    def __init__(self, output: Output) -> None:
        """Read from a process's captured output."""
        self._output = output
        self._records: list[Line] = []
        self._lock = threading.Lock()

    def lines(self, since: int = 0) -> list[Line]:
        """The lines from a position on; what is no JSON object reads as an empty one."""
        with self._lock:
            fresh = self._output.lines[len(self._records) :]
            self._records += [_parsed(text) for text in fresh]
            return self._records[since:]

    def mark(self) -> int:
        """A position: how many lines there are now."""
        return len(self._output.lines)

    def wait(self, matches: Callable[[Line], bool], *, since: int = 0, timeout: float = 5.0) -> list[Line]:
        """The matching lines after a position, once there is at least one; empty after `timeout` seconds."""
        position = since
        found: list[Line] = []

        def look() -> bool:
            nonlocal position
            fresh = self.lines(position)
            position += len(fresh)
            found.extend(line for line in fresh if matches(line))
            return bool(found)

        self._output.wait(look, timeout)
        return found

    def access(self, request_id: str, *, timeout: float = 5.0) -> Line:
        """The one access line of a request."""
        self.wait(lambda line: _is_access(line, request_id), timeout=timeout)
        found = [line for line in self.lines() if _is_access(line, request_id)]
        assert len(found) == 1, f"{len(found)} access lines instead of one for the request {request_id}: {found}"
        return found[0]

    def events(self, name: str, *, since: int = 0, timeout: float = 5.0) -> list[Line]:
        """The lines of an event after a position, once there is one."""
        return self.wait(lambda line: line.get("event") == name, since=since, timeout=timeout)

    def of_request(self, request_id: str) -> list[Line]:
        """All lines of a request, after its access line has come."""
        self.access(request_id)
        return [line for line in self.lines() if line.get("request_id") == request_id]


def _is_access(line: Line, request_id: str) -> bool:
    return line.get("event") == ACCESS and line.get("request_id") == request_id


def _parsed(text: str) -> Line:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
