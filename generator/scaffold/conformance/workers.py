"""Finds the processes of a service that answer requests: each is tried while the others are stopped."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from scaffold.conformance.service import Service

T = TypeVar("T")

_PATIENCE = 1.5
"""Seconds for a process that runs to answer, while others are stopped."""


def group(leader: int) -> dict[int, int]:
    """The processes of a process group, each with its parent."""
    command = ["ps", "-A", "-o", "pid=,ppid=,pgid="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [[int(word) for word in line.split()] for line in listing.splitlines()]
    return {pid: parent for pid, parent, of in rows if of == leader}


def memory(service: Service) -> float:
    """The resident memory of all processes of a service, in MiB."""
    command = ["ps", "-A", "-o", "pgid=,rss="]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [[int(word) for word in line.split()] for line in listing.splitlines()]
    return sum(kibibytes for of, kibibytes in rows if of == service.process.pid) / 1024


def serving(service: Service) -> list[int]:
    """The processes that answer requests, each found by stopping all others that could."""
    return [pid for pid in _leaves(service) if _answers_alone(service, pid)]


def in_turn(service: Service, pids: Sequence[int], calls: Sequence[Callable[[], T]]) -> list[list[T]]:
    """Make all calls at once while only one of the processes runs, and so for each; their results by process.

    The kernel may hand some connections to a process that is stopped: those are answered when it goes on.

    Raises:
        AssertionError: A process has answered nothing while the others were stopped.
    """
    found: list[list[T]] = []
    for pid in pids:
        with ThreadPoolExecutor(len(calls)) as pool:
            with _only(service, pid):
                futures = [pool.submit(call) for call in calls]
                deadline = time.monotonic() + _PATIENCE
                while not all(future.done() for future in futures) and time.monotonic() < deadline:
                    time.sleep(0.02)
                answered = sum(future.done() for future in futures)
            found.append([future.result() for future in futures])
        assert answered, f"the process {pid} answered nothing while the others were stopped"
    return found


def _leaves(service: Service) -> list[int]:
    """The processes without children: supervisors answer no requests."""
    members = group(service.process.pid)
    return sorted(pid for pid in members if pid not in members.values())


@contextmanager
def _only(service: Service, pid: int) -> Iterator[None]:
    """Stop all processes that could answer except one, during a block."""
    others = [other for other in _leaves(service) if other != pid]
    try:
        for other in others:
            _signal(other, signal.SIGSTOP)
        yield
    finally:
        for other in others:
            _signal(other, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _answers_alone(service: Service, pid: int) -> bool:
    def ask() -> bool:
        try:
            return httpx.get(f"{service.url}/livez", timeout=_PATIENCE, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    with _only(service, pid), ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(ask) for _ in range(4)]
        return any(answer.result() for answer in answers)
