"""Keyset pagination: a cursor names the last item seen, so that changes in between lose nothing."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote
from uuid import UUID

import orjson
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db.models import Model, Q, QuerySet

from ..problems.errors import Fault, ValidationFailedError
from .values import timestamp

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    items: list[M]
    next_cursor: str | None

    def body(self, items: list[dict[str, Any]]) -> dict[str, Any]:
        return {"items": items, "next_cursor": self.next_cursor}


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of which list is wanted: `filters` are the parameters the list was narrowed by."""

    path: str
    sort: str
    limit: int
    cursor: str
    filters: Mapping[str, Any]

    @classmethod
    def of(cls, path: str, query: Mapping[str, Any]) -> Self:
        """What a list's parameters ask for; all that every list does not take is a filter."""
        filters = dict(query)
        return cls(path, filters.pop("sort"), filters.pop("limit"), filters.pop("cursor"), filters)

    def next_link(self, cursor: str | None) -> dict[str, str]:
        """The Link header to the next page (RFC 8288)."""
        if cursor is None:
            return {}
        parameters = {**self.filters, "sort": self.sort, "limit": self.limit, "cursor": cursor}
        query = "&".join(
            f"{name}={quote(str(value), safe='')}" for name, value in parameters.items()
        )
        return {"Link": f'<{self.path}?{query}>; rel="next"'}


def paginate(items: QuerySet[M], page: PageRequest) -> Page[M]:
    """Sorted by any column that is never null: no row comes before or after NULL."""
    name = page.sort.removeprefix("-")
    descending = page.sort.startswith("-")
    column = items.model._meta.get_field(name)  # noqa: SLF001 - is documented
    if column.null:
        message = f"a list cannot be sorted by {name}, which may be null"
        raise ImproperlyConfigured(message)
    if page.cursor:
        key, item_id = _decode(page, column)
        beyond = "lt" if descending else "gt"
        # The first condition is implied by the second; it is what an index can start from.
        items = items.filter(
            Q(**{f"{name}__{beyond}e": key}),
            Q(**{f"{name}__{beyond}": key}) | Q(**{f"id__{beyond}": item_id}),
        )
    # id breaks ties, in the direction of the sort.
    items = items.order_by(page.sort, "-id" if descending else "id")
    found = list(items[: page.limit + 1])
    shown = found[: page.limit]
    more = len(found) > page.limit
    return Page(shown, _encode(page, getattr(shown[-1], name), shown[-1].pk) if more else None)


def _encode(page: PageRequest, key: Any, item_id: UUID) -> str:
    shown_key = _shown(key)
    filters = sorted(f"{name}={value}" for name, value in page.filters.items())
    bound_to = "\n".join([page.path, page.sort, str(shown_key), str(item_id), *filters])
    digest = hashlib.sha256(bound_to.encode()).hexdigest()[:16]
    return _base64(orjson.dumps([page.sort, shown_key, str(item_id), digest]))


def _shown(key: Any) -> Any:
    if isinstance(key, datetime):
        # Cutting a finer time would lose what lies between it and the next millisecond.
        cut = key.microsecond % 1000 == 0
        return timestamp(key) if cut else key.isoformat().replace("+00:00", "Z")
    return key if isinstance(key, (bool, int, float, str)) else str(key)


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(page: PageRequest, column: Any) -> tuple[Any, UUID]:
    """A cursor is good if its key fits the column, and making it again gives the same one."""
    try:
        padding = "=" * (-len(page.cursor) % 4)
        _, shown_key, id_text, _ = orjson.loads(base64.urlsafe_b64decode(page.cursor + padding))
        item_id = UUID(id_text)
        key = column.to_python(shown_key)
        column.run_validators(key)
        if "\0" not in str(key) and _encode(page, key, item_id) == page.cursor:
            return key, item_id
    except (ValueError, TypeError, AttributeError, OverflowError, ValidationError):
        pass
    raise ValidationFailedError([Fault("cursor", "invalid_cursor")])
