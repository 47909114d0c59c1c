"""The log: one JSON object a line on standard output, whoever writes it.

Lines of this service come from structlog; those of libraries arrive through the standard library's
root logger and take the same form.
"""

import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, cast

import orjson
import structlog

from ..api.values import now, timestamp
from ..config.environment import Environment
from .context import current_request
from .output import output

LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
    "fatal": logging.CRITICAL,
}
_LEVEL_NAMES = {"warning": "warn", "critical": "fatal", "exception": "error"}

EventDict = MutableMapping[str, Any]
log: structlog.typing.FilteringBoundLogger = structlog.get_logger()


def configure_logging(env: Environment, version: str) -> None:
    resource = {
        "service.name": env.otel_service_name,
        "service.version": version,
        "deployment.environment.name": env.app_env,
    }
    structlog.configure(
        processors=[_line(resource), _to_text if env.log_format == "pretty" else _to_json],
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[env.log_level]),
        logger_factory=structlog.BytesLoggerFactory(cast("Any", output)),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers = [_StructlogHandler()]
    root.setLevel(LEVELS[env.log_level])
    logging.captureWarnings(capture=True)
    for name, least in (
        # Django logs each 4xx and 5xx once more; access line and error handler have said it.
        ("django.request", logging.CRITICAL + 1),
        # The pool tells of each failed attempt to connect; the request that needed it tells once.
        ("psycopg.pool", logging.ERROR),
    ):
        logging.getLogger(name).setLevel(least)


def _line(resource: dict[str, str]) -> Callable[[Any, str, EventDict], EventDict]:
    """Makes the contract's line of an event; what libraries say has no event, only a message."""

    def processor(_logger: Any, method: str, event: EventDict) -> EventDict:
        name = event.pop("event")
        line: EventDict = {
            "timestamp": timestamp(now()),
            "level": _LEVEL_NAMES.get(method, method),
            "message": event.pop("message", name),
        }
        if name:
            line["event"] = name
        line.update(resource)
        if context := current_request():
            line["request_id"] = context.request_id
            line["trace_id"] = context.trace_id
            line["span_id"] = context.span_id
            line["client.address"] = context.client_address
            if context.user_id:
                line["user.id"] = context.user_id
        exception = event.pop("exc_info", None)
        if exception is True:
            exception = sys.exc_info()[1]
        if exception is not None:
            line["exception.type"] = _full_name(type(exception))
            line["exception.message"] = str(exception)
            line["exception.stacktrace"] = "".join(traceback.format_exception(exception))
        line.update(event)
        return line

    return processor


def _full_name(kind: type) -> str:
    prefix = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return prefix + kind.__qualname__


def _to_json(_logger: Any, _method: str, line: EventDict) -> bytes:
    try:
        return orjson.dumps(line)
    except TypeError:  # a lone surrogate, or a type from a library
        return orjson.dumps({key: _printable(value) for key, value in line.items()})


def _to_text(_logger: Any, _method: str, line: EventDict) -> bytes:
    """One line for whoever watches a terminal; only errors take more."""
    said = line["message"]
    if line.get("event") == "http.server.request":
        milliseconds = line["http.server.request.duration"] * 1000
        names = ("http.request.method", "url.path", "http.response.status_code")
        said = " ".join(str(line[name]) for name in names) + f" {milliseconds:.1f} ms"
    text = f"{line['timestamp'][11:-1]} {line['level']:5} {said}"
    if stacktrace := line.get("exception.stacktrace"):
        text = f"{text}\n{stacktrace.rstrip()}"
    return text.encode("utf-8", "backslashreplace")


def _printable(value: object) -> str | int | float | bool:
    if isinstance(value, (int, float, bool)):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()


class _StructlogHandler(logging.Handler):
    """Hands what libraries log to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except (TypeError, ValueError):  # arguments that do not fit must not fail the caller
            message = str(record.msg)
        exception = record.exc_info[1] if record.exc_info else None
        method = logging.getLevelName(min(record.levelno // 10 * 10, logging.CRITICAL)).lower()
        getattr(log, method, log.info)(
            "",
            message=message,
            exc_info=exception,
            **{"log.logger": record.name},
        )
