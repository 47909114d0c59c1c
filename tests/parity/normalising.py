"""Takes out of a reply what differs between any two runs: ids, times, tokens. Everything else stays."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from scaffold.conformance import keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from playing import Played

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_JWT = re.compile(r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+")
_API_KEY = re.compile(r"key_([0-9a-f]{32})_[\w-]{43}(?![\w-])")
_REFRESH = re.compile(r'("refresh_token":")[\w-]{43}(")')
_CURSOR = re.compile(r'((?:"next_cursor":"|[?&]cursor=))([\w-]+)')
_TRACE = re.compile(r'("trace_id":")[0-9a-f]{32}(")')
_SECONDS_LEFT = re.compile(r";t=\d+")
_DIGEST_TAG = re.compile(r'"[0-9a-f]{32}"')


#: Headers whose elements compare in any order and case.
_LISTS = frozenset({"vary", "allow", "accept", "connection"})


def _request_id(value: str, played: Played) -> str:
    sent = played.request.headers.get("X-Request-Id", "").lower()
    return "<as sent>" if value == sent else re.sub(_UUID, "<request>", value)


def _content_length(value: str, played: Played) -> str:
    if played.reply.method == "HEAD":
        return "<of the body that GET has>"
    return "<of the body>" if int(value) == len(played.reply.body) else value


def _retry_after(value: str, played: Played) -> str:
    limited = played.reply.status == httpx.codes.TOO_MANY_REQUESTS
    return "<seconds>" if limited and value.isdigit() and int(value) >= 1 else value


_RULES: Mapping[str, Callable[[str, Played], str]] = {
    "x-request-id": _request_id,
    "date": lambda _value, _played: "<date>",
    "content-length": _content_length,
    "retry-after": _retry_after,
    "ratelimit": lambda value, _played: _SECONDS_LEFT.sub(";t=<seconds>", value),
    "content-type": lambda value, _played: re.sub(r"\s*;\s*", "; ", value).lower(),
}


@dataclass(frozen=True)
class Normal:
    """A reply, so that two stacks' compare."""

    status: int
    headers: dict[str, str]
    body: str


@dataclass
class Normaliser:
    """Knows the ids of one run by the request that showed each first."""

    _ids: dict[str, str] = field(default_factory=dict)
    _tags: dict[str, str] = field(default_factory=dict)

    def normal(self, played: Played) -> Normal:
        """The comparable form of a reply; call it in the order of the run."""
        request, reply = played.request, played.reply
        name = request.name
        own = reply.request_id
        headers: dict[str, str] = {}
        for header, value in sorted(reply.headers.multi_items()):
            text = self._header(header, value, played)
            headers[header] = f"{headers[header]}, {text}" if header in headers else text
        body = reply.text
        if reply.media_type == "text/plain" and reply.path == "/metrics":
            body = "<metrics>"  # Compared by families, after the whole run.
        if own:
            body = body.replace(own, "<request>")
        return Normal(reply.status, headers, self._text(body, name))

    def _header(self, header: str, value: str, played: Played) -> str:
        rule = _RULES.get(header)
        if rule is not None:
            return rule(value, played)
        if header in _LISTS or header.startswith("access-control-"):
            return ", ".join(sorted(element.strip().lower() for element in value.split(",")))
        if header == "etag" and _DIGEST_TAG.fullmatch(value):
            return f"<digest, first of {self._tags.setdefault(value, played.request.name)}>"
        return self._text(value, played.request.name)

    def _text(self, text: str, request: str) -> str:
        text = _JWT.sub(lambda found: f"<token {self._token(found[0], request)}>", text)
        text = _API_KEY.sub(lambda found: f"<key of {self._id(_dashed(found[1]), request)}>", text)
        text = _REFRESH.sub(r"\1<refresh token>\2", text)
        text = _CURSOR.sub(lambda found: found[1] + self._cursor(found[2], request), text)
        text = _TRACE.sub(r"\1<trace>\2", text)
        text = _TIME.sub("<time>", text)
        return re.sub(_UUID, lambda found: self._id(found[0], request), text)

    def _id(self, value: str, request: str) -> str:
        if value not in self._ids:
            shown = sum(label.startswith(f"<id of {request!r} ") for label in self._ids.values())
            self._ids[value] = f"<id of {request!r} {shown + 1}>"
        return self._ids[value]

    def _token(self, token: str, request: str) -> str:
        header, claims = keys.decode(token)
        claims |= {"exp": f"iat+{int(str(claims['exp'])) - int(str(claims['iat']))}", "iat": "<now>"}
        claims |= {"jti": "<jti>", "sid": "<sid>", "sub": self._id(str(claims["sub"]), request)}
        # Within a JSON text: quotes would end the string.
        return json.dumps([header, claims], sort_keys=True).replace('"', "'")

    def _cursor(self, cursor: str, request: str) -> str:
        try:
            raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
            sort, key, row, _ = json.loads(raw)
        except ValueError:
            return cursor
        shown = "<time>" if isinstance(key, str) and _TIME.fullmatch(key) else key
        return f"<cursor {sort} {shown} {self._id(row, request)}>"


def _dashed(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def parsed(body: str) -> Any:
    """A body as JSON, or None."""
    try:
        return json.loads(body)
    except ValueError:
        return None
