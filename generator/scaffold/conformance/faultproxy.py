"""A TCP proxy between a service and its servers that simulates network faults."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from enum import StrEnum
from typing import Self

from scaffold.conformance.network import LOOPBACK


class Fault(StrEnum):
    """How the network behaves."""

    NONE = "none"
    REFUSED = "refused"
    """New connections are refused and existing ones reset: the server is gone."""
    SILENT = "silent"
    """Connections stand and new ones are accepted, but no byte moves: a dead network, a frozen server."""
    SLOW = "slow"
    """Each piece of data waits for `delay` seconds."""


class FaultProxy:
    """Forwards a port of its own to `target`, with the current fault."""

    def __init__(self, host: str, port: int) -> None:
        """Forward to the server at `host:port`."""
        self._target = (host, port)
        self._fault = Fault.NONE
        self.delay = 0.1
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._moves = threading.Condition()
        self._closed = False
        self._listener = self._listen(0)
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        """Start forwarding (it already does)."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close everything."""
        self.close()

    @property
    def fault(self) -> Fault:
        """The current fault."""
        return self._fault

    def set(self, fault: Fault, *, delay: float | None = None) -> None:
        """Change the network's behaviour, for existing and new connections."""
        if delay is not None:
            self.delay = delay
        before, self._fault = self._fault, fault
        if fault is Fault.REFUSED:
            _close_listener(self._listener)
            self.cut()
        elif before is Fault.REFUSED:
            self._listener = self._listen(self.port)
        with self._moves:
            self._moves.notify_all()

    def cut(self) -> None:
        """Reset all open connections; new ones work as before."""
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                # SO_LINGER 0: the peer sees a reset instead of an orderly close.
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                connection.shutdown(socket.SHUT_RDWR)
            with contextlib.suppress(OSError):
                connection.close()

    @property
    def connections(self) -> int:
        """How many connections of the service are open."""
        with self._lock:
            return len(self._open) // 2

    def close(self) -> None:
        """End the proxy and all connections."""
        self._closed = True
        _close_listener(self._listener)
        self.cut()
        with self._moves:
            self._moves.notify_all()

    def _listen(self, port: int) -> socket.socket:
        listener = socket.create_server((LOOPBACK, port), backlog=256)
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return listener

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._connect, args=(client,), daemon=True).start()

    def _connect(self, client: socket.socket) -> None:
        self._hold()
        try:
            server = socket.create_connection(self._target, timeout=5)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {client, server}
        for source, sink in ((client, server), (server, client)):
            threading.Thread(target=self._forward, args=(source, sink), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                if self._fault is Fault.SLOW:
                    time.sleep(self.delay)
                self._hold()
                sink.sendall(data)
        except OSError:
            pass
        finally:
            with self._lock:
                self._open -= {source, sink}
            for end in (sink, source):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()

    def _hold(self) -> None:
        """Wait while the network is silent."""
        with self._moves:
            self._moves.wait_for(lambda: self._fault is not Fault.SILENT or self._closed)


def _close_listener(listener: socket.socket) -> None:
    """Stop listening at once: closing alone would not wake a thread that waits in `accept`."""
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
