"""Resources of the service's own: made, read, changed and removed by the rules of all others (contract §12)."""

from __future__ import annotations

import json
import time
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from scaffold.conformance import expect
from scaffold.conformance.client import MISSING
from scaffold.conformance.own import values
from scaffold.conformance.own.proofs import label
from scaffold.conformance.own.values import NotProvableError
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scaffold.conformance.accounts import People
    from scaffold.conformance.exchange import Reply
    from scaffold.conformance.openapi import Operation
    from scaffold.conformance.own.document import OwnDocument, Resource
    from scaffold.conformance.own.proofs import Proofs
    from scaffold.conformance.own.rows import Row, Rows

Place = tuple[str | int, ...]
_NEEDS = {"settings", "admin", "unlimited"}
#: Longer than the smallest step of a time on the wire.
_TICK = 0.005


def _made(resource: Resource) -> str:
    return label(resource.create)


def _changed(resource: Resource) -> str:
    return label(resource.update or resource.create)


def _no_change(operation: Operation) -> object:
    """The body of a request that changes nothing."""
    return {} if operation.method == "PATCH" else MISSING


def _shown(row: Row) -> str:
    """The path of a row, for a resource that shows single ones."""
    if row.resource.read is None:
        raise NotProvableError("no operation reads one")
    return row.path


