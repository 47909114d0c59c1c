"""Operations of the service's own: documented whole, guarded as they say, at the edge like all others (contract §12)."""

from __future__ import annotations

import os
import subprocess
import uuid
from typing import TYPE_CHECKING

from scaffold.conformance import callers, expect
from scaffold.conformance.own.proofs import label
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.openapi import Operation
    from scaffold.conformance.own.document import OwnDocument
    from scaffold.conformance.own.proofs import Proofs
    from scaffold.conformance.project import Project

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@check(
    "OWN01",
    "Each own operation says who may call it and how it can fail.",
    source="contract §12; OpenAPI 3.1.1 §4.8.10",
    needs={"settings"},
    shares="own",
)
def check_documented(own: OwnDocument, proofs: Proofs) -> None:
    def trial(operation: Operation) -> None:
        spec = operation.spec
        expect.that(spec.get("operationId") and spec.get("summary"), "it needs an operationId and a summary")
        expect.that("security" in spec, "it needs `security`, `[]` where anyone may call it")
        wanted = {"500"}
        if operation.path.startswith("/v1/"):
            wanted |= {"429", "503"}
        if operation.security:
            wanted |= {"400", "401", "403"}
        if "requestBody" in spec:
            wanted |= {"400", "413", "415", "422"}
        if "{" in operation.path:
            wanted |= {"404"}
        if own.parameters(operation, "query"):
            wanted |= {"422"}
        missing = sorted(wanted - spec.get("responses", {}).keys())
        expect.same("responses that it lacks", missing, [])

    proofs.each(own.operations, label, trial)


@check(
    "OWN02",
    "Each own operation lets in exactly those whom the document names.",
    source="contract §12; API5:2023",
    needs={"settings", "admin"},
    shares="own",
)
def check_matrix(own: OwnDocument, proofs: Proofs, people: People) -> None:
    everybody = list(callers.everybody(people)) if own.operations else []

    def trial(operation: Operation) -> None:
        for caller in everybody:
            caller.expect(operation)

    proofs.each(own.operations, label, trial)


@check(
    "OWN03",
    "A wrong method on an own path is 405 with Allow, and HEAD answers as GET does.",
    source="contract §12; RFC 9110 §15.5.6, §9.3.2",
    needs={"settings"},
    shares="own",
)
def check_methods(own: OwnDocument, proofs: Proofs, api: Api) -> None:
    def trial(operation: Operation) -> None:
        known = own.served.methods(operation.path)
        allowed = known | ({"HEAD"} if "GET" in known else set())
        for method in (each for each in _METHODS if each not in known):
            reply = api.request(method, callers.path(operation))
            expect.problem(reply, 405)
            got = {name.upper() for name in expect.items(reply.headers.get("allow", ""))}
            expect.same("Allow", got - {"OPTIONS"}, allowed, reply)
        if operation.method == "GET":
            path = callers.path(operation)
            got_reply, head = api.get(path), api.request("HEAD", path)
            expect.same("status of HEAD", head.status, got_reply.status, got_reply, head)
            expect.that(not head.body, "HEAD has a body", head)

    proofs.each(own.operations, label, trial)


@check(
    "OWN04",
    "An own operation reads JSON alone, within the limits, and refuses fields that it does not know.",
    source="contract §12, §1; ASVS 15.3.3",
    needs={"settings", "admin"},
    shares="own",
)
def check_bodies(own: OwnDocument, proofs: Proofs, people: People) -> None:
    bodied = [operation for operation in own.operations if "requestBody" in operation.spec]
    session = people.login(people.admin.email, people.admin.password) if bodied else None

    def trial(operation: Operation) -> None:
        assert session is not None
        path, call = callers.path(operation), session.api.request

        def send(content: bytes, media_type: str | None, **headers: str) -> Reply:
            return call(operation.method, path, content=content, media_type=media_type, headers=headers)

        # Where a parent in the path is looked for first, it is not there.
        def among(reply: Reply, *statuses: int) -> None:
            expect.status(reply, *statuses, *((404,) if "{" in operation.path else ()))

        among(send(b"{", "application/json"), 400)
        among(send(b"\xff", "application/json"), 400)
        for media_type in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16"):
            among(send(b"{}", media_type), 415)
        among(send(b"{}", "application/json", **{"Content-Encoding": "gzip"}), 415)
        among(send(b'{"a":"' + b"x" * 1_100_000 + b'"}', "application/json"), 413)
        reply = call(operation.method, path, json={"no_such_field": 1})
        among(reply, 422)
        if reply.status == 422:
            codes = {(entry.get("pointer"), entry.get("code")) for entry in reply.json()["errors"]}
            expect.that(("#/no_such_field", "unknown_field") in codes, "the field was not called unknown", reply)

    proofs.each(bodied, label, trial)


