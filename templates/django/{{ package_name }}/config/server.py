"""gunicorn's threaded worker with the limits that it lacks, and its log in the form of ours."""

import logging
import mmap
import os
import re
import select
import signal
import socket
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import (
    InvalidHTTPVersion,
    LimitRequestHeaders,
    NoMoreData,
    ParseException,
)
from gunicorn.http.message import Request
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.sock import close_sockets
from gunicorn.util import close_graceful
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from ..api.bodies import Application
from ..api.middleware import FAULT
from ..health.lifecycle import is_draining, start_draining
from ..observability.logging import configure_logging, log
from ..observability.output import output
from . import settings

ENV = settings.ENV
LINGER_SECONDS = 1.0
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
# A second one would be another credential, another key, another body.
SINGLE_FIELDS = ("AUTHORIZATION", "X-API-KEY", "IDEMPOTENCY-KEY", "CONTENT-TYPE")
# uri-host [":" port] (RFC 9110 §7.2, RFC 3986 §3.2.2)
HOST = re.compile(
    r"(?:(?:[A-Za-z0-9._~!$&'()*+;=-]|%[0-9A-Fa-f]{2})+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]*))?"
)
MAX_PORT = 65535

# Memory that the processes share: a worker that had to cut requests off sets it.
cut_off = mmap.mmap(-1, 1)


class TooSlowError(NoMoreData, TimeoutError):
    pass


class StrictRequest(Request):
    def _apply_header_policy(self, name: str, value: str, *state: Any, **options: Any) -> Any:
        # A second Content-Type is refused with the other doubled fields, as a problem.
        if name == "CONTENT-TYPE":
            return name, value
        return super()._apply_header_policy(name, value, *state, **options)

    def parse_request_line(self, line_bytes: bytes) -> None:
        super().parse_request_line(line_bytes)
        if self.version not in {(1, 0), (1, 1)}:
            raise InvalidHTTPVersion(self.version)


class StrictParser(RequestParser):
    mesg_class = StrictRequest


class DeadlineUnreader(SocketUnreader):
    """Bounds the reading of a whole request: clients may trickle below any time-out per read."""

    deadline = 0.0

    def chunk(self, size_hint: int | None = None) -> bytes:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TooSlowError
        self.sock.settimeout(left)
        try:
            data: bytes = super().chunk(size_hint)
        except TimeoutError:
            raise TooSlowError from None
        return data


def _fault_of(request: Request) -> str:
    """What makes a request ambiguous; in the WSGI environment it could not be told any more."""
    names = [name for name, _ in request.headers]
    for name in SINGLE_FIELDS:
        if names.count(name) > 1:
            return f"The field {name.title()} stands there twice."
    host = dict(request.headers).get("HOST")
    if host is None and request.version == (1, 1):
        return "The field Host is missing."
    match = HOST.fullmatch(host) if host else None
    if host and (match is None or int(match["port"] or 0) > MAX_PORT):
        return "The field Host names no host."
    return ""


def _wrapped(application: Application) -> Application:
    """Hands on what is wrong with a request beyond its environment, and says `Connection: close`
    where a body was left unread: gunicorn closes without a word."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        reader = environ["wsgi.input"].reader
        environ[FAULT] = _fault_of(start_response.__self__.req)

        def start(*arguments: Any) -> Any:
            if getattr(reader, "length", 0) or getattr(reader, "parser", None):
                start_response.__self__.force_close()
            return start_response(*arguments)

        return application(environ, start)

    return wrapped


def _linger(sock: socket.socket) -> None:
    """Gives the client time to read the reply; gunicorn would wait in its only event loop."""
    with suppress(OSError):
        close_graceful(sock.dup(), LINGER_SECONDS)
        sock.shutdown(socket.SHUT_RDWR)


class Worker(ThreadWorker):
    sockets: list[socket.socket]

    def init_signals(self) -> None:
        super().init_signals()
        for kind in STOP_SIGNALS:
            signal.signal(kind, self.handle_exit)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi: Application = _wrapped(self.wsgi)

    def handle(self, conn: TConn) -> Any:
        if conn.parser is None:
            conn.parser = StrictParser(self.cfg, conn.sock, conn.client)
            conn.parser.unreader = DeadlineUnreader(conn.sock)
        conn.parser.unreader.deadline = time.monotonic() + ENV.request_timeout
        # A client that connects and says nothing waits in the poller, not in a thread.
        if not conn.initialized and not conn.wait_for_data(0):
            return _DEFER
        keep = super().handle(conn)
        if not keep:
            _linger(conn.sock)
        return keep

    def finish_request(self, conn: TConn, fs: Future[Any]) -> None:
        super().finish_request(conn, fs)
        if self.pending_conns and self.pending_conns[-1] is conn:
            conn.timeout = time.monotonic() + ENV.request_timeout

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Not ready from now on, closed after the delay; further signals change nothing."""
        if is_draining():
            return
        start_draining()
        stop = super().handle_exit
        for seconds, work in (
            (ENV.shutdown_delay, lambda: stop(sig, frame)),
            (ENV.shutdown_timeout, self._cut_off),
        ):
            timer = threading.Timer(seconds, work)
            timer.daemon = True
            timer.start()

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's
        super().set_accept_enabled(enabled)
        if not self.alive:
            # Accepted connections are served; new ones are refused, not left waiting.
            for listener in self.sockets:
                while select.select([listener], [], [], 0)[0]:
                    self.accept(listener)
                listener.close()
            self.sockets = []
            self.murder_keepalived(force=True)

    def _cut_off(self) -> None:
        in_flight = self.nr_conns - len(self.keepalived_conns) - len(self.pending_conns)
        if in_flight > 0:
            log.error("", message="requests were cut off at the shutdown timeout")
            cut_off[0] = 1
        output.drain()
        os._exit(1 if in_flight > 0 else 0)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """What is no request, or never came to the application; gunicorn answers with HTML."""
        status = "400 Bad Request"
        if isinstance(exc, LimitRequestHeaders):
            status = "431 Request Header Fields Too Large"
        elif isinstance(exc, InvalidHTTPVersion):
            status = "505 HTTP Version Not Supported"
        elif not isinstance(exc, ParseException):
            status = "500 Internal Server Error"
            log.error("", message="a request failed outside of the application", exc_info=exc)
        reply = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        try:
            client.sendall(reply.encode())
        except OSError:
            log.debug("", message="the client has gone")


def stop_gently(server: Arbiter) -> None:
    """What the master does on the first signal to stop; further ones change nothing."""
    for kind in STOP_SIGNALS:
        signal.signal(kind, signal.SIG_IGN)
    while not server.SIG_QUEUE.empty():
        server.SIG_QUEUE.get_nowait()
    server.kill_workers(signal.SIGTERM)
    # The workers have the sockets, too, and close them after the delay.
    close_sockets(server.LISTENERS, unlink=False)
    server.LISTENERS = []
    time.sleep(ENV.shutdown_delay)
    raise StopIteration


class RootLogger(Logger):
    """Hands gunicorn's own messages to the root logger: they take the form of all others."""

    def setup(self, cfg: Config) -> None:
        configure_logging(ENV, settings.VERSION)
        self.cfg = cfg
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)
