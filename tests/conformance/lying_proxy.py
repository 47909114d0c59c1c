"""An HTTP proxy between suite and service that can lie about anything it passes on."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


_BODILESS = (204, 304)


@dataclass
class Message:
    """A request or a reply: its first line, its headers as they came, its body without framing."""

    start: str
    headers: list[tuple[str, str]]
    body: bytes
    came: tuple[object, bytes] | None = None
    """What it was when it was read, and the bytes that it was read from."""

    @property
    def content(self) -> object:
        """Everything that a lie can change."""
        return self.start, tuple(self.headers), self.body

    def get(self, name: str) -> str | None:
        """The first value of a header."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)

    def set(self, name: str, value: str | None) -> None:
        """Replace a header, or (None) take it away."""
        self.headers = [(known, old) for known, old in self.headers if known.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))

    def encode(self, *, bodiless: bool) -> bytes:
        """The bytes as they came, or with the framing that fits the body as it is now."""
        if self.came is not None and self.came[0] == self.content:
            return self.came[1]
        headers = [(n, v) for n, v in self.headers if n.lower() not in ("content-length", "transfer-encoding")]
        length = self.get("content-length")
        if bodiless:
            headers += [("Content-Length", length)] if length is not None else []
        elif self.body or length is not None or self.get("transfer-encoding") is not None:
            headers.append(("Content-Length", str(len(self.body))))
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
        return f"{self.start}\r\n{lines}\r\n".encode("latin-1") + (b"" if bodiless else self.body)


@dataclass
class Exchange:
    """What passes: the request, and once it is there the reply."""

    request: Message
    reply: Message | None = None
    memory: dict[str, Any] = field(default_factory=dict)
    """Lives as long as the proxy: for lies that need a past."""

    @property
    def method(self) -> str:
        return self.request.start.split(" ")[0]

    @property
    def path(self) -> str:
        return self.request.start.split(" ")[1].partition("?")[0]

    @property
    def target(self) -> str:
        return self.request.start.split(" ")[1]

    @property
    def status(self) -> int:
        """Status of the reply; 0 while there is none."""
        return int(self.reply.start.split(" ")[1]) if self.reply else 0

    def is_(self, method: str, pattern: str, status: int | None = None) -> bool:
        """Whether this is the reply to such a request (`pattern` matches the whole path)."""
        return (
            self.reply is not None
            and re.fullmatch(method, self.method) is not None
            and re.fullmatch(pattern, self.path) is not None
            and status in (None, self.status)
        )

    def become(self, status: int, reason: str = "Changed") -> None:
        """Change the status."""
        assert self.reply is not None
        if self.status in _BODILESS and status not in _BODILESS:
            self.reply.set("Content-Length", "0")  # Else the client waits for the connection's end.
        self.reply.start = f"HTTP/1.1 {status} {reason}"

    @property
    def json(self) -> Any:
        """The reply's body."""
        assert self.reply is not None
        return json.loads(self.reply.body)

    def rewrite(self, change: Callable[[Any], object]) -> None:
        """Change the reply's JSON in place; what `change` returns replaces it, unless None."""
        assert self.reply is not None
        if not self.reply.body or "json" not in (self.reply.get("content-type") or ""):
            return
        value = self.json
        changed = change(value)
        body = value if changed is None else changed
        self.reply.body = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


class LyingProxy:
    """Forwards connections to a service; the lie of the time of connecting sees every request and every reply.

    Such a connection forwards whole messages only. Where there is no lie about them, bytes pass as they come: slow
    ones, and the end of a connection.
    """

    def __init__(
        self,
        host: str,
        port: int,
        lie: Callable[[], Callable[[Exchange], None] | None],
        places: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._target = (host, port)
        self._lie = lie
        self._places = places
        self._tunnels: set[socket.socket] = set()
        self._memory: dict[str, Any] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def hang_up(self) -> None:
        """End the connections on which no lie can be told, so that none outlives the check that opened it."""
        for end in list(self._tunnels):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError, ValueError, IndexError), client, self._places():
            lie = self._lie()
            server = socket.create_connection(self._target, timeout=60)
            if lie is None:
                self._tunnel(client, server)
                return
            with server, client.makefile("rb") as requests, server.makefile("rb") as replies:
                while True:
                    exchange = Exchange(_read(requests), memory=self._memory)
                    lie(exchange)
                    server.sendall(exchange.request.encode(bodiless=False))
                    head = exchange.method == "HEAD"
                    exchange.reply = _read(replies, reply=True, head=head)
                    lie(exchange)
                    bodiless = head or exchange.status in _BODILESS
                    client.sendall(exchange.reply.encode(bodiless=bodiless))
                    if (exchange.reply.get("connection") or "").lower() == "close":
                        return

    def _tunnel(self, client: socket.socket, server: socket.socket) -> None:
        server.settimeout(None)
        self._tunnels |= {client, server}
        with server:
            there = threading.Thread(target=_forward, args=(client, server), daemon=True)
            there.start()
            _forward(server, client)
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            there.join()
        self._tunnels -= {client, server}


def _forward(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _Tape:
    """A stream, and what was read from it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.bytes = b""

    def readline(self) -> bytes:
        return self._kept(self._stream.readline())

    def read(self, size: int = -1) -> bytes:
        return self._kept(self._stream.read(size))

    def _kept(self, data: bytes) -> bytes:
        self.bytes += data
        return data


def _read(stream: Any, *, reply: bool = False, head: bool = False) -> Message:
    tape = _Tape(stream)
    message = _parsed(tape, reply=reply, head=head)
    message.came = (message.content, tape.bytes)
    return message


def _parsed(stream: _Tape, *, reply: bool, head: bool) -> Message:
    start = stream.readline().decode("latin-1").rstrip("\r\n")
    if not start:
        raise EOFError
    headers: list[tuple[str, str]] = []
    while line := stream.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        headers.append((name, value.strip()))
    message = Message(start, headers, b"")
    if head or (reply and start.split(" ")[1] in ("204", "304")):
        return message
    if "chunked" in (message.get("transfer-encoding") or "").lower():
        while size := int(stream.readline().partition(b";")[0], 16):
            message.body += stream.read(size)
            stream.readline()
        stream.readline()
    elif length := message.get("content-length"):
        message.body = stream.read(max(0, int(length)))  # A length below nought is for the service to refuse.
    elif reply:
        message.body = stream.read()
        message.set("Connection", "close")
    return message
