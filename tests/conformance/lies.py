"""The ways in which an honest service can be made to look wrong, each a small falsifier.

`scaffold verify` never loads this; only the suite's own tests do (`falsifications.py` has the table).
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.conformance.falsifying import Falsifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from lying_proxy import Exchange

    from scaffold.conformance.otlp import Span


@dataclass
class Reply(Falsifier):
    """Changes replies, or requests, on their way: see `lying_proxy`."""

    change: Callable[[Exchange], None]
    """Called with the request before it is forwarded (status 0), and again with the reply."""
    places: AbstractContextManager[object] = field(default_factory=nullcontext)
    """Held by each connection while it is open."""


@dataclass
class Line(Falsifier):
    """Changes lines of standard output."""

    change: Callable[[str], str | None]

    def stdout(self, line: str) -> str | None:
        return self.change(line)


@dataclass
class Environment(Falsifier):
    """Starts the service with other settings than the check asked for; None takes one away."""

    changes: Mapping[str, str | None]
    of: tuple[str, ...] = ("web", "release")

    def environment(self, name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
        if name not in self.of:
            return environment
        merged: dict[str, str | None] = {**environment, **self.changes}
        return {variable: value for variable, value in merged.items() if value is not None}


@dataclass
class Source(Falsifier):
    """Starts the service from source in which some texts are replaced by others."""

    file: str
    changes: Mapping[str, str]
    of: str = "web"

    def source(self, name: str, folder: Path, scratch: Path) -> Path:
        return _overlay(folder, scratch, self.file, self._changed) if name == self.of else folder

    def fits(self, folder: Path) -> bool:
        """Whether the texts stand in the project: else what fails a check is not the lie."""
        file = folder / self.file
        return file.is_file() and all(old in file.read_text() for old in self.changes)

    def _changed(self, text: str) -> str:
        for old, new in self.changes.items():
            text = text.replace(old, new)
        return text


@dataclass
class WithoutParameters(Falsifier):
    """Takes a URL's query out of a setting, such as what asks for TLS."""

    setting: str

    def environment(self, name: str, environment: Mapping[str, str]) -> Mapping[str, str]:
        del name
        return {**environment, self.setting: environment[self.setting].partition("?")[0]}


@dataclass
class Wrapper(Falsifier):
    """Starts the service through a program of our own, which runs it as its child."""

    script: str
    of: str = "web"

    def command(self, name: str, command: Sequence[str]) -> Sequence[str]:
        return [sys.executable, "-c", self.script, *command] if name == self.of else command


@dataclass
class WithoutWords(Falsifier):
    """Starts the service by its command without the words that begin so."""

    beginning: str

    def command(self, name: str, command: Sequence[str]) -> Sequence[str]:
        del name
        return [word for word in command if not word.startswith(self.beginning)]


@dataclass
class Sql(Falsifier):
    """Changes a database while a check runs, and changes it back."""

    do: Sequence[str]
    undo: Sequence[str]


@dataclass
class Spans(Falsifier):
    """Changes the spans that the service exports."""

    change: Callable[[Span], Span | None]

    def span(self, span: Span) -> Span | None:
        return self.change(span)


@dataclass
class Tree(Falsifier):
    """Shows the project's files with one of them changed, or (None) gone."""

    file: str
    change: Callable[[str], str] | None = None

    def project(self, folder: Path, scratch: Path) -> Path:
        return _overlay(folder, scratch, self.file, self.change)


def _overlay(folder: Path, scratch: Path, file: str, change: Callable[[str], str] | None) -> Path:
    """A new folder that shows another, but for one file."""
    shown = Path(tempfile.mkdtemp(dir=scratch))
    *parents, name = file.split("/")
    real, over = folder, shown
    for step in (*parents, name):
        for entry in real.iterdir():
            # Compiled modules would be written back to the folder that is shown.
            if entry.name not in (step, "__pycache__"):
                # Python looks for modules where a program really lies.
                link = shutil.copy2 if entry.is_file() and real == folder else _link
                link(entry, over / entry.name)
        real, over = real / step, over / step
        if step != name:
            over.mkdir()
    if change is not None:
        over.write_text(change(real.read_text()))
    return shown


def _link(target: Path, link: Path) -> None:
    link.symlink_to(target)


@dataclass
class Falsification:
    """A lie, and the check that must find it."""

    check: str
    name: str
    lie: Falsifier = field(repr=False)
    on: str = "sqlite"
    """The project that it is told about, by the name that `falsifications.PROJECTS` gives it."""


def nothing(_exchange: Exchange) -> None:
    """Changes nothing: the lie is that the proxy waits for whole requests, as long as it takes."""


def status(method: str, path: str, before: int, after: int) -> Reply:
    """Change a status."""

    def change(exchange: Exchange) -> None:
        if exchange.is_(method, path, before):
            exchange.become(after)

    return Reply(change)


def header(name: str, value: str | None, *, method: str = ".*", path: str = ".*", when: int | None = None) -> Reply:
    """Change a header of replies, or take it away."""

    def change(exchange: Exchange) -> None:
        if (
            exchange.reply is not None
            and re.fullmatch(method, exchange.method)
            and re.fullmatch(path, exchange.path)
            and when in (None, exchange.status)
        ):
            exchange.reply.set(name, value)

    return Reply(change)


def body(method: str, path: str, when: int | None, change: Callable[[Any], object]) -> Reply:
    """Change the JSON of a reply."""

    def falsify(exchange: Exchange) -> None:
        if exchange.is_(method, path, when):
            exchange.rewrite(change)

    return Reply(falsify)


def request(change: Callable[[Exchange], None]) -> Reply:
    """Change requests before the service sees them."""

    def falsify(exchange: Exchange) -> None:
        if exchange.reply is None:
            change(exchange)

    return Reply(falsify)


def replay(method: str, path: str, when: int) -> Reply:
    """Answer every such request with the first reply there was to it."""

    def falsify(exchange: Exchange) -> None:
        if exchange.is_(method, path, when) and exchange.reply is not None:
            first = exchange.memory.setdefault(
                f"{method} {exchange.target}", (exchange.reply.headers, exchange.reply.body)
            )
            exchange.reply.headers, exchange.reply.body = list(first[0]), first[1]

    return Reply(falsify)


def line(change: Callable[[dict[str, Any]], object]) -> Line:
    """Change the members of each log line; False swallows the line."""

    def falsify(text: str) -> str | None:
        value = json.loads(text)
        kept = change(value)
        return None if kept is False else json.dumps(value)

    return Line(falsify)


def without(span: Span, *attributes: str) -> Span:
    """A span that lacks some attributes."""
    return replace(span, attributes={name: value for name, value in span.attributes.items() if name not in attributes})
