"""All kinds of callers of an operation: anonymous, users, administrators, and API keys with each scope."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scaffold.conformance import expect

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.openapi import OpenApi, Operation

#: Statuses of an authorised caller whose request is otherwise invalid.
_LET_IN = (200, 201, 204, 404, 409, 422)


@dataclass(frozen=True)
class Caller:
    """A caller with a role and, for an API key, its scopes."""

    name: str
    api: Api
    kind: str
    role: str
    scopes: frozenset[str]

    def expected(self, operation: Operation) -> int | None:
        """The status of a refusal, None if the caller is authorised."""
        if not operation.security:
            return None
        if self.kind == "nobody":
            return 401
        for way in operation.security:
            if self.kind in way:
                enough = set(way[self.kind]) <= self.scopes
                return None if enough and operation.required_role in (None, self.role) else 403
        return 403

    def expect(self, operation: Operation) -> None:
        """Expect the operation to accept or refuse the caller, as the document says."""
        refused, reply = self.expected(operation), attempt(self.api, operation)
        if refused is None:
            let_in = reply.status in _LET_IN or (operation.id == "getDocs" and reply.status == 404)
            expect.that(let_in, f"{self.name} was refused {operation.id}", reply)
        else:
            expect.problem(reply, refused, "insufficient-scope" if refused == 403 else None)


def scopes(document: OpenApi) -> list[str]:
    """All scopes that a document names."""
    return [str(entry["const"]) for entry in document.document["components"]["schemas"]["Scope"]["oneOf"]]


def everybody(people: People, of_role: Mapping[str, Sequence[str]] | None = None) -> Iterator[Caller]:
    """A caller of each kind: anonymous, and for each role a token and a key with each scope.

    Args:
        people: Of the service in question.
        of_role: The scopes of each role; where the document does not tell, those that its tokens carry.
    """
    anonymous = people.target.api()
    yield Caller("nobody", anonymous, "nobody", "", frozenset())
    user = people.new()
    having = (of_role or {}).get("user") or str(user.session.claims["scope"]).split()
    yield Caller("a user", user.api, "bearer", "user", frozenset(having))
    for scope in having:
        key = people.key(people.new(), scope)["key"]
        yield Caller(f"a user's key with {scope}", anonymous.with_key(key), "apiKey", "user", frozenset({scope}))
    session = people.login(people.admin.email, people.admin.password)
    having = (of_role or {}).get("admin") or str(session.claims["scope"]).split()
    yield Caller("an administrator", session.api, "bearer", "admin", frozenset(having))
    for scope in having:
        key = people.key(people.admin, scope)["key"]
        yield Caller(
            f"an administrator's key with {scope}", anonymous.with_key(key), "apiKey", "admin", frozenset({scope})
        )


def path(operation: Operation) -> str:
    """The operation's path, every parameter an id that nothing has."""
    return "/".join(str(uuid.uuid4()) if part.startswith("{") else part for part in operation.path.split("/"))


def attempt(api: Api, operation: Operation) -> Reply:
    """Call an operation in a way that changes nothing."""
    if "requestBody" in operation.spec:
        # An invalid body, so that nothing is changed.
        return api.request(operation.method, path(operation), json={"no_such_field": 1})
    return api.request(operation.method, path(operation))
