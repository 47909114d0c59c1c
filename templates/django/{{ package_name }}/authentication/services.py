"""What changes accounts, sessions and API keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password, verify_password
from django.db import transaction

from ..api.values import new_id, now
from ..database.constraints import unless_violated
from ..database.slices import delete_in_slices
from ..observability.logging import log
from ..observability.metrics import AUTH_LOGIN_TOTAL
from ..problems.errors import (
    Fault,
    InsufficientScopeError,
    NotFoundError,
    ValidationFailedError,
)
from .access import USER, Principal
from .emails import normalise_email
from .errors import EmailTakenError, InvalidCredentialsError, InvalidRefreshTokenError
from .login_limiter import LoginAttempt
from .models import ApiKey, RefreshToken, Session, User
from .passwords import verify_nothing
from .secrets import hash_secret, new_api_key, new_refresh_token
from .tokens import issue_access_token


@dataclass(frozen=True, slots=True)
class Tokens:
    access_token: str
    refresh_token: str


def user_register(*, email: str, password: str, display_name: str, role: str = USER) -> User:
    moment = now()
    user = User(
        email=normalise_email(email),
        display_name=display_name,
        role=role,
        is_active=True,
        created_at=moment,
        updated_at=moment,
    )
    user.set_password(password)
    with unless_violated("users_email_key", EmailTakenError):
        user.save(force_insert=True)
    log.info("user_created", message="an account was made", **{"user.id": str(user.pk)})
    return user


def user_update(user: User, **values: str) -> User:
    changes = {name: value for name, value in values.items() if value != getattr(user, name)}
    if changes:
        for name, value in changes.items():
            setattr(user, name, value)
        user.updated_at = now()
        user.save(update_fields=[*changes, "updated_at"])
        log.info("user_updated", message="a profile was changed")
    return user


def user_change_password(principal: Principal, *, current_password: str, new_password: str) -> None:
    """Ends all other sessions, which somebody who knew the old password may hold."""
    user = principal.user
    attempt = LoginAttempt.count(user.email)
    faults = []
    if check_password(current_password, user.password):
        attempt.succeeded()
    else:
        log.warning("authn_password_change_fail", message="the current password was wrong")
        faults.append(Fault("#/current_password", "incorrect"))
    if normalise_email(new_password) == user.email:
        faults.append(Fault("#/new_password", "blocked_password"))
    if faults:
        raise ValidationFailedError(faults)
    new_hash = make_password(new_password)
    with transaction.atomic():
        locked = _lock_if_still(user, current_password)
        if locked is None:
            raise ValidationFailedError([Fault("#/current_password", "incorrect")])
        locked.password = new_hash
        locked.updated_at = now()
        locked.save(update_fields=["password", "updated_at"])
        Session.objects.filter(user=user, ended_at=None).exclude(pk=principal.credential_id).update(
            ended_at=now()
        )
    log.info("authn_password_change", message="a password was changed")


def session_open(*, email: str, password: str, address: str) -> Tokens:
    """A login."""
    email = normalise_email(email)
    attempt = LoginAttempt.count(email, address)
    user = User.objects.filter(email=email).first()
    if user is None:
        verify_nothing(password)
        raise _login_failure()
    # A disabled account is told apart from a wrong password only after the same work.
    is_correct, is_weak = verify_password(password, user.password)
    if not is_correct or not user.is_active:
        raise _login_failure()
    attempt.succeeded()
    new_hash = make_password(password) if is_weak else ""
    moment = now()
    with transaction.atomic():
        locked = _lock_if_still(user, password)
        if locked is None:
            raise _login_failure()
        if new_hash:
            locked.password = new_hash
            locked.save(update_fields=["password"])
        session = Session.objects.create(
            user=locked,
            created_at=moment,
            refreshed_at=moment,
            expires_at=moment + timedelta(seconds=settings.ENV.auth_refresh_max_seconds),
        )
        refresh_token = _new_refresh_token(session, moment)
    AUTH_LOGIN_TOTAL.labels("success").inc()
    who = {"user.id": str(user.pk)}
    log.info("authn_login_success", message="a login succeeded", **who)
    log.info("session_created", message="a session was opened", **who)
    return Tokens(issue_access_token(session), refresh_token)


def session_refresh(*, refresh_token: str) -> Tokens:
    """Exchanges a refresh token for new tokens; one that was spent before ends its session."""
    moment = now()
    with transaction.atomic():
        # The lock makes one of two who come with the same token the second.
        token = (
            RefreshToken.objects.select_for_update()
            .filter(token_hash=hash_secret(refresh_token))
            .first()
        )
        if token is None:
            raise InvalidRefreshTokenError
        alive = Session.objects.alive(moment).select_related("user")
        session = alive.filter(pk=token.session_id).first()
        if token.used_at is not None:
            Session.objects.filter(pk=token.session_id, ended_at=None).update(ended_at=moment)
            who = {"user.id": str(token.session.user_id)}
            log.warning("authn_token_reuse", message="a spent refresh token came back", **who)
            session = None
        elif session:
            token.used_at = session.refreshed_at = moment
            token.save(update_fields=["used_at"])
            session.save(update_fields=["refreshed_at"])
            new_token = _new_refresh_token(session, moment)
    if session is None:  # raised out here, because what was found out is to be kept
        raise InvalidRefreshTokenError
    who = {"user.id": str(session.user_id)}
    log.info("session_renewed", message="a session was renewed", **who)
    return Tokens(issue_access_token(session), new_token)


def session_end(principal: Principal, *, all_sessions: bool) -> None:
    sessions = Session.objects.filter(user=principal.user, ended_at=None)
    if not all_sessions:
        sessions = sessions.filter(pk=principal.credential_id)
    sessions.update(ended_at=now())
    log.info("authn_token_revoked", message="a session was ended")


def api_key_create(
    principal: Principal, *, name: str, scopes: Sequence[str], expires_at: datetime | None = None
) -> tuple[ApiKey, str]:
    """The key itself is returned beside its record, and can never be had again."""
    if not principal.scopes.issuperset(scopes):
        raise InsufficientScopeError("A key cannot reach further than who makes it.")
    key_id = new_id()
    secret = new_api_key(key_id)
    key = ApiKey.objects.create(
        id=key_id,
        user=principal.user,
        name=name,
        key_hash=hash_secret(secret),
        scopes=" ".join(scopes),
        expires_at=expires_at,
        created_at=now(),
    )
    log.info("authn_token_created", message="an API key was made")
    return key, secret


def api_key_delete(user: User, key_id: UUID) -> None:
    deleted, _ = ApiKey.objects.filter(user=user, pk=key_id).delete()
    if not deleted:
        raise NotFoundError
    log.info("authn_token_revoked", message="an API key was deleted")


def sessions_delete_expired() -> int:
    """Sessions that can never be used again, with their refresh tokens."""
    return delete_in_slices(Session.objects.expired(now()))


def _lock_if_still(user: User, password: str) -> User | None:
    """The account, if it still has the password that was checked without a lock.

    Else a login could undo a change of password that runs beside it, or outlive it.
    """
    locked = User.objects.select_for_update().filter(pk=user.pk, is_active=True).first()
    if locked is None:
        return None
    # Another hash may be of the same password: a login beside this one has made it anew.
    same = locked.password == user.password or check_password(password, locked.password)
    return locked if same else None


def _login_failure() -> InvalidCredentialsError:
    AUTH_LOGIN_TOTAL.labels("failure").inc()
    log.warning("authn_login_fail", message="a login failed")
    return InvalidCredentialsError()


def _new_refresh_token(session: Session, moment: datetime) -> str:
    token = new_refresh_token()
    RefreshToken.objects.create(session=session, token_hash=hash_secret(token), created_at=moment)
    return token
