"""The corpus: requests as data, in chapters, in the order in which they are sent.

Each file of `corpus/` is a chapter: the settings of its service, and its requests. An entry is one request
or, by `without`, `members`, `query`, `header` and `paths`, one for each way to vary it:

    do        method and path, with its query; `*` where `paths` is put in
    name      what reports call it; the method and the path if not given
    as, key   whose access token, whose API key: a name that an earlier entry's `session` or `api_key` gave
    headers   sent as they are
    body      JSON; `text` and `bytes` are sent as they are
    type      media type; application/json for `body`, none for the others
    status    what both must answer; without it they need only answer alike
    save      names for later `${name}`: a path into the reply's JSON, or `header:<name>`
    session   name of the session that the reply's tokens open (a login, a refresh)
    api_key   name of the API key that the reply shows
    forge     no request, but tokens as the service signs them: names, with the claims and header members
              that differ from `of`'s (null leaves one out; `+n` and `-n` are seconds from now)
    times     how often it is sent
    without   members of the body: a request without each
    members   members of the body (`lines.0.quantity` goes deeper): a request with each value
    query     parameters: a request with each value, encoded
    header    headers: a request with each value

A value `!long [before, character, times, after]` is a text that is too long to write.

Requests vary by nothing but this data, so that the corpus can seed a fuzzer as well.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FOLDER = Path(__file__).parent / "corpus"
NOTHING: Final = object()
"""No body, as different from the body `null`."""


@dataclass(frozen=True)
class Request:
    """One request, with `${name}` still in it."""

    name: str
    method: str
    path: str
    caller: str | None = None
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: object = NOTHING
    content: bytes | None = None
    media_type: str | None = None
    status: int | None = None
    save: Mapping[str, str] = field(default_factory=dict)
    session: str | None = None
    api_key: str | None = None


@dataclass(frozen=True)
class Forgery:
    """Tokens to make from a session's: by name, the claims and header members that differ."""

    of: str
    tokens: Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Chapter:
    """What is sent to one service."""

    name: str
    settings: Mapping[str, str]
    steps: tuple[Request | Forgery, ...]

    @property
    def requests(self) -> list[Request]:
        """The steps that are requests."""
        return [step for step in self.steps if isinstance(step, Request)]


class _Loader(yaml.SafeLoader):
    """YAML, with long texts by number."""


def _long(loader: _Loader, node: yaml.SequenceNode) -> str:
    before, character, times, after = loader.construct_sequence(node)
    return f"{before}{str(character) * times}{after}"


_Loader.add_constructor("!long", _long)


def chapters() -> list[Chapter]:
    """The whole corpus."""
    return [_chapter(file) for file in sorted(FOLDER.glob("*.yaml"))]


def _chapter(file: Path) -> Chapter:
    data = yaml.load(file.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a safe one with a tag more
    steps = itertools.chain.from_iterable(_steps(entry) for entry in data["requests"])
    return Chapter(file.stem, data.get("settings", {}), tuple(_numbered(steps)))


def _numbered(steps: Iterator[Request | Forgery]) -> Iterator[Request | Forgery]:
    """Names that come more than once get a number."""
    seen: dict[str, int] = {}
    for step in steps:
        if isinstance(step, Request):
            seen[step.name] = seen.get(step.name, 0) + 1
            yield replace(step, name=f"{step.name} #{seen[step.name]}") if seen[step.name] > 1 else step
        else:
            yield step


_KNOWN = {
    "do", "name", "as", "key", "headers", "body", "text", "bytes", "type", "status", "save", "session", "api_key",
    "forge", "of", "times", "without", "members", "query", "header", "paths",
}  # fmt: skip


def _steps(entry: dict[str, Any]) -> Iterator[Request | Forgery]:
    unknown = entry.keys() - _KNOWN
    assert not unknown, f"an entry has the unknown members {unknown}"
    if "forge" in entry:
        yield Forgery(entry["of"], entry["forge"])
        return
    request = _request(entry)
    varied = list(_varied(request, entry))
    yield from (varied or [request]) * int(entry.get("times", 1))


def _request(entry: dict[str, Any]) -> Request:
    method, _, path = entry["do"].partition(" ")
    content = entry.get("bytes", entry["text"].encode() if "text" in entry else None)
    return Request(
        name=entry.get("name", entry["do"]),
        method=method,
        path=path,
        caller=entry.get("as"),
        key=entry.get("key"),
        headers=entry.get("headers", {}),
        body=entry.get("body", NOTHING),
        content=content,
        media_type=entry.get("type"),
        status=entry.get("status"),
        save=entry.get("save", {}),
        session=entry.get("session"),
        api_key=entry.get("api_key"),
    )


def _varied(request: Request, entry: dict[str, Any]) -> Iterator[Request]:
    for path in entry.get("paths", ()):
        yield replace(
            request,
            name=request.name.replace("*", path) if "*" in request.name else f"{request.name} ({path})",
            path=request.path.replace("*", path),
        )
    for member in entry.get("without", ()):
        yield replace(request, name=f"{request.name}, no {member}", body=_changed(request.body, member, NOTHING))
    for member, values in entry.get("members", {}).items():
        for value in values:
            name = f"{request.name}, {member} {value!r}"[:120]
            yield replace(request, name=name, body=_changed(request.body, member, value))
    for parameter, values in entry.get("query", {}).items():
        for value in values:
            join = "&" if "?" in request.path else "?"
            path = f"{request.path}{join}{parameter}={quote(str(value), safe='$' + '{}')}"
            yield replace(request, name=f"{request.name}, {parameter}={value}"[:120], path=path)
    for header, values in entry.get("header", {}).items():
        for value in values:
            name = f"{request.name}, {header}: {value}"[:120]
            yield replace(request, name=name, headers={**request.headers, header: value})


def _changed(body: object, member: str, value: object) -> object:
    """A copy of a body with one member replaced, or (NOTHING) gone."""
    changed: Any = copy.deepcopy(body)
    *way, last = (int(step) if step.isdigit() else step for step in member.split("."))
    target = changed
    for step in way:
        target = target[step]
    if value is NOTHING:
        del target[last]
    else:
        target[last] = value
    return changed
