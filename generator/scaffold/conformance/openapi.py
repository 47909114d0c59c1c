"""OpenAPI documents, the contract's and the one that a service serves, and replies compared with them (OAS03)."""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx
import jsonschema_rs

from scaffold.conformance import contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from scaffold.conformance.exchange import Reply

METHODS = ("get", "post", "put", "patch", "delete", "head", "options", "trace")
_PROBLEM = {"$ref": "#/components/schemas/Problem"}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path."""

    method: str
    path: str
    spec: Mapping[str, Any]

    @property
    def id(self) -> str:
        """Its operationId."""
        return str(self.spec["operationId"])

    @property
    def security(self) -> tuple[Mapping[str, list[str]], ...]:
        """The alternatives of credentials; empty: public."""
        return tuple(self.spec.get("security", ()))

    @property
    def required_role(self) -> str | None:
        """The role it asks for beside the scope."""
        return self.spec.get("x-required-role")


class OpenApi:
    """An OpenAPI document, with the lookups that the suite needs."""

    def __init__(self, document: dict[str, Any]) -> None:
        """Take a document."""
        self.document = document
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

    @classmethod
    def of_contract(cls, answers: Mapping[str, object]) -> OpenApi:
        """The contract's document without the parts that a project's answers leave out."""
        return cls(joined(contract.openapi_parts(answers)))

    @classmethod
    def served(cls, url: str) -> OpenApi | None:
        """The document that the service at `url` serves, or None where it serves none."""
        try:
            document = httpx.get(f"{url}/openapi.json", trust_env=False).json()
        except (httpx.HTTPError, ValueError):
            return None
        return cls(document) if isinstance(document, dict) and {"paths", "components"} <= document.keys() else None

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All operations, in the document's order."""
        return tuple(
            Operation(method.upper(), path, spec)
            for path, item in self.document["paths"].items()
            for method, spec in item.items()
            if method in METHODS
        )

    def methods(self, path: str) -> set[str]:
        """The methods of a path template."""
        return {operation.method for operation in self.operations if operation.path == path}

    def match(self, target: str) -> str | None:
        """The path template that a request's target belongs to."""
        path = target.partition("?")[0]
        for pattern, template in self._templates:
            if pattern.fullmatch(path):
                return template
        return None

    def faults(self, reply: Reply) -> list[str]:
        """All differences between a reply and the document."""
        template = self.match(reply.path)
        method = "GET" if reply.method == "HEAD" else reply.method
        operation = next((o for o in self.operations if o.path == template and o.method == method), None)
        where = f"{reply.method} {template or reply.path} -> {reply.status}"
        if operation is None:
            return [f"{where}: {fault}" for fault in self._undocumented(reply, template)]
        spec = operation.spec["responses"].get(str(reply.status))
        if spec is None:
            return [f"{where}: the status is not documented for this operation"]
        spec = self.resolve(spec)
        found = list(self._header_faults(spec.get("headers", {}), reply))
        if reply.method != "HEAD":
            found += self._body_faults(spec.get("content", {}), reply)
        return [f"{where}: {fault}" for fault in found]

    def schema_faults(self, name: str, value: object) -> list[str]:
        """How a value differs from a schema of the document."""
        return self._schema_faults({"$ref": f"#/components/schemas/{name}"}, value)

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], str]]:
        return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path) for path in self.document["paths"]]

    def _undocumented(self, reply: Reply, template: str | None) -> Iterator[str]:
        if reply.method == "OPTIONS":
            return  # Left to the framework (contract, section 9), and preflights have checks of their own.
        if reply.path.startswith("/docs/"):
            return  # What the page of the documentation loads; a check of its own looks at it.
        expected = (404,) if template is None else (405,)
        # What the HTTP server refuses before a handler runs, and redirects to the exact path, are exempt.
        exempt = (400, 413, 414, 429, 431, 501, 301, 307, 308)
        if reply.status in expected and reply.method != "HEAD":
            yield from self._body_faults({"application/problem+json": {"schema": _PROBLEM}}, reply)
        elif reply.status not in (*expected, *exempt):
            yield f"expected {expected[0]}: the document has no such operation"

    def _header_faults(self, headers: Mapping[str, Any], reply: Reply) -> Iterator[str]:
        for name, reference in headers.items():
            spec = self.resolve(reference)
            value = reply.headers.get(name)
            if value is None:
                if spec.get("required"):
                    yield f"the header {name} is missing"
                continue
            schema = spec["schema"]
            parsed: object = int(value) if schema.get("type") == "integer" and value.isdigit() else value
            yield from (f"header {name}: {fault}" for fault in self._schema_faults(schema, parsed))

    def _body_faults(self, content: Mapping[str, Any], reply: Reply) -> Iterator[str]:
        if not content:
            if reply.body:
                yield f"a body of {len(reply.body)} bytes where none is documented"
            return
        if reply.media_type not in content:
            yield f"Content-Type {reply.headers.get('content-type')!r} instead of {' or '.join(content)}"
            return
        if not reply.media_type.endswith("json"):
            return
        try:
            value = json.loads(reply.body)
        except ValueError as error:
            yield f"the body is no JSON: {error}"
            return
        yield from self._schema_faults(content[reply.media_type]["schema"], value)

    def _schema_faults(self, schema: Mapping[str, Any], value: object) -> list[str]:
        key = json.dumps(schema)
        validator = self._validators.get(key)
        if validator is None:
            whole = {**schema, "components": self.document["components"]}
            validator = self._validators[key] = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
        return [
            f"at /{'/'.join(str(step) for step in error.instance_path)}: {error.message}"
            for error in validator.iter_errors(value)
        ]

    def resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        """A node, or what its `$ref` refers to."""
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node


def joined(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """One document of its parts: mappings are merged and lists put together.

    Each operation gets the replies that follow from what it is, which no part repeats.

    Raises:
        ValueError: Two parts say different things at one place.
    """
    document: dict[str, Any] = {}
    for part in parts:
        _merge(document, part, "")
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                operation["responses"] = _common_responses(document, path, operation) | operation["responses"]
    return document


def _merge(into: dict[str, Any], part: Mapping[str, Any], place: str) -> None:
    for key, value in part.items():
        here = f"{place}/{key}"
        if key not in into:
            into[key] = copy.deepcopy(value)
        elif isinstance(value, dict) and isinstance(into[key], dict):
            _merge(into[key], value, here)
        elif isinstance(value, list) and isinstance(into[key], list):
            into[key] += copy.deepcopy(value)
        elif value != into[key]:
            message = f"two parts of the OpenAPI document differ at {here}"
            raise ValueError(message)


def _common_responses(
    document: Mapping[str, Any], path: str, operation: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    names = {"500": "InternalServerError"}
    if path.startswith("/v1/"):
        names |= {"400": "MalformedRequest", "429": "RateLimited", "503": "ServiceUnavailable"}
        if operation.get("security"):
            names |= {"401": "Unauthorized", "403": "Forbidden"}
        if "requestBody" in operation:
            names |= {"413": "ContentTooLarge", "415": "UnsupportedMediaType", "422": "ValidationFailed"}
        known = document["components"]["parameters"]
        parameters = (known.get(p.get("$ref", "").rpartition("/")[2], p) for p in operation.get("parameters", ()))
        if any(parameter["in"] == "query" for parameter in parameters):
            names["422"] = "ValidationFailed"
        if "{" in path:
            names["404"] = "NotFound"
    return {status: {"$ref": f"#/components/responses/{name}"} for status, name in names.items()}
