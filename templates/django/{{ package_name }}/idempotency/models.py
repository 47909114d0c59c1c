from typing import ClassVar

from django.conf import settings
from django.db import models

from ..api.values import new_id


class IdempotencyKey(models.Model):
    """Written first in the transaction of the work; the reply is filled in before it commits."""

    id = models.UUIDField(primary_key=True, default=new_id)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, db_index=False)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=255)
    idempotency_key = models.CharField(max_length=128)
    body_hash = models.CharField(max_length=64)
    response_status = models.IntegerField(null=True)
    # Not known before the work is done.
    response_location = models.CharField(max_length=255, null=True)  # noqa: DJ001
    response_body = models.TextField(null=True)  # noqa: DJ001
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        db_table = "idempotency_keys"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "method", "path", "idempotency_key"],
                name="idempotency_keys_user_id_method_path_key",
            )
        ]
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], name="idempotency_keys_expires_idx")
        ]
