"""Serializer fields that take JSON for what it is: nothing is coerced, trimmed or ignored.

The fields of Django REST framework turn "1" into 1, 1 into "1", "yes" into true, and trim.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, Self
from urllib.parse import quote

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from ..problems.catalog import FAULTS
from ..problems.errors import Fault, ValidationFailedError
from .values import now

# No database column and no log takes these: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CONTROLS = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
UTC_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII)
QUERY_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}")
# What a URI fragment may hold as it is (RFC 3986 §3.5).
FRAGMENT_SAFE = "!$&'()*+,;=:@/?~"
MAX_POINTER = 200


class StrictField(serializers.Field[Any, Any, Any, Any]):
    default_error_messages: ClassVar[dict[str, Any]] = {**FAULTS, "null": FAULTS["wrong_type"]}


class Text(StrictField):
    def __init__(
        self,
        *,
        minimum: int = 1,
        maximum: int | None = None,
        pattern: re.Pattern[str] | None = None,
        refused: re.Pattern[str] = CONTROLS,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.minimum = minimum
        self.maximum = maximum
        self.pattern = pattern
        self.refused = refused

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("wrong_type")
        if len(data) < self.minimum:
            self.fail("too_short")
        if self.maximum is not None and len(data) > self.maximum:
            self.fail("too_long")
        if self.refused.search(data) or (self.pattern and not self.pattern.fullmatch(data)):
            self.fail("invalid_format")
        return data


class Integer(StrictField):
    def __init__(self, *, minimum: int, maximum: int, **options: Any) -> None:
        super().__init__(**options)
        self.minimum = minimum
        self.maximum = maximum

    def to_internal_value(self, data: Any) -> int:
        # JSON knows numbers only: 1.0 and 1e2 are integers, however they are written.
        if isinstance(data, bool) or not isinstance(data, (int, float)):
            self.fail("wrong_type")
        if isinstance(data, float) and not data.is_integer() and abs(data) != float("inf"):
            self.fail("wrong_type")
        if data < self.minimum:
            self.fail("too_small")
        if data > self.maximum:
            self.fail("too_large")
        return int(data)


class QueryInteger(Integer):
    def to_internal_value(self, data: Any) -> int:
        if not QUERY_INTEGER.fullmatch(data):
            self.fail("wrong_type")
        return super().to_internal_value(int(data))


class Boolean(StrictField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("wrong_type")
        return data


class Choice(StrictField):
    def __init__(self, choices: tuple[str, ...], **options: Any) -> None:
        super().__init__(**options)
        self.choices = choices

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("wrong_type")
        if data not in self.choices:
            self.fail("invalid_value")
        return data


class FutureTime(StrictField):
    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            self.fail("wrong_type")
        if not UTC_TEXT.fullmatch(data):
            self.fail("invalid_format")
        try:
            # The year 0, a leap year, exists in RFC 3339 but not in Python.
            moment = datetime.fromisoformat(re.sub("^0000", "0004", data)).astimezone(UTC)
        except ValueError:
            self.fail("invalid_format")
        if moment <= now():
            self.fail("in_past")
        return moment


class Items(StrictField):
    """A list without doubles; of objects, `key` names the member that must differ."""

    def __init__(
        self,
        child: serializers.Field[Any, Any, Any, Any],
        *,
        maximum: int,
        key: str = "",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.child = child
        self.maximum = maximum
        self.key = key

    def to_internal_value(self, data: Any) -> list[Any]:
        if not isinstance(data, list):
            self.fail("wrong_type")
        if not data:
            self.fail("too_few")
        if len(data) > self.maximum:
            self.fail("too_many")
        values = []
        faults: dict[str, Any] = {}
        seen = set()
        for position, item in enumerate(data):
            index = str(position)
            try:
                values.append(self.child.run_validation(item))
            except ValidationError as error:
                faults[index] = error.detail
            identity = item.get(self.key) if self.key and isinstance(item, dict) else item
            if not isinstance(identity, str):
                continue
            if identity in seen and (self.key or index not in faults):
                double = [ErrorDetail(FAULTS["duplicate"], "duplicate")]
                if self.key:
                    faults.setdefault(index, {})[self.key] = double
                else:
                    faults[index] = double
            seen.add(identity)
        if faults:
            raise ValidationError(faults)
        return values


class StrictSerializer(serializers.Serializer[Any]):
    """Knows all faults of an object at once: those of fields, unknown ones, and across fields."""

    @classmethod
    @cache
    def _instance(cls) -> Self:
        # A serializer holds no state of its input; building one costs more than running it.
        return cls()

    @classmethod
    def names(cls) -> set[str]:
        return set(cls._instance().fields)

    @classmethod
    def check(cls, data: Any) -> dict[str, Any]:
        try:
            values: dict[str, Any] = cls._instance().run_validation(data)
        except ValidationError as error:
            raise ValidationFailedError(_faults(error.detail, "#")) from None
        return values

    def run_validation(self, data: Any = serializers.empty) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise ValidationError([ErrorDetail(FAULTS["wrong_type"], "wrong_type")])
        return self.to_internal_value(data)

    def to_internal_value(self, data: dict[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        faults: dict[str, Any] = {
            name: [ErrorDetail(FAULTS["unknown_field"], "unknown_field")]
            for name in data
            if name not in self.fields
        }
        for name, field in self.fields.items():
            try:
                values[name] = field.run_validation(data.get(name, serializers.empty))
            except serializers.SkipField:
                pass
            except ValidationError as error:
                faults[name] = error.detail
        for name, code in self.cross_check(values):
            faults.setdefault(name, [ErrorDetail(FAULTS[code], code)])
        if faults:
            raise ValidationError(faults)
        return values

    def cross_check(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Faults between fields; `values` holds the fields that are valid by themselves."""
        yield from ()


def _faults(detail: Any, pointer: str) -> Iterator[Fault]:
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _faults(inner, f"{pointer}/{_escaped(str(name))}")
    else:
        code = detail[0].code
        yield Fault(pointer[:MAX_POINTER], "wrong_type" if code == "null" else code)


def _escaped(name: str) -> str:
    """A reference token of a JSON pointer in a URI fragment (RFC 6901 §3 and §6)."""
    name = name.replace("~", "~0").replace("/", "~1")
    return quote(name.encode("utf-8", "replace"), safe=FRAGMENT_SAFE)
