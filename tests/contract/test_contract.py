"""The contract's files against the standards they cite, by the tools of each field."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from tests.stack_files import STACKS, described

from scaffold.conformance.openapi import OpenApi, joined

CONTRACT = Path(__file__).parents[2] / "contract"
DOCUMENT = OpenApi.of_contract({"sample": True, "redis": True}).document
PARTS = {"sample", "redis"}
METHODS = {"get", "post", "put", "patch", "delete"}


def read(name: str) -> Any:
    """A parsed file of the contract."""
    return yaml.safe_load((CONTRACT / name).read_text(encoding="utf-8"))


def operations() -> list[tuple[str, dict[str, Any]]]:
    """Every operation with its method and path."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_openapi_document_is_valid() -> None:
    validate({**DOCUMENT, "info": {"title": "Service", "version": "0.1.0"}})


def test_parts_that_differ_are_refused() -> None:
    part = {"paths": {"/v1/me": {"get": {"operationId": "getMe"}}}}
    with pytest.raises(ValueError, match="differ at /paths//v1/me/get/operationId"):
        joined([part, {"paths": {"/v1/me": {"get": {"operationId": "readMe"}}}}])


@pytest.mark.parametrize(("name", "operation"), operations())
def test_operation_is_documented_whole(name: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    assert operation["summary"], name
    assert "security" in operation, f"{name}: say who may call it, `security: []` for anyone"
    assert "500" in responses, f"{name}: every operation can fail"
    if operation["security"] and "metricsToken" not in operation["security"][0]:
        assert {"401", "403"} <= responses.keys(), f"{name}: a credential can be refused"
    if "requestBody" in operation:
        assert {"400", "413", "415", "422"} <= responses.keys(), f"{name}: a body can be refused"
    if "/v1/" in name:
        assert {"429", "503"} <= responses.keys(), f"{name}: it is limited and needs the database"


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for _, operation in operations()]
    assert sorted(ids) == sorted(set(ids))


def test_every_component_is_used() -> None:
    text = json.dumps(DOCUMENT)
    unused = [
        f"{kind}/{name}"
        for kind, entries in DOCUMENT["components"].items()
        if kind != "securitySchemes"
        for name in entries
        if f"#/components/{kind}/{name}" not in text
    ]
    assert unused == []


def test_log_line_schema_is_valid() -> None:
    Draft202012Validator.check_schema(json.loads((CONTRACT / "log-line.schema.json").read_text()))


LINE = {
    "timestamp": "2026-01-31T12:00:00.000Z",
    "level": "info",
    "message": "request",
    "service.name": "shop",
    "service.version": "0.1.0",
    "deployment.environment.name": "test",
}
ACCESS = LINE | {
    "event": "http.server.request",
    "request_id": "01890a5d-ac96-774b-bcce-b302099a8057",
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "span_id": "00f067aa0ba902b7",
    "http.request.method": "GET",
    "url.path": "/livez",
    "http.response.status_code": 200,
    "http.server.request.duration": 0.001,
    "client.address": "127.0.0.1",
}


@pytest.mark.parametrize("line", [LINE, ACCESS, LINE | {"workers": 2}])
def test_log_line_schema_accepts(line: dict[str, object]) -> None:
    schema = json.loads((CONTRACT / "log-line.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(line)) == []


@pytest.mark.parametrize(
    "line",
    [
        {key: value for key, value in LINE.items() if key != "timestamp"},
        LINE | {"level": "WARNING"},
        LINE | {"timestamp": "2026-01-31T12:00:00Z"},
        LINE | {"user": {"id": 1}},
        {key: value for key, value in ACCESS.items() if key != "client.address"} | {"event": "authn_login_fail"},
        LINE | {"exception.stacktrace": "Traceback"},
        LINE | {"request_id": "01890a5d-ac96-774b-bcce-b302099a8057"},
        {key: value for key, value in ACCESS.items() if key != "client.address"},
        ACCESS | {"http.response.status_code": "200"},
        ACCESS | {"trace_id": "0" * 32},
    ],
)
def test_log_line_schema_refuses(line: dict[str, object]) -> None:
    schema = json.loads((CONTRACT / "log-line.schema.json").read_text())
    assert list(Draft202012Validator(schema).iter_errors(line))


SETTING = {
    "type": "object",
    "required": ["name", "group", "type", "description"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$"},
        "group": {"type": "string"},
        "type": {"enum": ["string", "integer", "boolean", "enum", "rate", "list", "url", "pem", "email"]},
        "values": {"type": "array", "items": {"type": "string"}},
        "schemes": {"type": "array", "items": {"type": "string"}},
        "parameters": {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "string"}}},
        "default": {"type": ["string", "integer"]},
        "required": {"enum": ["always", "production"]},
        "secret": {"const": True},
        "file": {"const": True},
        "part": {"enum": sorted(PARTS)},
        "dev": {"type": "string"},
        "dev_file": {"type": "string"},
        "min": {"type": "integer"},
        "max": {"type": "integer"},
        "refused": {"type": "string"},
        "description": {"type": "string", "pattern": "\\.$"},
    },
    "allOf": [
        {
            "if": {"properties": {"type": {"const": "integer"}}},
            "then": {"required": ["min", "max", "default"]},
        },
        {"if": {"properties": {"type": {"const": "enum"}}}, "then": {"required": ["values"]}},
        {"if": {"properties": {"type": {"const": "url"}}}, "then": {"required": ["schemes"]}},
        {"if": {"required": ["required"]}, "then": {"not": {"required": ["default"]}}},
    ],
}


