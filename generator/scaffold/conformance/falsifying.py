"""The interface by which the suite's own tests falsify what the suite sees of a service.

A check that cannot fail proves nothing. A falsifier makes a correct service look wrong in one way;
the run must then fail in exactly the check for it. Ordinary runs have none.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scaffold.conformance.database import Database
    from scaffold.conformance.otlp import Span


class Falsifier:
    """Changes nothing; subclasses override what they falsify."""

    def begin(self, check: str) -> None:
        """A check starts, with the services and fixtures that it asks for first."""
        del check

    def command(self, name: str, command: Sequence[str]) -> Sequence[str]:
        """Wrap the command of a `Procfile` line."""
        del name
        return command

    def source(self, name: str, folder: Path, scratch: Path) -> Path:
        """Start a `Procfile` line in another folder (below `scratch`) than the project's."""
        del name, scratch
        return folder

    def environment(self, name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
        """Tamper with the environment that a command gets."""
        del name
        return environment

    def address(self, host: str, port: int) -> tuple[str, int]:
        """Put a proxy before the service; return where it listens."""
        return host, port

    def stdout(self, line: str) -> str | None:
        """Change a line of standard output; None swallows it."""
        return line

    def span(self, span: Span) -> Span | None:
        """Change a received span; None swallows it."""
        return span

    def prepared(self, database: Database) -> None:
        """Tamper with a released database that a service is about to use."""

    def project(self, folder: Path, scratch: Path) -> Path:
        """Show another folder (below `scratch`) to the checks that read the project's files."""
        del scratch
        return folder

    def close(self) -> None:
        """Release what was opened."""


def load(name: str | None) -> Falsifier:
    """The falsifier named `module:Class`, or `module:Class:argument`; the honest one for None."""
    if name is None:
        return Falsifier()
    module, _, rest = name.partition(":")
    attribute, _, argument = rest.partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    return cast("Falsifier", factory(argument) if argument else factory())
