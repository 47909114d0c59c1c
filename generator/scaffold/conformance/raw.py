"""HTTP over a bare socket: for requests that no client library would send, and for slow ones."""

from __future__ import annotations

import contextlib
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import httpx

from scaffold.conformance.exchange import Recorder, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping


class ConnectionEndedError(Exception):
    """The service closed the connection before a whole reply had come."""


@dataclass
class RawConnection:
    """One TCP connection to a service."""

    host: str
    port: int
    recorder: Recorder
    timeout: float = 15.0
    version: str = field(default="", init=False)
    """The version in the last reply's status line."""
    _socket: socket.socket = field(init=False, repr=False)
    _buffer: bytes = field(default=b"", init=False, repr=False)
    _sent: bytes = field(default=b"", init=False, repr=False)

    def __post_init__(self) -> None:
        """Connect."""
        self._socket = socket.create_connection((self.host, self.port), timeout=self.timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        """Use the connection for a block."""
        return self

    def __exit__(self, *_exception: object) -> None:
        """Close it."""
        self.close()

    def send(self, data: bytes | str) -> None:
        """Send bytes as they are."""
        raw = data.encode("latin-1") if isinstance(data, str) else data
        self._sent += raw[:4096]
        self._socket.sendall(raw)

    def request(self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes = b"") -> None:
        """Send a well-formed request, with a Content-Length where there is a body."""
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}:{self.port}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def reply(self, *, head: bool = False) -> Reply:
        """Read one whole reply.

        Raises:
            ConnectionEndedError: It did not come whole.
            TimeoutError: Nothing came in time.
        """
        started = time.monotonic()
        block = self._until(b"\r\n\r\n")
        status_line, *lines = block.decode("latin-1").split("\r\n")
        self.version, _, rest = status_line.partition(" ")
        code, _, reason = rest.partition(" ")
        headers = httpx.Headers([(n, v.strip()) for n, _, v in (line.partition(":") for line in lines if line)])
        status = int(code)
        bodiless = head or status in (204, 304) or 100 <= status < 200
        body = b"" if bodiless else self._body(headers)
        method, target = _request_line(self._sent)
        found = Reply(
            method=method,
            path=target,
            request_headers=httpx.Headers(),
            request_body=self._sent,
            status=status,
            reason=reason,
            headers=headers,
            body=body,
            seconds=time.monotonic() - started,
        )
        self.recorder.add_raw(found)
        return found

    def ended(self, timeout: float) -> bool:
        """Whether the service closes the connection within `timeout` seconds (replies are read and dropped)."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if not self._socket.recv(65536):
                    return True
            except TimeoutError:
                return False
            except OSError:
                return True
        return False

    def close(self, *, abort: bool = False) -> None:
        """Close the connection; with `abort` by a reset."""
        with contextlib.suppress(OSError):
            if abort:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            self._socket.close()

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._buffer:
            self._fill()
        block, _, self._buffer = self._buffer.partition(mark)
        return block

    def _exactly(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._fill()
        block, self._buffer = self._buffer[:length], self._buffer[length:]
        return block

    def _body(self, headers: httpx.Headers) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = b""
            while size := int(self._until(b"\r\n").partition(b";")[0], 16):
                body += self._exactly(size)
                self._exactly(2)
            self._until(b"\r\n")
            return body
        if "content-length" in headers:
            return self._exactly(int(headers["content-length"]))
        with contextlib.suppress(ConnectionEndedError):
            while True:
                self._fill()
        body, self._buffer = self._buffer, b""
        return body

    def _fill(self) -> None:
        self._socket.settimeout(self.timeout)
        try:
            data = self._socket.recv(65536)
        except TimeoutError:
            raise
        except OSError as error:
            raise ConnectionEndedError(str(error)) from error
        if not data:
            message = f"closed after {self._buffer!r}"
            raise ConnectionEndedError(message)
        self._buffer += data


def _request_line(sent: bytes) -> tuple[str, str]:
    words = sent.partition(b"\r\n")[0].decode("latin-1").split(" ")
    return (words[0], words[1]) if len(words) > 1 else (words[0], "")