@check(
    "OWN10",
    "Making a row of an own resource is 201 with a Location that shows the same, whole and nothing else.",
    source="contract §12, §1; RFC 9110 §15.3.2",
    needs=_NEEDS,
    shares="own",
)
def check_creation(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        by = rows.new(resource).by
        for whole in (True, False):
            reply = rows.try_making(resource, by, rows.sending(resource, by, whole=whole))
            row = expect.status(reply, 201).json()
            expect.same("differences from the document", own.served.faults(reply), [], reply)
            expect.that(expect.UUID7.fullmatch(str(row.get("id"))), "the id is no UUID of version 7", reply)
            for name, sent in _sent(own, resource, reply.request_body).items():
                expect.same(name, row.get(name), sent, reply)
            if resource.create.security:
                expect.header(reply, "cache-control", "no-store")
            if resource.read is not None:
                read = by.api.get(reply.headers["location"])
                expect.same("the row", expect.status(read, 200).json(), row, reply, read)
                expect.same("differences from the document", own.served.faults(read), [], read)
                if resource.read.security:
                    expect.header(read, "cache-control", "no-store")
        for place, member in _members(own, own.body_schema(resource.create) or {}):
            for edge in values.edges(own, member):
                _is_allowed(rows.try_making(resource, by, _with(rows.sending(resource, by), place, edge)), place, edge)

    proofs.each(own.own_resources, _made, trial)


def _sent(own: OwnDocument, resource: Resource, body: bytes) -> Mapping[str, object]:
    """The members of a body that the row shows under the same name, where they are plain values."""
    sent: dict[str, object] = json.loads(body)
    shown = own.properties(_row_schema(own, resource))
    return {
        name: value
        for name, value in sent.items()
        if name in shown and not isinstance(value, dict | list) and not shown[name].get("writeOnly")
    }


def _row_schema(own: OwnDocument, resource: Resource) -> Mapping[str, Any]:
    content = own.served.resolve(resource.create.spec["responses"]["201"]).get("content", {})
    schema: Mapping[str, Any] = content.get("application/json", {}).get("schema", {})
    return schema


@check(
    "OWN11",
    "Each fault in a body of an own operation is told with its place and code, all at once.",
    source="contract §12, §10; RFC 9457 §3",
    needs=_NEEDS,
    shares="own",
)
def check_faults(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        schema = own.body_schema(resource.create)
        if schema is None:
            raise NotProvableError("it takes no JSON body")
        by = rows.maker(resource)
        right = rows.sending(resource, by)
        required = own.served.resolve(schema).get("required", [])
        if required:
            reply = rows.try_making(resource, by, {})
            expect.faults(reply, *((f"#/{name}", "required") for name in required))
        for place, member in _members(own, schema):
            for wrong, code in values.wrong(own, member):
                if place[0] in right:
                    reply = rows.try_making(resource, by, _with(right, place, wrong))
                    expect.faults(reply, (_pointer(place), code))
        unknown = rows.try_making(resource, by, right | {"no_such_field": 1, "id": str(uuid.uuid4())})
        wanted = [("#/no_such_field", "unknown_field")]
        wanted += [] if "id" in own.properties(schema) else [("#/id", "unknown_field")]
        expect.faults(unknown, *wanted)

    proofs.each(own.own_resources, _made, trial)


@check(
    "OWN12",
    "A row that is not there is 404, whatever its id looks like, and the same reply for every reason.",
    source="contract §12, §1; API1:2023",
    needs=_NEEDS,
    shares="own",
)
def check_missing(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        by = rows.maker(resource)
        for operation in (resource.read, resource.update, resource.delete):
            if operation is None:
                continue
            replies = []
            for name in (str(uuid.uuid4()), "nothing", "0", "x" * 300):
                reply = by.api.request(operation.method, rows.target(operation, by, name), json=_no_change(operation))
                expect.problem(reply, 404)
                replies.append(reply)
            expect.indistinguishable("the reply", replies[1], replies[0])
            there = str(rows.new(resource, by).body["id"])
            for name in (there.upper(), there.replace("-", ""), f"{{{there}}}"):
                target = rows.target(operation, by, quote(name))
                expect.problem(by.api.request(operation.method, target, json=_no_change(operation)), 404)

    proofs.each([each for each in own.own_resources if each.read or each.delete], _made, trial)


@check(
    "OWN13",
    "Somebody else's row is 404, as one that does not exist, in no list, and stays as it is.",
    source="contract §12; API1:2023; ASVS 8.2.2",
    needs=_NEEDS,
    shares="own",
)
def check_foreign(own: OwnDocument, proofs: Proofs, rows: Rows, people: People) -> None:
    def trial(resource: Resource) -> None:
        row, other = rows.new(resource), people.new()
        for operation in (resource.read, resource.update, resource.delete):
            if operation is None:
                continue
            target = rows.target(operation, row.by, row.body["id"])
            foreign = other.api.request(operation.method, target, json=_no_change(operation))
            missing = other.api.request(
                operation.method, rows.target(operation, row.by, str(uuid.uuid4())), json=_no_change(operation)
            )
            expect.problem(foreign, 404)
            expect.indistinguishable("the reply", foreign, missing)
        for operation in own.below(resource):
            body = rows.right_body(operation, other) if own.needs_body(operation) else MISSING
            replies = [
                other.api.request(operation.method, rows.target(operation, other, name), json=body)
                for name in (str(row.body["id"]), str(uuid.uuid4()))
            ]
            expect.problem(replies[0], 404)
            expect.indistinguishable("the reply", *replies)
        if resource.list is not None:
            listed = other.api.get(rows.target(resource.list, row.by), params={"limit": 100})
            ids = [item["id"] for item in expect.status(listed, 200, 404).json().get("items", [])]
            expect.that(row.body["id"] not in ids, "the list holds somebody else's row", listed)
        if resource.read is not None:
            after = row.by.api.get(_shown(row))
            expect.same("the row afterwards", expect.status(after, 200).json(), row.body, after)

    proofs.each([each for each in own.own_resources if each.owner == "user"], _made, trial)


@check(
    "OWN14",
    "A change is kept, moves version and `updated_at`, changes nothing else, and is seen in the list.",
    source="contract §12, §11.4; RFC 7396",
    needs=_NEEDS,
    shares="own",
)
def check_update(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        assert resource.update is not None
        row = rows.new(resource)
        schema = own.body_schema(resource.update)
        if schema is None:
            raise NotProvableError(f"{resource.update.id} takes no JSON body")
        target = rows.target(resource.update, row.by, row.body["id"])
        before = row.body
        for name, member in own.properties(schema).items():
            value = values.value(own, member, lambda name: rows.reference(name, row.by), where=name)
            time.sleep(_TICK)
            changed = row.by.api.patch(target, {name: value})
            after = expect.status(changed, 200).json()
            expect.same("differences from the document", own.served.faults(changed), [], changed)
            if name in after and not isinstance(value, dict | list):
                expect.same(name, after[name], value, changed)
            if name in after and after[name] != before.get(name):
                for moves in ("version", "updated_at"):
                    moved = moves not in before or after[moves] > before[moves]
                    expect.that(moved, f"{moves} stays {before.get(moves)} when {name} changes", changed)
            others = {key for key in before if key not in {name, "version", "updated_at"}}
            expect.same(
                "the rest", {key: after.get(key) for key in others}, {key: before[key] for key in others}, changed
            )
            if resource.read is not None:
                read = row.by.api.get(_shown(row))
                expect.same("the row afterwards", read.json(), after, changed, read)
            before = after
        nothing = row.by.api.patch(target, {})
        expect.same("the row after no change", expect.status(nothing, 200).json(), before, nothing)
        if resource.list is not None:
            listed = expect.status(row.by.api.get(rows.target(resource.list, row.by), params={"limit": 100}), 200)
            shown = [item for item in listed.json()["items"] if item["id"] == before["id"]]
            # Of a longer list this is the first page.
            expect.that(
                shown == [before] or (not shown and listed.json()["next_cursor"]), "the row in the list", listed
            )

    proofs.each([each for each in own.own_resources if each.update], _changed, trial)


@check(
    "OWN19",
    "A change is held to the rules of its schema as the making of a row is, and each value that these allow is taken.",
    source="contract §12, §10, §11.4",
    needs=_NEEDS,
    shares="own",
)
def check_faults_of_changes(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        assert resource.update is not None
        row = rows.new(resource)
        target = rows.target(resource.update, row.by, row.body["id"])
        right = rows.right_body(resource.update, row.by)
        for place, member in _members(own, own.body_schema(resource.update) or {}):
            for wrong, code in values.wrong(own, member):
                expect.faults(row.by.api.patch(target, _with(right, place, wrong)), (_pointer(place), code))
            for edge in values.edges(own, member):
                _is_allowed(row.by.api.patch(target, _with(right, place, edge)), place, edge)
        expect.faults(row.by.api.patch(target, {"no_such_field": 1}), ("#/no_such_field", "unknown_field"))

    proofs.each([each for each in own.own_resources if each.update], _changed, trial)


@check(
    "OWN15",
    "A removed row is gone: 204, then 404 for everything.",
    source="contract §12, §1",
    needs=_NEEDS,
    shares="own",
)
def check_deletion(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        assert resource.delete is not None
        row, kept = rows.new(resource), rows.new(resource)
        target = rows.target(resource.delete, row.by, row.body["id"])
        gone = row.by.api.delete(target)
        expect.status(gone, 204)
        expect.that(not gone.body, "a 204 has no body", gone)
        expect.problem(row.by.api.delete(target), 404)
        if resource.read is not None:
            expect.problem(row.by.api.get(_shown(row)), 404)
            expect.status(kept.by.api.get(_shown(kept)), 200)

    proofs.each(
        [each for each in own.own_resources if each.delete], lambda each: label(each.delete or each.create), trial
    )


@check(
    "OWN16",
    "A value that must be unique is refused a second time with a problem, and taken from another owner.",
    source="contract §12; ASVS 2.3.3",
    needs=_NEEDS,
    shares="own",
)
def check_unique(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(pair: tuple[Resource, str]) -> None:
        resource, name = pair
        row = rows.new(resource)
        again = rows.try_making(resource, row.by, rows.sending(resource, row.by) | {name: row.sent[name]})
        expect.status(again, 409)
        expect.same("differences from the document", own.served.faults(again), [], again)
        expect.that(str(again.json()["type"]).startswith("/problems/"), "the problem has no type of its own", again)
        if resource.owner == "user":
            other = rows.people.new()
            elsewhere = rows.try_making(resource, other, rows.sending(resource, other) | {name: row.sent[name]})
            expect.status(elsewhere, 201)
        if resource.update is not None and name in own.properties(own.body_schema(resource.update) or {}):
            second = rows.new(resource, row.by)
            target = rows.target(resource.update, row.by, second.body["id"])
            expect.status(row.by.api.patch(target, {name: row.sent[name]}), 409)

    pairs = [
        (resource, name)
        for resource in own.own_resources
        for name, member in own.properties(own.body_schema(resource.create) or {}).items()
        if member.get("x-unique")
    ]
    proofs.each(pairs, lambda pair: _made(pair[0]), trial)


@check(
    "OWN17",
    "A reference to what is not there is a fault at its place, and what is referred to is not lost.",
    source="contract §12, §10; ASVS 2.3.3",
    needs=_NEEDS,
    shares="own",
)
def check_references(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(reference: tuple[Operation, Place, str]) -> None:
        operation, place, name = reference
        resource = own.resource_of(operation)
        assert resource is not None
        row = rows.new(resource)
        target = rows.target(operation, row.by, row.body["id"] if operation is resource.update else None)

        def refused(value: str, code: str) -> None:
            body = _with(rows.right_body(operation, row.by), place, value)
            expect.faults(row.by.api.request(operation.method, target, json=body), (_pointer(place), code))

        refused(str(uuid.uuid4()), "not_found")
        refused("nothing", "invalid_format")
        refused(str(_at(rows.right_body(operation, row.by), place)).upper(), "invalid_format")
        referred = own.resources.get(name)
        if referred is not None and referred.owner == "user":
            refused(str(rows.new(referred).body["id"]), "not_found")
        if operation is resource.update and resource.read is not None:
            after = row.by.api.get(_shown(row))
            expect.same("the row afterwards", expect.status(after, 200).json(), row.body, after)
        if operation is resource.create and referred is not None and referred.delete is not None:
            by = rows.people.admin if referred.delete.required_role == "admin" else row.by
            removed = by.api.delete(rows.target(referred.delete, by, str(_at(row.sent, place))))
            expect.status(removed, 204, 409)
            if resource.read is not None and removed.status == 409:
                expect.status(row.by.api.get(_shown(row)), 200)

    references = [
        (operation, place, str(member["x-refers-to"]))
        for resource in own.own_resources
        for operation in (resource.create, resource.update)
        if operation is not None
        for place, member in _members(own, own.body_schema(operation) or {})
        if "x-refers-to" in member
    ]
    proofs.each(references, lambda reference: label(reference[0]), trial)


def _members(
    own: OwnDocument, schema: Mapping[str, Any], place: Place = ()
) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    """The members of a body, those of its objects and of the first entry of each of its lists included."""
    for name, member in own.properties(schema).items():
        yield (*place, name), member
        if member.get("type") == "array":
            yield from _members(own, member["items"], (*place, name, 0))
        else:
            yield from _members(own, member, (*place, name))


def _pointer(place: Place) -> str:
    return "#/" + "/".join(map(str, place))


def _is_allowed(reply: Reply, place: Place, value: object) -> None:
    """Expect that a value is taken and shown; another rule of the resource may refuse the whole."""
    expect.that(reply.status < 500, f"{_pointer(place)} may be {value!r}", reply)
    if reply.status >= 300:
        told = [each["code"] for each in reply.json().get("errors", []) if each.get("pointer") == _pointer(place)]
        expect.same(f"faults of {_pointer(place)}, which may be {value!r}", told, [], reply)
    elif len(place) == 1 and place[0] in reply.json():
        expect.same(str(place[0]), reply.json()[place[0]], value, reply)


def _with(body: Mapping[str, Any], place: Place, value: object) -> dict[str, Any]:
    """A copy of a body with another value at a place."""
    copy: dict[str, Any] = json.loads(json.dumps(body))
    node: Any = copy
    for step in place[:-1]:
        node = node[step]
    node[place[-1]] = value
    return copy


def _at(body: Mapping[str, Any], place: Place) -> object:
    node: Any = body
    for step in place:
        node = node[step]
    return node


@check(
    "OWN18",
    "Where an own operation takes If-Match, an old version is 412 and changes nothing; a current ETag answers 304.",
    source="contract §12, §11.5; RFC 9110 §13.1",
    needs=_NEEDS,
    shares="own",
)
def check_conditions(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        row = rows.new(resource)
        read = expect.status(row.by.api.get(_shown(row)), 200)
        tag = read.headers.get("etag", "")
        expect.that(tag.startswith('"'), "there is no strong ETag to go by", read)
        for operation in (resource.update, resource.delete):
            if operation is None or "If-Match" not in own.parameters(operation, "header"):
                continue
            target = rows.target(operation, row.by, row.body["id"])
            for stale in ('"0"', f"W/{tag}", '"nothing"'):
                refused = row.by.api.request(
                    operation.method, target, headers={"If-Match": stale}, json=_no_change(operation)
                )
                expect.problem(refused, 412, "precondition-failed")
                expect.same("differences from the document", own.served.faults(refused), [], refused)
            after = row.by.api.get(_shown(row))
            expect.same("the row afterwards", (after.headers.get("etag"), after.json()), (tag, read.json()), after)
        if "304" in (resource.read.spec["responses"] if resource.read else {}):
            same = row.by.api.get(_shown(row), headers={"If-None-Match": tag})
            expect.status(same, 304)
            expect.that(not same.body, "a 304 has no body", same)
        for operation in (resource.update, resource.delete):
            if operation is not None and "If-Match" in own.parameters(operation, "header"):
                target = rows.target(operation, row.by, row.body["id"])
                expect.status(
                    row.by.api.request(operation.method, target, headers={"If-Match": tag}, json=_no_change(operation)),
                    200,
                    204,
                )

    proofs.each([each for each in own.own_resources if _conditional(own, each)], _made, trial)


@check(
    "OWN25",
    "A change gives a row another ETag: a change with the old one is 412, a read with it is 200.",
    source="contract §12, §11.5; RFC 9110 §8.8.3, §13.1",
    needs=_NEEDS,
    shares="own",
)
def check_new_tag(own: OwnDocument, proofs: Proofs, rows: Rows) -> None:
    def trial(resource: Resource) -> None:
        row, update = rows.new(resource), resource.update
        assert update is not None
        old = expect.status(row.by.api.get(_shown(row)), 200).headers["etag"]
        target, body = rows.target(update, row.by, row.body["id"]), rows.right_body(update, row.by)
        changed = expect.status(row.by.api.patch(target, body, headers={"If-Match": f'"0", {old}'}), 200)
        read = expect.status(row.by.api.get(_shown(row), headers={"If-None-Match": old}), 200)
        expect.that(
            read.headers.get("etag") not in {old, None}, "the tag of a changed row is the old one", changed, read
        )
        expect.same("ETag of the change", changed.headers.get("etag"), read.headers["etag"], changed, read)
        again = rows.right_body(update, row.by)
        expect.problem(row.by.api.patch(target, again, headers={"If-Match": old}), 412, "precondition-failed")
        after = row.by.api.get(_shown(row))
        expect.same("the row afterwards", after.json(), read.json(), after)

    changing = [each for each in own.own_resources if each.update in _conditional(own, each)]
    proofs.each(changing, _changed, trial)


def _conditional(own: OwnDocument, resource: Resource) -> list[Operation]:
    """Those operations on a row that take If-Match."""
    every = [operation for operation in (resource.update, resource.delete) if operation]
    return [operation for operation in every if "If-Match" in own.parameters(operation, "header")]