@check(
    "OWN05",
    "Every reply of an own operation has the request id, the security headers and the rate limit.",
    source="contract §12, §1, §3",
    needs={"settings"},
    shares="own",
)
def check_headers(own: OwnDocument, proofs: Proofs, people: People) -> None:
    account = people.new() if own.operations else None

    def trial(operation: Operation) -> None:
        assert account is not None
        reply = callers.attempt(account.api, operation)
        expect.that(expect.UUID.fullmatch(reply.request_id), "X-Request-Id is no UUID", reply)
        expect.header(reply, "x-content-type-options", "nosniff")
        expect.header(reply, "referrer-policy", "no-referrer")
        expect.that("default-src 'none'" in reply.headers.get("content-security-policy", ""), "no CSP", reply)
        expect.header(reply, "x-powered-by", None)
        if operation.path.startswith("/v1/"):
            expect.that("ratelimit" in reply.headers and "ratelimit-policy" in reply.headers, "no rate limit", reply)
        if reply.status >= 400 or operation.security:
            expect.header(reply, "cache-control", "no-store")

    proofs.each(own.operations, label, trial)


@check(
    "OWN07",
    "An own operation below /v1 is refused once the rate limit is used up.",
    source="contract §12, §11.8; API4:2023",
    needs={"settings"},
    shares="own",
)
def check_limited(own: OwnDocument, proofs: Proofs, spawn: Spawn) -> None:
    limited = [operation for operation in own.operations if operation.path.startswith("/v1/")]
    service = spawn(RATE_LIMIT_DEFAULT="10/3600") if limited else None
    user = spawn.people(service).new().api if service else None
    nobody = service.api() if service else None
    for caller in (each for each in (user, nobody) if each):
        replies = [caller.get("/v1/me" if caller is user else "/v1/nothing") for _ in range(11)]
        expect.problem(replies[-1], 429, "rate-limited")

    def trial(operation: Operation) -> None:
        caller = user if operation.security else nobody
        assert caller is not None
        expect.problem(callers.attempt(caller, operation), 429, "rate-limited")

    proofs.each(limited, label, trial)


@check(
    "OWN08",
    "The router has the routes of the document and no others, as the project's own test finds: `make openapi`.",
    source="contract §12, §7; API9:2023",
    needs={"settings", "project"},
    shares="own",
)
def check_routes(own: OwnDocument, proofs: Proofs, project: Project) -> None:
    # A route that nobody documents answers no request that a client could think of.
    def trial(_operations: tuple[Operation, ...]) -> None:
        command = ["make", "--silent", "openapi"]
        # What this process is told of pytest is not for the project's own.
        ours = ("PYTEST_", "PYTHON")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        done = subprocess.run(command, cwd=project.folder, env=environment, capture_output=True, text=True, check=False)
        expect.that(done.returncode == 0, f"make openapi:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")

    proofs.each([own.operations] if own.operations else [], lambda _: "all routes", trial)


@check(
    "OWN06",
    "Every operation that the document names is there, and answers in a way that it names.",
    source="contract §12; OpenAPI 3.1.1",
    needs={"settings", "admin"},
    shares="own",
)
def check_answers(own: OwnDocument, proofs: Proofs, people: People) -> None:
    session = people.login(people.admin.email, people.admin.password) if own.operations else None

    def trial(operation: Operation) -> None:
        assert session is not None
        reply = callers.attempt(session.api, operation)
        expect.that(reply.status != 405, "there is no such operation", reply)
        missing = session.api.get(f"/v1/{uuid.uuid4()}")
        if reply.status == 404:
            expect.that("{" in operation.path, "there is no such path", reply, missing)
        expect.same("differences from the document", own.served.faults(reply), [], reply)

    proofs.each(own.operations, label, trial)
