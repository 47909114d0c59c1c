"""Keyset pagination: a cursor names the last item seen, so that changes in between lose nothing."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote
from uuid import UUID

import orjson
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
    field = page.sort.removeprefix("-")
    descending = page.sort.startswith("-")
    if page.cursor:
        key, item_id = _decode(page, field)
        beyond = "lt" if descending else "gt"
        # The first condition is implied by the second; it is what an index can start from.
        items = items.filter(
            Q(**{f"{field}__{beyond}e": key}),
            Q(**{f"{field}__{beyond}": key}) | Q(**{f"id__{beyond}": item_id}),
        )
    # id breaks ties, in the direction of the sort.
    items = items.order_by(page.sort, "-id" if descending else "id")
    found = list(items[: page.limit + 1])
    shown = found[: page.limit]
    more = len(found) > page.limit
    return Page(shown, _encode(page, getattr(shown[-1], field), shown[-1].pk) if more else None)


def _encode(page: PageRequest, key: datetime | int, item_id: UUID) -> str:
    text = timestamp(key) if isinstance(key, datetime) else str(key)
    filters = sorted(f"{name}={value}" for name, value in page.filters.items())
    bound_to = "\n".join([page.path, page.sort, text, str(item_id), *filters])
    digest = hashlib.sha256(bound_to.encode()).hexdigest()[:16]
    shown_key = text if isinstance(key, datetime) else key
    return _base64(orjson.dumps([page.sort, shown_key, str(item_id), digest]))


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(page: PageRequest, field: str) -> tuple[datetime | int, UUID]:
    """A cursor is good if making it again, for this list, gives the same one."""
    try:
        padding = "=" * (-len(page.cursor) % 4)
        _, shown_key, id_text, _ = orjson.loads(base64.urlsafe_b64decode(page.cursor + padding))
        item_id = UUID(id_text)
        key: datetime | int
        if isinstance(shown_key, str):
            key = datetime.fromisoformat(shown_key).astimezone(UTC)
        else:
            key = int(shown_key)
        if _encode(page, key, item_id) == page.cursor and isinstance(key, datetime) == (
            field == "created_at"
        ):
            return key, item_id
    except (ValueError, TypeError, AttributeError, OverflowError):
        pass
    raise ValidationFailedError([Fault("cursor", "invalid_cursor")])
