"""Values that fit a schema, and values that break one of its rules."""

from __future__ import annotations

import itertools
import random
import re
import secrets
import string
import uuid
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scaffold.conformance.own.document import OwnDocument

_numbers = itertools.count(1)
_LARGEST = 2**53 - 1
_TRIES = 1000
_ID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"


class NotProvableError(Exception):
    """The document does not tell how to make a valid request."""


def body(
    document: OwnDocument, schema: Mapping[str, Any], refer: Callable[[str], str], *, whole: bool = True
) -> dict[str, Any]:
    """An object that fits a schema, another one each time.

    Args:
        document: Where references of the schema lead.
        schema: The schema of the object.
        refer: Makes a resource of a name and returns its id.
        whole: Whether members that may be left out are there, too.

    Raises:
        NotProvableError: A member's schema does not say enough.
    """
    required = document.served.resolve(schema).get("required", [])
    return {
        name: value(document, member, refer, where=name)
        for name, member in document.properties(schema).items()
        if (whole or name in required) and not member.get("readOnly")
    }


def value(document: OwnDocument, schema: Mapping[str, Any], refer: Callable[[str], str], *, where: str) -> Any:
    """A value that fits a schema, another one each time where the schema leaves a choice.

    Raises:
        NotProvableError: It has a pattern or a format that only an example can tell.
    """
    schema = {**document.served.resolve(schema), **{key: schema[key] for key in schema if key != "$ref"}}
    choices = [each for each in schema.get("oneOf", schema.get("anyOf", [])) if each.get("type") != "null"]
    if choices:
        plain = {key: schema[key] for key in schema if key not in {"oneOf", "anyOf"}}
        return value(document, {**plain, **choices[0]}, refer, where=where)
    if "x-refers-to" in schema:
        return refer(str(schema["x-refers-to"]))
    fixed = [schema["const"]] if "const" in schema else [each for each in schema.get("enum", []) if each is not None]
    if fixed:
        return fixed[0]
    match _kind(schema):
        case "boolean":
            made: Any = True
        case "integer" | "number":
            made = schema.get("example", _number(schema))
        case "array":
            count = max(int(schema.get("minItems", 1)), 1)
            made = [value(document, schema["items"], refer, where=where) for _ in range(count)]
        case "object":
            made = body(document, schema, refer)
        case "string":
            made = _text(schema, where)
        case _:
            raise NotProvableError(f"{where}: no type that a value could be made for")
    return made


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a schema beside null."""
    kinds = schema.get("type", "object")
    return next((each for each in kinds if each != "null"), "null") if isinstance(kinds, list) else str(kinds)


def _number(schema: Mapping[str, Any]) -> int:
    low = int(schema.get("minimum", 0 if schema.get("maximum", 0) >= 0 else -_LARGEST))
    high = int(schema.get("maximum", _LARGEST))
    return low + next(_numbers) % (high - low + 1)


def _text(schema: Mapping[str, Any], where: str) -> str:
    examples = [schema["example"]] if "example" in schema else schema.get("examples", [])
    low, high = int(schema.get("minLength", 0)), int(schema.get("maxLength", 100))
    match schema.get("format"):
        case "uuid":
            return str(uuid.uuid4())
        case "date":
            return f"20{next(_numbers) % 90 + 10}-06-15"
        case "date-time":
            return f"20{next(_numbers) % 90 + 10}-06-15T12:00:00.000Z"
        case "email":
            return f"own.{next(_numbers)}.{secrets.token_hex(4)}@people.suite.example"
    pattern = schema.get("pattern")
    if pattern is None:
        text = f"Own {next(_numbers)} {secrets.token_hex(4)}"
        return text[:high].strip().ljust(low, "x")
    for example in examples:
        return _like(str(example), pattern)
    raise NotProvableError(f"{where}: its pattern needs an example")


def _like(example: str, pattern: str) -> str:
    """Another text of a pattern: letters and digits of an example exchanged for others of their kind."""
    kinds = (string.digits, string.ascii_uppercase, string.ascii_lowercase)
    chance = random.SystemRandom()
    for _ in range(_TRIES):
        changed = "".join(
            next((chance.choice(kind) for kind in kinds if character in kind), character) for character in example
        )
        if _fits(pattern, changed):
            return changed
    return example


def _fits(pattern: str, text: str) -> bool:
    """Whether a text has a pattern of JSON Schema, in which `$` is the very end."""
    return bool(re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), text))


def edges(document: OwnDocument, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Right values at the ends of what a schema allows."""
    schema = {**document.served.resolve(schema), **{key: schema[key] for key in schema if key != "$ref"}}
    if schema.keys() & {"oneOf", "anyOf", "enum", "const", "pattern", "format", "x-refers-to"}:
        return
    match _kind(schema):
        case "string":
            # Lengths are code points, whatever a language counts.
            yield from ("\N{GRINNING FACE}" * int(schema[end]) for end in ("minLength", "maxLength") if end in schema)
        case "integer":
            yield from (int(schema[end]) for end in ("minimum", "maximum") if end in schema)


