"""Traces: the context of a caller is continued, spans say what was done, and export is asked for explicitly."""

from __future__ import annotations

import re
import secrets
import socket
import time
from typing import TYPE_CHECKING

import pytest

from scaffold.conformance import expect, logbook
from scaffold.conformance.network import LOOPBACK, free_port
from scaffold.conformance.otlp import TraceReceiver
from scaffold.conformance.registry import check

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.conformance.accounts import People
    from scaffold.conformance.client import Api
    from scaffold.conformance.fixtures import Spawn
    from scaffold.conformance.otlp import Span
    from scaffold.conformance.service import Service

_NEEDS = {"settings", "otlp", "logs"}
_SERVER, _CLIENT, _ERROR = 2, 3, 2
FAST_EXPORT: Mapping[str, str] = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
"""OpenTelemetry's own setting: do not wait five seconds for a batch."""


@pytest.fixture(scope="module")
def traced(spawn_shared: Spawn, otlp: TraceReceiver) -> Service:
    """A service that exports its traces to the suite."""
    return spawn_shared(OTEL_EXPORTER_OTLP_ENDPOINT=otlp.endpoint, environment=FAST_EXPORT)


@pytest.fixture(scope="module")
def traced_people(spawn_shared: Spawn, traced: Service) -> People:
    """Its accounts."""
    return spawn_shared.people(traced)


def _ids() -> tuple[str, str]:
    return secrets.token_hex(16), secrets.token_hex(8)


def _server_span(spans: list[Span]) -> Span:
    found = [span for span in spans if span.kind == _SERVER]
    expect.same("server spans of the trace", len(found), 1)
    return found[0]


@check(
    "TRC01",
    "A valid `traceparent` is continued: same trace, the caller's span as parent, a span id of its own.",
    source="W3C Trace Context §4; contract 4",
    needs=_NEEDS,
)
def check_continued(traced: Service, otlp: TraceReceiver) -> None:
    trace, parent = _ids()
    reply = traced.api().get("/v1/me", headers={"traceparent": f"00-{trace}-{parent}-01"})
    expect.same("trace_id of the problem", expect.problem(reply, 401)["trace_id"], trace, reply)
    line = traced.logs.access(reply.request_id)
    expect.same("trace_id of the log", line["trace_id"], trace, reply)
    expect.that(line["span_id"] != parent, "expected a span id of its own", reply)
    span = _server_span(otlp.trace(trace))
    expect.same("parent", span.parent_id, parent, reply)
    expect.same("span_id of the log", line["span_id"], span.span_id, reply)


@check("TRC02", "A version above 00 is read by its prefix.", source="W3C Trace Context §4.3; contract 4", needs=_NEEDS)
@pytest.mark.parametrize("form", ["01-{}-{}-01", "01-{}-{}-01-more-of-it", "cc-{}-{}-01-what"])
def check_later_versions(traced: Service, form: str) -> None:
    trace, parent = _ids()
    reply = traced.api().get("/v1/me", headers={"traceparent": form.format(trace, parent)})
    expect.same("trace_id", expect.problem(reply, 401)["trace_id"], trace, reply)


_T, _P = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@check("TRC03", "An invalid `traceparent` starts a new trace.", source="W3C Trace Context §3.2.2, §4.3", needs={"http"})
@pytest.mark.parametrize(
    "value",
    [f"ff-{_T}-{_P}-01", f"00-{'0' * 32}-{_P}-01", f"00-{_T}-{'0' * 16}-01", f"00-{_T.upper()}-{_P}-01", f"00-{_T[:-1]}-{_P}-01",
     f"00-{_T}-{_P}", f"00-{_T}-{_P}-01-x", f"0-{_T}-{_P}-01", f"00-{_T}-{_P}-zz", f"00_{_T}_{_P}_01", "nonsense", f"01-{_T}-{_P}-01x"],
    ids=["version ff", "zero trace", "zero parent", "upper case", "short", "no flags", "more in version 00", "short version", "bad flags", "underscores", "nonsense", "no hyphen"],
)  # fmt: skip
def check_invalid(api: Api, value: str) -> None:
    reply = api.get("/v1/me", headers={"traceparent": value})
    trace = expect.problem(reply, 401)["trace_id"]
    expect.that(
        trace.lower() != _T and re.fullmatch(r"[0-9a-f]{32}", trace) and set(trace) != {"0"},
        f"expected a new trace, got {trace}",
        reply,
    )


