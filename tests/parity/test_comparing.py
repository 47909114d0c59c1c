"""The comparison sees what it should: else two equal stacks would prove nothing."""

from __future__ import annotations

import json

import httpx
import pytest
from corpus import Request, chapters
from differences import Allowed, between, judge
from normalising import Normal, Normaliser
from playing import Played

from scaffold.conformance.exchange import Reply

HONEST = Normal(200, {"etag": '"1"', "vary": "origin"}, '{"id":"<id>","detail":"x","items":[1,2]}')
FIRST, SECOND = "0190163d-8694-739b-aea5-966c26f8ad91", "0190163d-8694-739b-aea5-966c26f8ad92"


@pytest.mark.parametrize(
    ("other", "place"),
    [
        (Normal(201, HONEST.headers, HONEST.body), "status"),
        (Normal(200, {"vary": "origin"}, HONEST.body), "header etag"),
        (Normal(200, {**HONEST.headers, "x-more": "1"}, HONEST.body), "header x-more"),
        (Normal(200, HONEST.headers, HONEST.body.replace("<id>", "<other id>")), "body/id"),
        (Normal(200, HONEST.headers, HONEST.body.replace("[1,2]", "[1,3]")), "body/items/1"),
        (Normal(200, HONEST.headers, HONEST.body.replace("[1,2]", "[1]")), "body/items"),
        (Normal(200, HONEST.headers, HONEST.body.replace("[1,2]", "[1,2.0]")), "body/items/1"),
        (Normal(200, HONEST.headers, HONEST.body.replace('"x"', '"y"')), "body/detail"),
        (Normal(200, HONEST.headers, '{"detail":"x","id":"<id>","items":[1,2]}'), "bytes of the body"),
        (Normal(200, HONEST.headers, HONEST.body.replace(",", ", ")), "bytes of the body"),
        (Normal(200, HONEST.headers, "<html>"), "body"),
    ],
)
def test_a_difference_has_its_place(other: Normal, place: str) -> None:
    assert [difference.place for difference in between("stack", "chapter", "request", HONEST, other)] == [place]


def test_equal_replies_do_not_differ() -> None:
    assert list(between("stack", "chapter", "request", HONEST, HONEST)) == []


def test_only_what_is_named_is_allowed() -> None:
    (difference,) = between("stack", "chapter", "request", HONEST, Normal(500, HONEST.headers, HONEST.body))
    assert Allowed("n", "r", place="status", one="200", other="500").covers(difference)
    for entry in (
        Allowed("n", "r", place="header .*"),
        Allowed("n", "r", place="status", other="404"),
        Allowed("n", "r", place="status", request="chapter: another"),
        Allowed("n", "r", place="stat"),
    ):
        assert not entry.covers(difference)
    stray, used = judge([difference])
    assert (stray, used) == ([difference], set())


def _normal(normaliser: Normaliser, request: str, body: object, **headers: str) -> Normal:
    reply = Reply(
        "GET", "/v1/me", httpx.Headers(), b"", 200, "OK", httpx.Headers(headers), json.dumps(body).encode(), 0.0
    )
    return normaliser.normal(Played(Request(request, "GET", "/v1/me"), reply))


def test_an_id_is_known_by_who_showed_it_first() -> None:
    """Another id in the place of a known one is a difference, though both are ids."""
    one, other = Normaliser(), Normaliser()
    assert _normal(one, "made", {"id": FIRST}) == _normal(other, "made", {"id": SECOND})
    assert _normal(one, "shown", {"id": FIRST}) == _normal(other, "shown", {"id": SECOND})
    assert _normal(one, "shown again", {"id": FIRST}) != _normal(other, "shown again", {"id": FIRST})


def test_the_request_id_is_that_of_the_reply() -> None:
    headers = {"X-Request-Id": FIRST}
    right = _normal(Normaliser(), "r", {"instance": f"urn:uuid:{FIRST}"}, **headers)
    wrong = _normal(Normaliser(), "r", {"instance": f"urn:uuid:{SECOND}"}, **headers)
    assert right.headers["x-request-id"] == "<request>"
    assert right.body != wrong.body


def test_times_and_lengths_must_have_their_form() -> None:
    body = {"at": "2026-01-31T12:00:00.000Z"}
    length = str(len(json.dumps(body)))
    right = _normal(Normaliser(), "r", body, **{"Content-Length": length})
    assert right.body == '{"at": "<time>"}'
    assert right.headers["content-length"] == "<of the body>"
    assert _normal(Normaliser(), "r", {"at": "2026-01-31T12:00:00Z"}).body != right.body
    assert _normal(Normaliser(), "r", body, **{"Content-Length": "1"}).headers != right.headers


def test_names_of_requests_are_unique() -> None:
    for chapter in chapters():
        names = [request.name for request in chapter.requests]
        assert len(names) == len(set(names)), chapter.name
