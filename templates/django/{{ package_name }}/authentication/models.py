"""Accounts and their credentials. Of tokens and keys only the SHA-256 is stored."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.db import models

from ..api.values import new_id
from .access import ADMIN, USER
from .fields import PasswordHashField


class User(AbstractBaseUser):
    id = models.UUIDField(primary_key=True, default=new_id)
    email = models.CharField(max_length=254)
    password = PasswordHashField(max_length=255, db_column="password_hash")
    display_name = models.CharField(max_length=100)
    role = models.CharField(max_length=16)
    is_active = models.BooleanField()
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()
    last_login = None

    USERNAME_FIELD = "email"

    @property
    def is_staff(self) -> bool:
        """What IsAdminUser of Django REST framework asks for."""
        return self.role == ADMIN

    class Meta:
        db_table = "users"
        # unique=True on the column would make PostgreSQL's second index, for LIKE.
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["email"], name="users_email_key"),
            models.CheckConstraint(
                condition=models.Q(role__in=[USER, ADMIN]), name="users_role_check"
            ),
        ]


class SessionQuerySet(models.QuerySet["Session"]):
    def alive(self, moment: datetime) -> Self:
        """Those that their users may use."""
        return self.filter(
            user__is_active=True,
            ended_at=None,
            expires_at__gt=moment,
            refreshed_at__gt=_idle_since(moment),
        )

    def expired(self, moment: datetime) -> Self:
        """Those that nobody can ever use again; who ends one early keeps its spent tokens known."""
        return self.filter(
            models.Q(expires_at__lte=moment) | models.Q(refreshed_at__lte=_idle_since(moment))
        )


def _idle_since(moment: datetime) -> datetime:
    return moment - timedelta(seconds=settings.ENV.auth_refresh_idle_seconds)


class Session(models.Model):
    """A login: lives until it is ended, has idled too long since refreshed_at, or expires."""

    id = models.UUIDField(primary_key=True, default=new_id)
    user = models.ForeignKey(User, models.PROTECT)
    created_at = models.DateTimeField()
    refreshed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        db_table = "sessions"
        indexes: ClassVar = [models.Index(fields=["expires_at"], name="sessions_expires_at_idx")]


class RefreshToken(models.Model):
    """Spent ones stay: one that comes back was stolen, and ends the session."""

    id = models.UUIDField(primary_key=True, default=new_id)
    session = models.ForeignKey(Session, models.CASCADE)
    token_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "refresh_tokens"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["token_hash"], name="refresh_tokens_token_hash_key")
        ]


class ApiKey(models.Model):
    id = models.UUIDField(primary_key=True, default=new_id)
    user = models.ForeignKey(User, models.PROTECT, db_index=False)
    name = models.CharField(max_length=100)
    key_hash = models.CharField(max_length=64)
    scopes = models.TextField()  # separated by one space, in the order given
    expires_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        db_table = "api_keys"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key_hash"], name="api_keys_key_hash_key")
        ]
        indexes: ClassVar = [
            models.Index(fields=["user", "created_at", "id"], name="api_keys_user_created_at_idx")
        ]
