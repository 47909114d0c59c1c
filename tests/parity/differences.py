"""What a stack answers unlike the reference, and which of that is allowed, by name and with its reason."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from normalising import Normal, parsed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ALLOWED = Path(__file__).parent / "allowed.yaml"
_DETAIL = re.compile(r'"detail":"(?:\\.|[^"\\])*"')


@dataclass(frozen=True)
class Difference:
    """One place of one exchange, what the reference has there (`one`) and what a stack has (`other`)."""

    stack: str
    chapter: str
    request: str
    place: str
    one: object
    other: object

    def __str__(self) -> str:
        """For the report."""
        return f"{self.stack}: {self.chapter}: {self.request}: {self.place}\n    {self.one!r}\n    {self.other!r}"


@dataclass(frozen=True)
class Allowed:
    """A difference that stays: every member but the name and reason is a pattern that matches whole."""

    name: str
    reason: str
    place: str
    stack: str = ".*"
    request: str = ".*"
    one: str = ".*"
    other: str = ".*"

    def covers(self, difference: Difference) -> bool:
        """Whether this is about it."""
        return all(
            re.fullmatch(pattern, str(value), re.DOTALL)
            for pattern, value in (
                (self.stack, difference.stack),
                (self.place, difference.place),
                (self.request, f"{difference.chapter}: {difference.request}"),
                (self.one, difference.one),
                (self.other, difference.other),
            )
        )


def allowed() -> list[Allowed]:
    """The one list of them."""
    return [Allowed(**entry) for entry in yaml.safe_load(ALLOWED.read_text(encoding="utf-8")) or []]


def between(stack: str, chapter: str, request: str, one: Normal, other: Normal) -> Iterator[Difference]:
    """Everything in which two replies differ."""

    def found(place: str, left: object, right: object) -> Difference:
        return Difference(stack, chapter, request, place, left, right)

    if one.status != other.status:
        yield found("status", one.status, other.status)
    for name in sorted(one.headers.keys() | other.headers.keys()):
        if one.headers.get(name) != other.headers.get(name):
            yield found(f"header {name}", one.headers.get(name), other.headers.get(name))
    left, right = parsed(one.body), parsed(other.body)
    if left is None or right is None:
        if one.body != other.body:
            yield found("body", one.body, other.body)
        return
    inner = list(_inner("body", left, right))
    for place, a, b in inner:
        yield found(place, a, b)
    # Order of members, spacing and escapes, which parsing hides.
    texts = [_DETAIL.sub('"detail":""', normal.body) for normal in (one, other)]
    if all(place.endswith("/detail") for place, _, _ in inner) and texts[0] != texts[1]:
        yield found("bytes of the body", *texts)


def _inner(place: str, one: Any, other: Any) -> Iterator[tuple[str, object, object]]:
    if isinstance(one, dict) and isinstance(other, dict):
        for name in sorted(one.keys() | other.keys()):
            yield from _inner(f"{place}/{name}", one.get(name), other.get(name))
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            yield from _inner(f"{place}/{number}", a, b)
    elif one != other or type(one) is not type(other):
        yield place, one, other


def judge(found: Iterable[Difference]) -> tuple[list[Difference], set[str]]:
    """The differences that nothing allows, and the names of the entries that were needed."""
    entries = allowed()
    stray, used = [], set()
    for difference in found:
        covering = [entry.name for entry in entries if entry.covers(difference)]
        used |= set(covering)
        if not covering:
            stray.append(difference)
    return stray, used
