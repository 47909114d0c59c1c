"""A fleet as one program: a service of each stack behind a load balancer that takes turns, request by request.

    python fleet.py <project> <project> ...

It is the `web:` line of a project of its own, so that the suite starts, stops and configures it as any service: the
settings of the environment are those of every member but for the port, which is the load balancer's. It listens
when all members are ready, and ends them when it is told to stop.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from scaffold.conformance.network import LOOPBACK, free_port
from scaffold.conformance.process import die_with_parent
from scaffold.conformance.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEAD_END = b"\r\n\r\n"
_READY_WITHIN = 25.0


class Member:
    """One stack's service."""

    def __init__(self, folder: Path) -> None:
        project = Project.read(folder)
        self.port = free_port()
        environment = dict(os.environ) | {"PATH": project.environment()["PATH"], "PORT": str(self.port)}
        self.process = subprocess.Popen(
            project.procfile["web"], env=environment, cwd=project.folder, stdin=subprocess.DEVNULL,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - takes no lock
        )  # fmt: skip

    def ready(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"http://{LOOPBACK}:{self.port}/readyz", trust_env=False, timeout=2).status_code == 200
        return False


class Balancer:
    """Passes each request to the next member; replies come back as they are, but for the name of the server.

    Every request has a connection of its own (it tells the member to close it), so that no two requests of a
    client, however alike, are known to reach the same member. `Server` is about the one that a client talks to, so
    load balancers do not pass on what stands behind them.
    """

    def __init__(self, listener: socket.socket, members: list[Member]) -> None:
        self._listener = listener
        self._turns: Iterator[Member] = itertools.cycle(members)
        self._lock = threading.Lock()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            head = b""
            while _HEAD_END not in head:
                piece = client.recv(65536)
                if not piece:
                    return
                head += piece
            with self._lock:
                member = next(self._turns)
            with socket.create_connection((LOOPBACK, member.port), timeout=60) as server:
                line, *fields = _fields(head, b"connection:")
                rest = head.partition(_HEAD_END)[2]
                server.sendall(b"\r\n".join([line, b"Connection: close", *fields]) + _HEAD_END + rest)
                threading.Thread(target=_copy, args=(client, server), daemon=True).start()
                reply = b""
                while _HEAD_END not in reply and (piece := server.recv(65536)):
                    reply += piece
                rest = reply.partition(_HEAD_END)[2]
                client.sendall(b"\r\n".join(_fields(reply, b"server:")) + _HEAD_END + rest)
                _copy(server, client)


def _fields(message: bytes, left_out: bytes) -> list[bytes]:
    """The lines of a message's head, without those of one header."""
    head = message.partition(_HEAD_END)[0]
    return [field for field in head.split(b"\r\n") if not field.lower().startswith(left_out)]


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)


def main(folders: list[str]) -> int:
    """Run until SIGTERM or until a member ends."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    members = [Member(Path(folder)) for folder in folders]
    deadline = time.monotonic() + _READY_WITHIN
    while not all(member.ready() for member in members) and not stopping.is_set():
        ended = any(member.process.poll() is not None for member in members)
        if ended or time.monotonic() > deadline:
            stopping.set()
        time.sleep(0.05)
    listener = None
    if not stopping.is_set():
        listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])), backlog=256)
        threading.Thread(target=Balancer(listener, members).serve, daemon=True).start()
    while not stopping.wait(0.2) and all(member.process.poll() is None for member in members):
        pass
    if listener is not None:
        listener.close()
    for member in members:
        member.process.terminate()
    return max(abs(member.process.wait(20)) for member in members)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
