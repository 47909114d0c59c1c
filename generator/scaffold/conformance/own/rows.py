"""Makes rows of resources over the API, as their owners would, from the document alone."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scaffold.conformance import expect
from scaffold.conformance.own import values
from scaffold.conformance.own.values import NotProvableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.conformance.accounts import Account, People
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.openapi import Operation
    from scaffold.conformance.own.document import OwnDocument, Resource


@dataclass
class Row:
    """A row that was made.

    Attributes:
        resource: What it is a row of.
        by: Who made it.
        sent: The body that made it.
        reply: What came back.
    """

    resource: Resource
    by: Account
    sent: Mapping[str, Any]
    reply: Reply

    @property
    def body(self) -> dict[str, Any]:
        """The row as the service shows it."""
        shown: dict[str, Any] = self.reply.json()
        return shown

    @property
    def path(self) -> str:
        """Where it is."""
        return str(self.reply.headers["location"])


@dataclass
class Rows:
    """Makes rows of any resource of a document."""

    document: OwnDocument
    people: People
    _referred: dict[tuple[str, str], str] = field(default_factory=dict)

    def maker(self, resource: Resource) -> Account:
        """Somebody who may make rows of a resource: a new user, or the administrator where the role is asked for."""
        return self.people.admin if resource.create.required_role == "admin" else self.people.new()

    def sending(self, resource: Resource, by: Account, *, whole: bool = True) -> dict[str, Any]:
        """A body that makes a row.

        Raises:
            NotProvableError: The document does not say how.
        """
        return self.right_body(resource.create, by, whole=whole)

    def right_body(self, operation: Operation, by: Account, *, whole: bool = True) -> dict[str, Any]:
        """A body that an operation takes.

        Raises:
            NotProvableError: The document does not say how.
        """
        schema = self.document.body_schema(operation)
        if schema is None:
            raise NotProvableError(f"{operation.id} takes no JSON body")
        return values.body(self.document, schema, lambda name: self.reference(name, by), whole=whole)

    def try_making(self, resource: Resource, by: Account, body: Mapping[str, Any]) -> Reply:
        """Send a body to the operation that makes rows; expects nothing."""
        return by.api.post(self.target(resource.create, by), dict(body))

    def new(self, resource: Resource, by: Account | None = None, **changes: object) -> Row:
        """A new row.

        Raises:
            NotProvableError: The document does not say enough: what it describes as valid is refused.
        """
        maker = by or self.maker(resource)
        sent = self.sending(resource, maker) | changes
        reply = self.try_making(resource, maker, sent)
        if reply.status in {409, 422}:
            told = [f"{each.get('pointer')} {each.get('code')}" for each in reply.json().get("errors", [])]
            reason = ", ".join(told) or reply.json().get("type")
            raise NotProvableError(f"{resource.create.id} refuses what its schema allows: {reason}")
        expect.status(reply, 201)
        return Row(resource, maker, sent, reply)

    def reference(self, name: str, by: Account) -> str:
        """The id of a row of a resource that a caller can refer to; the same one each time.

        Raises:
            NotProvableError: There is no such resource.
        """
        if name == "user":
            return by.id
        if (name, by.id) not in self._referred:
            resource = self.document.resources.get(name)
            if resource is None:
                raise NotProvableError(f'no tag has an x-resource of the name "{name}"')
            maker = self.people.admin if resource.create.required_role == "admin" else by
            self._referred[name, by.id] = str(self.new(resource, maker).body["id"])
        return self._referred[name, by.id]

    def target(self, operation: Operation, by: Account, own: str | None = None) -> str:
        """The path of an operation with its parameters filled in; the last one with `own`, where that is given.

        Raises:
            NotProvableError: A parameter does not say what it refers to.
        """
        names = re.findall(r"\{(\w+)\}", operation.path)
        known = self.document.parameters(operation, "path")
        path = operation.path
        for number, name in enumerate(names, 1):
            refers = known.get(name, {}).get("x-refers-to")
            if own is not None and number == len(names):
                filled = own
            elif refers is not None:
                filled = self.reference(str(refers), by)
            else:
                raise NotProvableError(f"{operation.id}: the parameter {name} has no x-refers-to")
            path = path.replace(f"{{{name}}}", filled)
        return path
