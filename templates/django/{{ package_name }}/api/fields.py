"""Serializer fields that take JSON for what it is: nothing is coerced, trimmed or ignored.

The fields of Django REST framework turn "1" into 1, 1 into "1", "yes" into true, and trim.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, ClassVar, Self
from uuid import UUID

from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.fields import get_error_detail

from ..problems.catalog import FAULTS
from ..problems.errors import MAX_FAULTS, ValidationFailedError
from ..problems.faults import faults_of
from .values import UUID_TEXT, now

# No database column and no log takes these: NUL, and halves of surrogate pairs.
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
CONTROLS = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
UTC_TEXT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", re.ASCII)
QUERY_INTEGER = re.compile(r"0|[1-9][0-9]{0,15}")
ERROR_MESSAGES = {**FAULTS, "null": FAULTS["wrong_type"]}


class StrictField(serializers.Field[Any, Any, Any, Any]):
    default_error_messages: ClassVar[dict[str, Any]] = ERROR_MESSAGES


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


class Identifier(StrictField):
    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("wrong_type")
        if not UUID_TEXT.fullmatch(data):
            self.fail("invalid_format")
        return UUID(data)


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
        maximum: int | None = None,
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
        if self.maximum is not None and len(data) > self.maximum:
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
                double = [_error("duplicate")]
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

    default_error_messages: ClassVar[dict[str, Any]] = ERROR_MESSAGES

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
            raise ValidationFailedError(faults_of(error.detail)) from None
        return values

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """As the framework's, but `cross_check` runs even where other fields are wrong."""
        if not isinstance(data, dict):
            raise ValidationError([_error("wrong_type")])
        values: dict[str, Any] = {}
        # Of more than are shown nobody needs to know.
        unknown = islice((name for name in data if name not in self.fields), MAX_FAULTS)
        faults: dict[str, Any] = {name: [_error("unknown_field")] for name in unknown}
        for field in self._writable_fields:
            name = str(field.field_name)
            try:
                value = field.run_validation(field.get_value(data))
                if validate := getattr(self, f"validate_{name}", None):
                    value = validate(value)
            except serializers.SkipField:
                continue
            except ValidationError as error:
                faults[name] = error.detail
            except DjangoValidationError as error:
                faults[name] = get_error_detail(error)
            else:
                self.set_value(values, field.source_attrs, value)
        for name, code in self.cross_check(values):
            faults.setdefault(name, [_error(code)])
        if faults:
            raise ValidationError(faults)
        return values

    def cross_check(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Faults between fields; `values` holds the fields that are valid by themselves.

        `validate`, the framework's own place for such checks, runs only where nothing is wrong yet.
        """
        yield from ()


def _error(code: str) -> ErrorDetail:
    return ErrorDetail(FAULTS[code], code)
