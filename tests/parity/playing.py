"""Sends a chapter to one service, and keeps what it learns on the way."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from corpus import NOTHING, Chapter, Forgery, Request

from scaffold.conformance import keys
from scaffold.conformance.exchange import Reply
from scaffold.conformance.raw import ConnectionEndedError

if TYPE_CHECKING:
    from scaffold.conformance.client import Api
    from scaffold.conformance.service import Service

_NAME = re.compile(r"\$\{([\w.]+)\}")


@dataclass
class Played:
    """A request, and the reply of one stack."""

    request: Request
    reply: Reply


@dataclass
class Player:
    """One run of one chapter."""

    service: Service
    key: keys.SigningKey
    known: dict[str, str] = field(default_factory=dict)
    unexpected: list[str] = field(default_factory=list)
    """Replies that are not what the corpus says."""
    _api: Api = field(init=False)

    def __post_init__(self) -> None:
        """One caller for all requests: connections are kept, as clients do."""
        self._api = self.service.api()

    def play(self, chapter: Chapter) -> list[Played]:
        """Send everything, in order."""
        assert self.service.admin is not None
        self.known |= {
            "admin_email": self.service.admin.email,
            "admin_password": self.service.admin.password,
            "metrics_token": self.service.metrics_token or "",
        }
        played = []
        for step in chapter.steps:
            if isinstance(step, Forgery):
                self._forge(step)
            else:
                reply = self._send(step)
                self._learn(step, reply)
                played.append(Played(step, reply))
        self._api.close()
        return played

    def _send(self, request: Request) -> Reply:
        headers = {name: self._filled(value) for name, value in request.headers.items()}
        if request.caller:
            headers["Authorization"] = f"Bearer {self.known[request.caller + '.access']}"
        if request.key:
            headers["X-API-Key"] = self.known[request.key]
        content, media_type = request.content, request.media_type
        if request.body is not NOTHING:
            text = json.dumps(request.body, ensure_ascii=False)
            content = self._filled(text).encode("utf-8", "surrogatepass")
            media_type = media_type or "application/json"
        path = self._filled(request.path)
        try:
            return self._api.request(request.method, path, content=content, headers=headers, media_type=media_type)
        except (httpx.TransportError, ConnectionEndedError):
            # Closing the connection is an answer too, to what cannot be read.
            return Reply(request.method, path, httpx.Headers(), content or b"", 0, "closed", httpx.Headers(), b"", 0.0)

    def _filled(self, text: str) -> str:
        return _NAME.sub(lambda found: self.known[found[1]], text)

    def _learn(self, request: Request, reply: Reply) -> None:
        if request.status not in (None, reply.status):
            self.unexpected.append(f"{request.name}: expected {request.status}\n{reply.describe()}")
        if request.session:
            body = reply.json()
            self.known[f"{request.session}.access"] = body["access_token"]
            self.known[f"{request.session}.refresh"] = body["refresh_token"]
        if request.api_key:
            self.known[request.api_key] = reply.json()["key"]
        for name, place in request.save.items():
            kind, _, header = place.partition(":")
            self.known[name] = reply.headers[header] if kind == "header" else str(_at(reply.json(), place))

    def _forge(self, forgery: Forgery) -> None:
        header, claims = keys.decode(self.known[f"{forgery.of}.access"])
        for name, changes in forgery.tokens.items():
            own, changed = dict(header), dict(claims)
            for member, value in changes.items():
                place, _, inner = member.partition(".")
                target = own if place == "header" else changed
                target[inner or place] = _moment(value)
                if value is None:
                    del target[inner or place]
            signed = keys.signing_input(own, changed)
            self.known[f"{name}.access"] = f"{signed}.{keys.base64url(self.key.sign(signed.encode()))}"


def _moment(value: object) -> object:
    """`+60` is in a minute."""
    return int(time.time()) + int(value) if isinstance(value, str) and re.fullmatch(r"[+-]\d+", value) else value


def _at(body: Any, path: str) -> Any:
    for step in path.split("."):
        body = body[int(step)] if step.isdigit() else body[step]
    return body