@check(
    "TRC04",
    "Two `traceparent` headers, or none, start a trace of their own each time.",
    source="W3C Trace Context §4.3; contract 11.18",
    needs={"raw"},
)
def check_fresh(service: Service, api: Api) -> None:
    fresh = {expect.problem(api.get("/v1/me"), 401)["trace_id"] for _ in range(5)}
    expect.same("distinct traces", len(fresh), 5)
    with service.raw() as connection:
        connection.send(
            f"GET /v1/me HTTP/1.1\r\nHost: x\r\ntraceparent: 00-{_T}-{_P}-01\r\ntraceparent: 00-{_T}-{_P}-01\r\nConnection: close\r\n\r\n"
        )
        reply = connection.reply()
    expect.that(expect.problem(reply, 401)["trace_id"] != _T, "expected a new trace", reply)


@check(
    "TRC05",
    "The sampled flag is honoured: what the caller does not sample is not exported.",
    source="W3C Trace Context §3.2.2.3; OpenTelemetry ParentBased sampler",
    needs=_NEEDS,
)
def check_sampled_flag(traced: Service, otlp: TraceReceiver) -> None:
    trace, parent = _ids()
    quiet = traced.api().get("/v1/me", headers={"traceparent": f"00-{trace}-{parent}-00"})
    expect.same("trace_id", expect.problem(quiet, 401)["trace_id"], trace, quiet)
    other, _ = _ids()
    traced.api().get("/v1/me", headers={"traceparent": f"00-{other}-{parent}-01"})
    expect.that(otlp.trace(other), "expected the sampled trace to be exported")
    expect.same("spans of the unsampled trace", otlp.trace(trace, timeout=0.3), [])


@check(
    "TRC06",
    "The server span names route, method and status; a 5xx is an error, a 4xx is not.",
    source="OpenTelemetry HTTP conventions; contract 4",
    needs=_NEEDS | {"sql"},
)
def check_server_span(spawn: Spawn, otlp: TraceReceiver, answers: Mapping[str, object]) -> None:
    service = spawn(OTEL_EXPORTER_OTLP_ENDPOINT=otlp.endpoint, environment=FAST_EXPORT)
    user = spawn.people(service).new()
    for status, path, route, code in (
        (200, "/v1/me", "/v1/me", None),
        (404, "/v1/api-keys/unknown", "/v1/api-keys/{id}", None),
        (500, "/v1/me", "/v1/me", _ERROR),
    ):
        if status == 500:
            service.database.execute("ALTER TABLE users RENAME TO users_away")
        trace, parent = _ids()
        reply = user.api.get(path, headers={"traceparent": f"00-{trace}-{parent}-01"})
        expect.status(reply, status, 503 if status == 500 else status)
        span = _server_span(otlp.trace(trace))
        expected = {
            "http.request.method": "GET",
            "http.route": route,
            "http.response.status_code": reply.status,
            "url.path": path,
        }
        expect.same("attributes", {name: span.attributes.get(name) for name in expected}, expected, reply)
        expect.same("name", span.name, f"GET {route}", reply)
        expect.same("error", span.status == _ERROR, code == _ERROR, reply)
        expect.same("service.name", span.resource.get("service.name"), answers.get("project_name"), reply)


@check(
    "TRC07",
    "Each statement has a client span below the request's, with the text but never the values.",
    source="OpenTelemetry database conventions; ASVS 16.2.5",
    needs=_NEEDS,
)
def check_database_spans(traced: Service, traced_people: People, otlp: TraceReceiver) -> None:
    trace, parent = _ids()
    user = traced_people.new()
    reply = user.api.patch(
        "/v1/me", {"display_name": "canary-display-name"}, headers={"traceparent": f"00-{trace}-{parent}-01"}
    )
    expect.status(reply, 200)
    spans = otlp.trace(trace)
    known = {span.span_id for span in spans}
    statements = [span for span in spans if span.is_database]
    expect.that(
        len(statements) >= 2,
        f"expected spans of a read and a write at least, got {[span.name for span in spans]}",
        reply,
    )
    names = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": ("mysql", "mariadb")}[traced.database.dialect]
    for span in statements:
        expect.same("kind", span.kind, _CLIENT, reply)
        expect.that(span.parent_id in known, "expected a parent within the trace", reply)
        expect.that(
            span.attributes.get("db.system.name") in names,
            f"db.system.name is {span.attributes.get('db.system.name')!r}",
            reply,
        )
        text = repr(span)
        for value in ("canary-display-name", user.email, user.password, user.session.access):
            expect.that(value not in text, f"a value stands in a span: {text[:500]}", reply)


