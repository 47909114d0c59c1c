"""Makes a repeated request safe: the first one with a key does the work, the others get its reply.

The record is inserted first, in the transaction of the work itself. A parallel twin waits there
until the first has committed, and then finds the reply; if the first failed, nothing was kept and
the twin does the work.
"""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

from django.conf import settings
from django.db import OperationalError, transaction
from django.http import HttpResponse
from rest_framework.request import Request

from ..api.replies import JSON
from ..api.values import now
from ..authentication.access import Principal
from ..authentication.models import User
from ..database.slices import delete_in_slices
from ..database.waiting import is_deadlock, waited_too_long
from ..problems.errors import MalformedRequestError
from .errors import IdempotencyInProgressError, IdempotencyKeyReusedError
from .models import IdempotencyKey

REPLAYED = "Idempotency-Replayed"
KEY = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,128}")
# When a request fails, MySQL lets one of its waiting twins go on and ends the others as deadlocked.
CLAIMS = 20


@dataclass(frozen=True, slots=True)
class RequestKey:
    """Whose key it is, for what, and the fingerprint of the body it came with."""

    user: User
    method: str
    path: str
    key: str
    body_hash: str


def run_once(request: Request, work: Callable[[], HttpResponse]) -> HttpResponse:
    """Runs `work` in a transaction, and keeps its status, Location and body for the request's key.

    Errors are not kept: they leave the key free. A key belongs to a user, so the operation must ask
    for a credential.
    """
    key = _request_key(request)
    if key is None:
        with transaction.atomic():
            return work()
    for _ in range(CLAIMS):
        claiming = True
        try:
            with transaction.atomic():
                record = _claim(key)
                claiming = False
                if record.response_body is not None:
                    return _replay(record, key)
                reply = work()
                record.response_status = reply.status_code
                record.response_location = reply.headers.get("Location")
                record.response_body = reply.content.decode()
                record.save(update_fields=["response_status", "response_location", "response_body"])
                return reply
        except OperationalError as error:
            if claiming and waited_too_long(error):
                break
            # While only claiming, nothing has been done yet that must not be done twice.
            if not claiming or not is_deadlock(error):
                raise
    raise IdempotencyInProgressError


def is_replay(reply: HttpResponse) -> bool:
    return REPLAYED in reply.headers


def _request_key(request: Request) -> RequestKey | None:
    header = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if header is None:
        return None
    key = header[1:-1] if len(header) > 1 and header[0] == header[-1] == '"' else header
    if not KEY.fullmatch(key):
        raise MalformedRequestError("The Idempotency-Key is not 1 to 128 visible characters.")
    user = cast("Principal", request.auth).user
    body_hash = hashlib.sha256(request.body).hexdigest()
    return RequestKey(user, str(request.method), request.path_info, key, body_hash)


def _claim(key: RequestKey) -> IdempotencyKey:
    """Our record, still without a reply; or the one of an earlier request, with its reply."""
    moment = now()
    same = IdempotencyKey.objects.filter(
        user=key.user, method=key.method, path=key.path, idempotency_key=key.key
    )
    mine = IdempotencyKey(
        user=key.user,
        method=key.method,
        path=key.path,
        idempotency_key=key.key,
        body_hash=key.body_hash,
        created_at=moment,
        expires_at=moment + timedelta(seconds=settings.ENV.idempotency_ttl_seconds),
    )
    for _ in range(CLAIMS):
        # Inserts nothing where there is such a record; waits for a twin that has not committed yet.
        IdempotencyKey.objects.bulk_create([mine], ignore_conflicts=True)
        found = same.first()
        if found and found.expires_at > moment:
            return found
        same.filter(expires_at__lte=moment).delete()  # or the cleanup has done that just now
    raise IdempotencyInProgressError


def _replay(record: IdempotencyKey, key: RequestKey) -> HttpResponse:
    if record.body_hash != key.body_hash:
        raise IdempotencyKeyReusedError
    location = record.response_location
    return HttpResponse(
        record.response_body,
        content_type=JSON,
        status=record.response_status,
        headers=({} if location is None else {"Location": location}) | {REPLAYED: "true"},
    )


def keys_delete_expired() -> int:
    return delete_in_slices(IdempotencyKey.objects.filter(expires_at__lte=now()))
