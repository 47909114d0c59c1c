from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from rest_framework import serializers

from ..api.fields import UNSTORABLE, Boolean, Choice, FutureTime, Items, StrictSerializer, Text
from ..api.values import timestamp
from .access import SCOPES
from .emails import EMAIL, normalise_email
from .models import ApiKey, User

MAX_PASSWORD = 128


class Password(Text):
    """One that exists: nothing is asked of it but that it can be compared. Blanks count."""

    def __init__(self) -> None:
        super().__init__(maximum=MAX_PASSWORD, refused=UNSTORABLE)


class NewPassword(Password):
    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and len(data) < settings.ENV.auth_password_min_length:
            self.fail("too_short")
        password = super().to_internal_value(data)
        try:
            validate_password(password)  # AUTH_PASSWORD_VALIDATORS
        except DjangoValidationError:
            self.fail("blocked_password")
        return password


class RegistrationInput(StrictSerializer):
    email = Text(minimum=3, maximum=254, pattern=EMAIL)
    password = NewPassword()
    display_name = Text(maximum=100)

    def cross_check(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        email, password = values.get("email"), values.get("password")
        if email and password and normalise_email(email) == normalise_email(password):
            yield "password", "blocked_password"


class CredentialsInput(StrictSerializer):
    email = Text(maximum=254)
    password = Password()


class RefreshInput(StrictSerializer):
    refresh_token = Text(maximum=512)


class LogoutInput(StrictSerializer):
    all = Boolean(default=False)


class UserPatchInput(StrictSerializer):
    display_name = Text(maximum=100, required=False)


class PasswordChangeInput(StrictSerializer):
    current_password = Password()
    new_password = NewPassword()


class ApiKeyInput(StrictSerializer):
    name = Text(maximum=100)
    scopes = Items(Choice(tuple(SCOPES)))
    expires_at = FutureTime(allow_null=True, default=None)


class UserOutput(serializers.BaseSerializer[User]):
    def to_representation(self, instance: User) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "email": instance.email,
            "display_name": instance.display_name,
            "role": instance.role,
            "created_at": timestamp(instance.created_at),
            "updated_at": timestamp(instance.updated_at),
        }


class ApiKeyOutput(serializers.BaseSerializer[ApiKey]):
    def to_representation(self, instance: ApiKey) -> dict[str, Any]:
        return {
            "id": str(instance.pk),
            "name": instance.name,
            "scopes": instance.scopes.split(" "),
            "expires_at": instance.expires_at and timestamp(instance.expires_at),
            "last_used_at": instance.last_used_at and timestamp(instance.last_used_at),
            "created_at": timestamp(instance.created_at),
        }