@check(
    "TRC12",
    "Each kind of statement has its span: what is read, inserted, updated and deleted.",
    source="OpenTelemetry database conventions; contract 4",
    needs=_NEEDS,
)
def check_spans_of_statements(traced: Service, traced_people: People, otlp: TraceReceiver) -> None:
    user = traced_people.new()
    key = traced_people.key(user)["id"]
    body = {"name": "suite", "scopes": ["profile:read"]}
    requests: list[tuple[str, str, object, str]] = [
        ("GET", "/v1/api-keys", None, r"SELECT .*\bapi_keys\b"),
        ("POST", "/v1/api-keys", body, r"INSERT .*\bapi_keys\b"),
        ("PATCH", "/v1/me", {"display_name": "Grace Hopper"}, r"UPDATE .*\busers\b"),
        ("DELETE", f"/v1/api-keys/{key}", None, r"DELETE .*\bapi_keys\b"),
        ("POST", "/v1/auth/logout", {}, r"UPDATE .*\bsessions\b"),
    ]
    for method, path, sent, statement in requests:
        trace, parent = _ids()
        options = {"json": sent} if sent is not None else {}
        headers = {"traceparent": f"00-{trace}-{parent}-01"}
        reply = user.api.request(method, path, headers=headers, **options)  # type: ignore[arg-type]
        expect.that(reply.status < 300, "expected a success", reply)
        texts = [str(span.attributes.get("db.query.text")) for span in otlp.trace(trace) if span.is_database]
        pattern = re.compile(statement, re.IGNORECASE | re.DOTALL)
        expect.that(any(map(pattern.match, texts)), f"expected a span of {statement}, got {texts}", reply)


@check(
    "TRC08",
    "Without OTEL_EXPORTER_OTLP_ENDPOINT nothing is exported, whatever else of OpenTelemetry is set.",
    source="contract 4, 5",
    needs=_NEEDS,
)
def check_off_by_default(spawn: Spawn) -> None:
    with TraceReceiver() as receiver:
        service = spawn(
            environment=dict(FAST_EXPORT)
            | {
                "OTEL_TRACES_SAMPLER": "always_on",
                "OTEL_SERVICE_NAME": "renamed",
                "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{receiver.endpoint}/v1/traces",
            }
        )
        reply = service.api().get("/v1/me")
        expect.problem(reply, 401)
        expect.same("service.name", service.logs.access(reply.request_id)["service.name"], "renamed", reply)
        service.stop()
        expect.same("exports", receiver.requests, 0)


@check(
    "TRC09",
    "A collector that is gone neither slows the service nor dirties its log nor delays its end.",
    source="contract 4, 6",
    needs=_NEEDS | {"process"},
)
@pytest.mark.parametrize("how", ["gone", "silent"])
def check_collector_gone(spawn: Spawn, how: str) -> None:
    with socket.create_server((LOOPBACK, 0)) as silent:
        # It takes connections, and never says a word.
        port = silent.getsockname()[1] if how == "silent" else free_port()
        service = spawn(OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{LOOPBACK}:{port}", environment=FAST_EXPORT)
        api = service.api()
        for _ in range(20):
            reply = expect.status(api.get("/v1/me"), 401)
            expect.that(reply.seconds < 0.5, f"took {reply.seconds:.2f} s", reply)
        lines = [line for line in service.logs.lines() if line.get("event") != logbook.ACCESS]
        expect.that(len(lines) <= 5, f"expected no line for each export, got {lines}")
        expect.same("lines on stderr", service.process.stderr.lines, [])
        started = time.monotonic()
        service.terminate()
        expect.same("exit code", service.process.wait(12), 0)
        took = time.monotonic() - started
    expect.that(took < 6, f"expected the exit within 6 s, took {took:.1f} s")


@check(
    "TRC10",
    "What was recorded is exported before the service ends.",
    source="contract 6; OpenTelemetry SDK (Shutdown)",
    needs=_NEEDS | {"process"},
)
def check_flush_on_stop(spawn: Spawn, otlp: TraceReceiver) -> None:
    service = spawn(OTEL_EXPORTER_OTLP_ENDPOINT=otlp.endpoint, environment={"OTEL_BSP_SCHEDULE_DELAY": "60000"})
    trace, parent = _ids()
    service.api().get("/v1/me", headers={"traceparent": f"00-{trace}-{parent}-01"})
    service.terminate()
    expect.same("exit code", service.process.wait(12), 0)
    expect.that(otlp.trace(trace, timeout=1), "expected the last spans to be exported")


@check(
    "TRC11", "`tracestate` and `baggage` in any state break nothing.", source="W3C Trace Context §4.3", needs={"http"}
)
def check_tracestate(api: Api) -> None:
    for headers in ({"tracestate": "=,,=;;" * 50}, {"tracestate": "a=" + "b" * 3000}, {"baggage": "%%%=,;=" * 100}):
        reply = api.get("/v1/me", headers={"traceparent": f"00-{_T}-{_P}-01"} | headers)
        expect.same("trace_id", expect.problem(reply, 401)["trace_id"], _T, reply)
