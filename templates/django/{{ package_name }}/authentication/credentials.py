"""From the headers of a request to its principal: Django REST framework's authentication class."""

import re
import secrets
from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from django.db.models import Q
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from ..api.values import now
from ..observability.context import current_request
from ..observability.logging import log
from ..problems.errors import CHALLENGE, InvalidTokenError, MalformedRequestError
from ..rate_limiting.limiter import refuse_exhausted_address
from .access import Principal, scopes_of
from .models import ApiKey, Session, User
from .permissions import is_public
from .secrets import hash_secret, id_of_api_key
from .tokens import BadTokenError, read_access_token

BEARER = re.compile(r"bearer(?: +(.*))?", re.IGNORECASE | re.DOTALL)
LAST_USED_MOVES_AFTER = timedelta(minutes=1)


def bearer_token(request: Request) -> str | None:
    """Empty where the scheme stands alone; None where there is none, or another scheme."""
    match = BEARER.fullmatch(request.META.get("HTTP_AUTHORIZATION", ""))
    return match and (match[1] or "")


class CredentialAuthentication(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[User, Principal] | None:
        if is_public(request.parser_context["view"], request.method):
            return None
        token = bearer_token(request)
        key = request.META.get("HTTP_X_API_KEY")
        if token is not None and key is not None:
            raise MalformedRequestError("Send one credential, not two.")
        if token is not None:
            principal = _principal_of_token(token)
        elif key is not None:
            principal = _principal_of_key(request, key)
        else:
            return None
        if principal is None:
            log.warning("authn_token_invalid", message="a credential was refused")
            raise InvalidTokenError
        if context := current_request():
            context.user_id = str(principal.user.pk)
        return principal.user, principal

    def authenticate_header(self, _request: Request) -> str:
        return CHALLENGE


def _principal_of_token(text: str) -> Principal | None:
    try:
        token = read_access_token(text)
    except BadTokenError:
        return None
    # A session that has ended ends its tokens at once, whatever they say of their own life.
    session = (
        Session.objects.alive(now())
        .select_related("user")
        .filter(pk=token.session_id, user_id=token.user_id)
        .first()
    )
    if session is None:
        return None
    return _principal(session.user, token.scopes, session.pk, is_key=False)


def _principal_of_key(request: Request, text: str) -> Principal | None:
    key_id = id_of_api_key(text)
    if key_id is None:
        return None
    # Only the database knows which keys exist; whoever guesses must not get that far for ever.
    refuse_exhausted_address(request)
    moment = now()
    key = (
        ApiKey.objects.select_related("user")
        .filter(Q(expires_at=None) | Q(expires_at__gt=moment), pk=key_id, user__is_active=True)
        .first()
    )
    if key is None or not secrets.compare_digest(key.key_hash, hash_secret(text)):
        return None
    if key.last_used_at is None or moment - key.last_used_at >= LAST_USED_MOVES_AFTER:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=moment)
    return _principal(key.user, key.scopes.split(), key.pk, is_key=True)


def _principal(
    user: User, scopes: Iterable[str], credential_id: UUID, *, is_key: bool
) -> Principal:
    """The role counts as it is now, not as it was when the credential was made."""
    reach = frozenset(scopes_of(user.role)).intersection(scopes)
    return Principal(user, reach, credential_id, is_key)