def wrong(document: OwnDocument, schema: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    """Values that break one rule of a schema each, with the code of the fault (contract §10)."""
    schema = {**document.served.resolve(schema), **{key: schema[key] for key in schema if key != "$ref"}}
    if "oneOf" in schema or "anyOf" in schema:
        return
    if "null" not in schema.get("type", ()):
        yield None, "wrong_type"
    if _kind(schema) in _WRONG:
        yield from _WRONG[_kind(schema)](schema)


def _wrong_texts(schema: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    yield 1, "wrong_type"
    if "enum" in schema:
        yield "no such value", "invalid_value"
        return
    if "pattern" in schema or schema.get("format") in {"uuid", "date", "date-time", "email"}:
        yield "\N{SNOWMAN}", "invalid_format"
        yield from ((text, "invalid_format") for text in _near_misses(schema))
    else:
        if "maxLength" in schema:
            yield "x" * (int(schema["maxLength"]) + 1), "too_long"
        if int(schema.get("minLength", 0)) > 0:
            yield "", "too_short"
    yield "a\x00b", "invalid_format"


def _near_misses(schema: Mapping[str, Any]) -> Iterator[str]:
    """Texts that are almost of the pattern of a schema."""
    right = [schema["example"]] if "example" in schema else schema.get("examples", [])
    pattern = schema.get("pattern", "")
    if "x-refers-to" in schema or schema.get("format") == "uuid":
        right, pattern = [str(uuid.uuid4())], pattern or _ID
    for text in map(str, right if pattern else ()):
        for miss in (text.swapcase(), f"{text}\n", f" {text}", f"{text}\N{SNOWMAN}"):
            if not _fits(pattern, miss) and len(miss) <= int(schema.get("maxLength", len(miss))):
                yield miss


def _wrong_integers(schema: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    yield from (("1", "wrong_type"), (1.5, "wrong_type"), (True, "wrong_type"))
    if "minimum" in schema:
        yield int(schema["minimum"]) - 1, "too_small"
    if "maximum" in schema:
        yield int(schema["maximum"]) + 1, "too_large"


def _wrong_arrays(schema: Mapping[str, Any]) -> Iterator[tuple[Any, str]]:
    yield {}, "wrong_type"
    if int(schema.get("minItems", 0)) > 0:
        yield [], "too_few"


_WRONG: Mapping[str, Callable[[Mapping[str, Any]], Iterable[tuple[Any, str]]]] = {
    "string": _wrong_texts,
    "integer": _wrong_integers,
    "boolean": lambda _: (("true", "wrong_type"), (1, "wrong_type")),
    "array": _wrong_arrays,
    "object": lambda _: (([], "wrong_type"),),
}
