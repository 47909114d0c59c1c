"""The service's own operations and resources, read from the OpenAPI document that it serves.

The document says in extensions what JSON Schema cannot:

    tag        x-resource: {name, owner, create}   what its operations are about; `owner` is `user` (rows belong to whoever
                                                   made them), `admin` or `none`; `create` is an operationId
    property,  x-refers-to: NAME                   the id of a resource of that name
    parameter
    property   x-unique: true                      no two rows (of one owner) have the same value
    operation  x-custom: true                      it has rules of its own: only those of every operation apply, and
                                                   that rows of others are not there
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaffold.conformance.openapi import OpenApi, Operation

Owner = Literal["user", "admin", "none"]
JSON_TYPES = ("application/merge-patch+json", "application/json")
_PAGING = ("sort", "limit", "cursor")


@dataclass(frozen=True, slots=True)
class Resource:
    """What the operations of a tag are about.

    Attributes:
        name: What references call it.
        owner: Whose its rows are.
        create: The operation that makes one.
        read: Reads one.
        list: Lists them.
        update: Changes one.
        delete: Removes one.
    """

    name: str
    owner: Owner
    create: Operation
    read: Operation | None
    list: Operation | None
    update: Operation | None
    delete: Operation | None

    @property
    def operations(self) -> tuple[Operation, ...]:
        """All of them that there are."""
        return tuple(each for each in (self.create, self.read, self.list, self.update, self.delete) if each)


class OwnDocument:
    """The served document, and what of it is not the contract's."""

    def __init__(self, served: OpenApi, contract: OpenApi) -> None:
        """Tell the service's own operations from the contract's."""
        self.served = served
        known = {(operation.method, operation.path) for operation in contract.operations}
        self.operations = tuple(each for each in served.operations if (each.method, each.path) not in known)

    @cached_property
    def resources(self) -> Mapping[str, Resource]:
        """Every resource that the document tells how to make, the contract's included, by name."""
        return {resource.name: resource for resource in self._resources()}

    @cached_property
    def own_resources(self) -> tuple[Resource, ...]:
        """The resources whose making is the service's own operation."""
        return tuple(resource for resource in self.resources.values() if resource.create in self.operations)

    def resource_of(self, operation: Operation) -> Resource | None:
        """The resource whose row an operation makes, reads, lists, changes or removes."""
        return next((each for each in self.resources.values() if operation in each.operations), None)

    def below(self, resource: Resource) -> tuple[Operation, ...]:
        """The own operations on a part of a row, or that do something with a row."""
        row = re.escape(resource.create.path) + r"/\{\w+\}(/[^{}/]+)+"
        return tuple(each for each in self.operations if re.fullmatch(row, each.path))

    def _resources(self) -> Iterator[Resource]:
        by_id = {operation.id: operation for operation in self.served.operations if "operationId" in operation.spec}
        at = {(operation.method, operation.path): operation for operation in self.served.operations}
        for tag in self.served.document.get("tags", []):
            told = tag.get("x-resource")
            create = by_id.get(str(told.get("create"))) if isinstance(told, dict) else None
            if create is None:
                continue
            item = next((path for _, path in at if re.fullmatch(re.escape(create.path) + r"/\{\w+\}", path)), "")
            yield Resource(
                name=str(told["name"]),
                owner=told.get("owner", "none"),
                create=create,
                read=at.get(("GET", item)),
                list=at.get(("GET", create.path)),
                update=at.get(("PATCH", item)),
                delete=at.get(("DELETE", item)),
            )

    def body_schema(self, operation: Operation) -> Mapping[str, Any] | None:
        """The schema of an operation's JSON body, if it takes one."""
        content = self.served.resolve(operation.spec.get("requestBody", {})).get("content", {})
        return next((content[name]["schema"] for name in JSON_TYPES if name in content), None)

    def needs_body(self, operation: Operation) -> bool:
        """Whether an operation cannot be called without a body."""
        return bool(self.served.resolve(operation.spec.get("requestBody", {})).get("required"))

    def parameters(self, operation: Operation, place: str) -> dict[str, Mapping[str, Any]]:
        """The parameters of an operation and its path, by name: `place` is `query`, `path` or `header`."""
        item = self.served.document["paths"][operation.path]
        every = [
            self.served.resolve(each) for each in [*item.get("parameters", []), *operation.spec.get("parameters", [])]
        ]
        return {each["name"]: each for each in every if each["in"] == place}

    def sorts(self, operation: Operation) -> list[str]:
        """The values that `sort` of a list takes."""
        schema = self.parameters(operation, "query").get("sort", {}).get("schema", {})
        return [str(value) for value in self.served.resolve(schema).get("enum", [])]

    def filters(self, operation: Operation) -> dict[str, Mapping[str, Any]]:
        """The filters of a list: its query parameters but for those that page."""
        query = self.parameters(operation, "query")
        return {name: each for name, each in query.items() if name not in _PAGING}

    def properties(self, schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """The members of an object's schema, each with what stands beside its reference."""
        found: dict[str, Mapping[str, Any]] = {}
        for name, member in self.served.resolve(schema).get("properties", {}).items():
            found[name] = {**self.served.resolve(member), **{key: member[key] for key in member if key != "$ref"}}
        return found
