"""The OpenAPI document: valid, equal to the contract, and true."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from openapi_schema_validator import OAS31Validator

from scaffold.conformance import expect
from scaffold.conformance.fuzzing import fuzz
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.observing import Observations
    from scaffold.conformance.openapi import OpenApi
    from scaffold.conformance.own.document import OwnDocument
    from scaffold.conformance.service import Service


def _served(api: Api) -> dict[str, Any]:
    reply = expect.status(api.get("/openapi.json"), 200)
    expect.same("Content-Type", reply.media_type, "application/json", reply)
    document: dict[str, Any] = reply.json()
    return document


@check(
    "OAS01",
    "The document served holds the contract's, for the parts that the project has, unchanged.",
    source="OpenAPI 3.1.1; contract §2, §12",
    needs={"settings"},
)
def check_document(api: Api, openapi: OpenApi) -> None:
    """Paths, components, security; what is the service's own may stand beside them."""
    served, wanted = _served(api), openapi.document
    for name in ("openapi", "paths", "components", "tags", "servers", "security"):
        differences = list(_differences(f"/{name}", served.get(name), wanted.get(name)))
        expect.same("differences", differences[:10], [])
    expect.that(served["info"]["title"], "the document has no title")


#: Where a service adds what is its own: operations, components, members, values, replies, parameters.
_GROWS = re.compile(
    r"/(paths|tags|components(/\w+)?|.*/(oneOf|enum|required|properties|parameters|responses|headers|content))"
)
#: Texts, which are each service's own.
_TEXTS = frozenset({"description", "summary", "example"})


def _differences(place: str, got: Any, wanted: Any) -> Iterator[str]:
    """In what `got` is not, or does not contain, what is wanted."""
    grows = _GROWS.fullmatch(place) is not None
    if isinstance(got, dict) and isinstance(wanted, dict):
        texts = _TEXTS if not place.endswith("/properties") else frozenset()
        for name in sorted((got.keys() | wanted.keys()) - texts):
            if name not in got:
                yield f"{place}/{name} is missing"
            elif name in wanted:
                yield from _differences(f"{place}/{name}", got[name], wanted[name])
            elif not grows:
                yield f"{place}/{name} is not in the contract"
    elif isinstance(got, list) and isinstance(wanted, list) and (grows or len(got) == len(wanted)):
        found = {_identity(entry): entry for entry in got}
        for number, entry in enumerate(wanted):
            other = found.get(_identity(entry)) if grows else got[number]
            if other is None:
                yield f"{place}: {entry!r} is missing"
            else:
                yield from _differences(f"{place}/{number}", other, entry)
    elif got != wanted:
        yield f"{place}: {got!r} instead of {wanted!r}"


def _identity(entry: Any) -> str:
    """What tells an entry of a list from the others."""
    if isinstance(entry, dict):
        return next((f"{key} {entry[key]}" for key in ("name", "$ref", "const") if key in entry), json.dumps(entry))
    return str(entry)


@check(
    "OAS05",
    "Every schema of the document is a valid JSON Schema of 2020-12.",
    source="OpenAPI 3.1.1 §4.8.24",
    needs={"settings"},
)
def check_schemas(api: Api) -> None:
    """As served, with every reference resolving."""
    document = _served(api)
    for schema in document["components"]["schemas"].values():
        OAS31Validator.check_schema(schema)
    for reference in _references(document):
        node: Any = document
        for step in reference.removeprefix("#/").split("/"):
            expect.that(step in node, f"{reference} leads nowhere")
            node = node[step]


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


@check("OAS04", "Nothing answers that the document does not name.", source="ASVS 13.4.1; API9:2023")
@pytest.mark.parametrize(
    "path",
    [
        "/admin", "/admin/", "/actuator", "/actuator/env", "/debug", "/debug/pprof/", "/__debug__/", "/.env", "/.git/config",
        "/health", "/healthz", "/status", "/api", "/v1/users", "/v1/admin", "/v1/sessions", "/graphql", "/swagger",
        "/swagger-ui.html", "/v3/api-docs", "/api-docs", "/redoc", "/console", "/h2-console", "/server-status",
        "/phpinfo.php", "/static/", "/media/", "/favicon.ico", "/robots.txt", "/package.json", "/manage.py", "/var/",
    ],
)  # fmt: skip
def check_hidden_paths(api: Api, path: str) -> None:
    """What scanners try first."""
    expect.problem(api.get(path), 404)


@check(
    "OAS02",
    "Requests generated from the document draw only documented, valid replies.",
    source="OpenAPI 3.1.1; schemathesis",
    needs={"unlimited", "admin"},
    shares="generated",
    long=True,
)
def check_generated(service: Service, people: People, own: OwnDocument) -> None:
    """Every operation, the service's own too, valid and invalid data, as an administrator."""
    failures = fuzz(own.served.document, service.url, people.login(people.admin.email, people.admin.password).access)
    expect.that(not failures, "\n".join(failures))


@check(
    "OAS03",
    "Every reply of the whole run is documented: status, headers, media type and body.",
    source="OpenAPI 3.1; contract 8",
)
def check_replies(api: Api, people: People, observations: Observations) -> None:
    """These replies here; all others are held against the document as they come (`observing`)."""
    user = people.new()
    key = people.key(user)
    replies = [
        user.api.get("/v1/me"),
        user.api.patch("/v1/me", {"display_name": "Grace Hopper"}),
        user.api.get("/v1/api-keys"),
        user.api.get(f"/v1/api-keys/{key['id']}"),
        user.api.delete(f"/v1/api-keys/{key['id']}"),
        people.register(email="no address"),
        people.refresh(user.session.refresh),
        api.get("/v1/me"),
        api.get("/v1/unknown"),
        api.request("PUT", "/v1/me"),
        api.get("/livez"),
        api.get("/readyz"),
        api.get("/.well-known/jwks.json"),
        user.api.post("/v1/auth/logout"),
    ]
    for reply in replies:
        expect.same("differences from the document", observations.faults(reply), [], reply)