def test_settings_are_well_formed() -> None:
    errors = Draft202012Validator({"type": "array", "items": SETTING}).iter_errors(read("settings.yaml"))
    assert [f"{error.json_path}: {error.message}" for error in errors] == []


@pytest.mark.parametrize("setting", read("settings.yaml"), ids=lambda setting: setting["name"])
def test_default_of_a_setting_is_legal(setting: dict[str, Any]) -> None:
    if setting["type"] == "integer":
        assert setting["min"] <= setting["default"] <= setting["max"]
    if setting["type"] == "enum":
        assert setting.get("default") in {*setting["values"], None}
        assert setting.get("dev") in {*setting["values"], None}


def test_names_are_unique() -> None:
    for name, key in (
        ("settings.yaml", "name"),
        ("metrics.yaml", "name"),
        ("events.yaml", "event"),
        ("layout.yaml", "concept"),
    ):
        values = [entry[key] for entry in read(name)]
        assert len(values) == len(set(values)), name


def test_problems_have_titles_and_parts_are_known() -> None:
    catalogue = read("problems.yaml")
    statuses = {problem["status"] for problem in catalogue["problems"]} | set(catalogue["blank"])
    assert statuses == set(catalogue["titles"])
    assert len({problem["slug"] for problem in catalogue["problems"]}) == len(catalogue["problems"])
    for problem in catalogue["problems"]:  # a comma in a text without quotes begins another key
        assert problem.keys() <= {"slug", "status", "part", "description"}, problem
    for entry in [*catalogue["problems"], *read("metrics.yaml"), *read("layout.yaml")]:
        assert entry.get("part") in {*PARTS, None}


def test_responses_name_only_known_problems() -> None:
    slugs = {problem["slug"]: problem["status"] for problem in read("problems.yaml")["problems"]}
    for response in DOCUMENT["components"]["responses"].values():
        for slug in re.findall(r"`([a-z]+-[a-z-]+)`", response["description"]):
            assert slug in slugs, slug


def test_metrics_follow_the_conventions() -> None:
    for family in read("metrics.yaml"):
        name, kind = family["name"], family["type"]
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert (kind == "counter") == name.endswith("_total"), "Prometheus: counters end in _total"
        assert family["help"].endswith(".")
        assert ("buckets" in family) == (kind == "histogram")
        assert set(family.get("values", {})) <= set(family["labels"])


def test_duration_buckets_are_those_of_opentelemetry() -> None:
    # OpenTelemetry semantic conventions, HTTP metrics: the advised explicit bucket boundaries.
    advised = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
    assert read("metrics.yaml")[0]["buckets"] == advised


def test_keys_in_redis_live_as_long_as_a_setting_says() -> None:
    names = {setting["name"] for setting in read("settings.yaml")}
    for entry in read("redis.yaml"):
        assert entry.keys() <= {"key", "part", "life", "holds"}
        assert entry.get("life") in {*names, None}
        assert entry.get("part") in {*PARTS, None}


def test_pages_may_send_and_read_the_headers_of_the_document() -> None:
    cors = read("cors.yaml")
    exposed = {name.lower() for name in cors["exposed_headers"]}
    allowed = {name.lower() for name in cors["allowed_headers"]}
    parameters = [*DOCUMENT["components"]["parameters"].values()]
    sent = {entry["name"].lower() for entry in parameters if entry["in"] == "header"}
    keys = {s["name"].lower() for s in DOCUMENT["components"]["securitySchemes"].values() if s["type"] == "apiKey"}
    assert sent | keys <= allowed
    # What a page may read without being told is not listed (Fetch, CORS-safelisted response headers).
    told = {"allow", "www-authenticate", "cache-control", "accept", "accept-encoding", "vary"}
    replied = {_header_name(name) for name in DOCUMENT["components"]["headers"]}
    assert replied - told <= exposed
    assert {method.lower() for method in cors["methods"]} >= METHODS - {"put"}


def _header_name(component: str) -> str:
    """`RetryAfter` is the component of Retry-After."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", component).lower()


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_says_what_is_left_to_it(stack: str) -> None:
    entry = described(stack)
    assert all(entry.keys() == described(other).keys() for other in STACKS)
    assert entry["workers"] in {"one", "several"}
    # A Procfile's bare words are found there, and nothing of it is rendered.
    assert all(tool.split("/")[0] in entry["made"] for tool in entry["tools"])
    assert list(entry["layout"]) == [concept["concept"] for concept in read("layout.yaml")]
    assert all(entry["layout"].values())
    assert all(word == word.lower() for word in entry["makers"])


def test_common_passwords_answer_asvs() -> None:
    # ASVS 6.2.4: at least the top 3,000 passwords that match the policy (12 characters by default).
    words = (CONTRACT / "common-passwords.txt").read_text(encoding="ascii").splitlines()
    assert words == sorted(set(words))
    assert all(word == word.lower() and len(word) >= 8 for word in words)
    assert sum(len(word) >= 12 for word in words) >= 3000
