"""The contract's OpenAPI document for one project, and replies held against it (check OAS03)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import jsonschema_rs

from scaffold.conformance import contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    """The document, restricted to the parts that a project has."""

    def __init__(self, answers: Mapping[str, object]) -> None:
        """Read the document and leave out the parts that the answers leave out."""
        self._answers = answers
        self.document: dict[str, Any] = _restricted(contract.document("openapi.yaml"), answers)
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}

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
        """Everything in which a reply differs from the document."""
        template = self.match(reply.path)
        method = "GET" if reply.method == "HEAD" else reply.method
        operation = next((o for o in self.operations if o.path == template and o.method == method), None)
        where = f"{reply.method} {template or reply.path} -> {reply.status}"
        if operation is None:
            return [f"{where}: {fault}" for fault in self._undocumented(reply, template)]
        spec = operation.spec["responses"].get(str(reply.status))
        if spec is None:
            return [f"{where}: the status is not documented for this operation"]
        spec = self._resolve(spec)
        found = list(self._header_faults(spec.get("headers", {}), reply))
        if reply.method != "HEAD":
            found += self._body_faults(spec.get("content", {}), reply)
        return [f"{where}: {fault}" for fault in found]

    def schema_faults(self, name: str, value: object) -> list[str]:
        """In what a value differs from a schema of the document."""
        return self._schema_faults({"$ref": f"#/components/schemas/{name}"}, value)

    @cached_property
    def _templates(self) -> list[tuple[re.Pattern[str], str]]:
        return [(re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path) for path in self.document["paths"]]

    def _undocumented(self, reply: Reply, template: str | None) -> Iterator[str]:
        if reply.method == "OPTIONS":
            return  # Left to the framework (contract, section 9), and preflights have checks of their own.
        if reply.path.startswith("/docs/"):
            return  # What the page of the documentation loads; a check of its own looks at it.
        if reply.path.startswith("/docs/"):
            return  # What the page of the documentation consists of is each stack's own affair.
        expected = (404,) if template is None else (405,)
        # What the HTTP server refuses before a handler runs, and redirects to the exact path, are exempt.
        exempt = (400, 413, 414, 429, 431, 501, 301, 307, 308)
        if reply.status in expected and reply.method != "HEAD":
            yield from self._body_faults({"application/problem+json": {"schema": _PROBLEM}}, reply)
        elif reply.status not in (*expected, *exempt):
            yield f"expected {expected[0]}: the document has no such operation"

    def _header_faults(self, headers: Mapping[str, Any], reply: Reply) -> Iterator[str]:
        for name, reference in headers.items():
            spec = self._resolve(reference)
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

    def _resolve(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            found: Any = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node


def _restricted(node: Any, answers: Mapping[str, object]) -> Any:
    """A copy without the nodes of parts that the answers leave out, and without the extensions that say so."""
    if isinstance(node, dict):
        kept = {key: value for key, value in node.items() if not _left_out(value, answers)}
        parts = kept.pop("x-enum-parts", None)
        kept.pop("x-part", None)
        if parts:
            kept["enum"] = [value for value in kept["enum"] if parts.get(value) is None or answers.get(parts[value])]
        return {key: _restricted(value, answers) for key, value in kept.items()}
    if isinstance(node, list):
        return [_restricted(item, answers) for item in node if not _left_out(item, answers)]
    return node


def _left_out(node: object, answers: Mapping[str, object]) -> bool:
    if not isinstance(node, dict):
        return False
    part = node.get("x-part")
    return isinstance(part, str) and not answers.get(part)
