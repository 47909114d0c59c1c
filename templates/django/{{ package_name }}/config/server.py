"""gunicorn's threaded worker with the limits that it lacks, and its log in the form of ours."""

import logging
import mmap
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any

from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.errors import LimitRequestHeaders, NoMoreData, ParseException
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.util import close_graceful
from gunicorn.workers.gthread import _DEFER, TConn, ThreadWorker

from ..api.bodies import Application
from ..health.lifecycle import start_draining
from ..observability.logging import configure_logging, log
from . import settings

ENV = settings.ENV
LINGER_SECONDS = 1.0

# Memory that the processes share: a worker that had to cut requests off sets it.
cut_off = mmap.mmap(-1, 1)


class TooSlowError(NoMoreData, TimeoutError):
    pass


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


def _close_after_unread_body(application: Application) -> Application:
    """Says `Connection: close` where a body was left unread: gunicorn closes without a word."""

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        reader = environ["wsgi.input"].reader

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
    def init_signals(self) -> None:
        super().init_signals()
        signal.signal(signal.SIGINT, self.handle_exit)

    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi: Application = _close_after_unread_body(self.wsgi)

    def handle(self, conn: TConn) -> Any:
        if conn.parser is None:
            conn.parser = RequestParser(self.cfg, conn.sock, conn.client)
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
        if self.alive:
            start_draining()
            deadline = threading.Timer(ENV.shutdown_timeout, self._cut_off)
            deadline.daemon = True
            deadline.start()
        super().handle_exit(sig, frame)

    def _cut_off(self) -> None:
        in_flight = self.nr_conns - len(self.keepalived_conns) - len(self.pending_conns)
        if in_flight > 0:
            log.error("", message="requests were cut off at the shutdown timeout")
            cut_off[0] = 1
        os._exit(1 if in_flight > 0 else 0)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: BaseException) -> None:
        """What is no request, or never came to the application; gunicorn answers with HTML."""
        status = "400 Bad Request"
        if isinstance(exc, LimitRequestHeaders):
            status = "431 Request Header Fields Too Large"
        elif not isinstance(exc, ParseException):
            status = "500 Internal Server Error"
            log.error("", message="a request failed outside of the application", exc_info=exc)
        reply = f"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        try:
            client.sendall(reply.encode())
        except OSError:
            log.debug("", message="the client has gone")


class RootLogger(Logger):
    """Hands gunicorn's own messages to the root logger: they take the form of all others."""

    def setup(self, cfg: Config) -> None:
        configure_logging(ENV, settings.VERSION)
        self.cfg = cfg
        self.error_log.propagate = True
        self.error_log.setLevel(logging.WARNING)
