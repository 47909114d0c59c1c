from typing import Any

from django.db.models import QuerySet

SLICE = 1000


def delete_in_slices(rows: QuerySet[Any]) -> int:
    """Each slice is a transaction of its own, so that a backlog of any size can be deleted."""
    count = 0
    while keys := list(rows.values_list("pk", flat=True)[:SLICE]):
        rows.filter(pk__in=keys).delete()
        count += len(keys)
    return count
