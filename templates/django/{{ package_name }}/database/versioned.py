"""Rows with a version, which is their ETag: each change raises it."""

from collections.abc import Collection, Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.db import models

from ..api.values import new_id, now
from ..problems.errors import NotFoundError, PreconditionFailedError


class VersionedModel(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id)
    version = models.BigIntegerField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        abstract = True


M = TypeVar("M", bound=VersionedModel)


def create(model: type[M], **values: Any) -> M:
    """The first version of a row."""
    moment = now()
    row = model(**values, version=1, created_at=moment, updated_at=moment)
    row.save(force_insert=True)
    return row


def lock(rows: models.QuerySet[M], row_id: UUID, expected: Collection[int] | None) -> M:
    """The row, which nobody else changes before the transaction ends.

    `expected` are the versions that the caller knows (If-Match), or None where any will do.
    """
    row = rows.select_for_update().filter(pk=row_id).first()
    if row is None:
        raise NotFoundError
    if expected is not None and row.version not in expected:
        raise PreconditionFailedError
    return row


def change(row: VersionedModel, values: Mapping[str, Any]) -> bool:
    """Saves what differs, as the next version; False where nothing does."""
    changes = {name: value for name, value in values.items() if value != getattr(row, name)}
    if changes:
        for name, value in changes.items():
            setattr(row, name, value)
        row.version += 1
        row.updated_at = now()
        row.save(update_fields=[*changes, "version", "updated_at"])
    return bool(changes)
