"""Checks that observe the whole run, whichever check causes the traffic.

Three checks speak of every reply and every line that a service ever writes: OAS03 (each reply is
documented), LOG01 (each line of standard output has the schema) and LOG03 (no secret comes out). Each
has a body that causes typical traffic; whatever the rest of the run brings to light on top is collected
here and counted against the same check.
"""

from __future__ import annotations

import base64
import contextlib
import json
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import jsonschema_rs

from scaffold.conformance.logbook import line_faults

if TYPE_CHECKING:
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.openapi import OpenApi
    from scaffold.conformance.process import Process

REPLIES, LINES, SECRETS = "OAS03", "LOG01", "LOG03"
_KEPT = 20


@dataclass
class Observations:
    """Faults found by watching, by check."""

    openapi: OpenApi
    """The contract's document."""
    served: OpenApi | None = None
    """The one that the service serves, which has members and operations of its own."""
    found: dict[str, list[str]] = field(default_factory=lambda: {REPLIES: [], LINES: [], SECRETS: []})
    _secrets: dict[str, str] = field(default_factory=dict)
    current: str = ""
    """The check that runs."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, check: str) -> None:
        """A new check starts."""
        self.current = check

    def faults(self, reply: Reply) -> list[str]:
        """How a reply differs from the contract's document, or else from the service's own, which contains it (OAS01)."""
        faults = self.openapi.faults(reply)
        if faults and self.served is not None:
            with contextlib.suppress(jsonschema_rs.ValidationError):  # invalid schemas are found by OAS05
                return self.served.faults(reply)
        return faults

    def reply(self, reply: Reply) -> None:
        """Compare a reply with the documents."""
        for fault in self.faults(reply):
            self._add(REPLIES, f"{fault}\n{reply.describe()}", key=fault)

    def secret(self, name: str, value: str) -> None:
        """From now on this value must not be found in any output.

        Values that are short or have few different characters are left out, such as common passwords: they
        occur in ids by chance.
        """
        if len(value) < _SHORTEST or len(set(value)) < _FEWEST:
            return
        forms = {value, quote(value, safe=""), base64.b64encode(value.encode()).decode().rstrip("=")}
        with self._lock:
            self._secrets |= dict.fromkeys(forms, name)

    def output(self, process: Process, during: str) -> None:
        """Examine what a process of the service wrote; `during` names the check that started it."""
        for line in list(process.stdout.lines):
            for fault in line_faults(line):
                self._add(LINES, fault, during=during)
        self.leaks("standard output", process.stdout.text, during=during)
        self.leaks("standard error", process.stderr.text, during=during)

    def leaks(self, where: str, text: str, *, during: str | None = None) -> None:
        """Look for every secret in a text."""
        with self._lock:
            secrets = list(self._secrets.items())
        for value, name in secrets:
            position = text.find(value)
            if position >= 0:
                excerpt = text[max(0, position - 200) : position + 20]
                self._add(SECRETS, f"{name} stands in {where}: ...{excerpt}...", key=f"{name} {where}", during=during)

    def write(self, file: Path) -> None:
        """Store what was found."""
        file.write_text(json.dumps(self.found), encoding="utf-8")

    def _add(self, check: str, fault: str, *, key: str | None = None, during: str | None = None) -> None:
        during = during or self.current
        text = f"[during {during}] {fault}" if during else fault
        with self._lock:
            known = self.found[check]
            if len(known) < _KEPT and not any((key or fault) in other for other in known):
                known.append(text)


_SHORTEST = 8
_FEWEST = 6


def merged(folder: Path) -> dict[str, list[str]]:
    """What all processes of a run found."""
    found: dict[str, list[str]] = {}
    for file in sorted(folder.glob("observations-*.json")):
        for check, faults in json.loads(file.read_text(encoding="utf-8")).items():
            found.setdefault(check, []).extend(faults)
    return found
