"""Redis: a server of the run's own, with a database for each service instance."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import redis

from scaffold.conformance.errors import StartError
from scaffold.conformance.network import LOOPBACK, free_port, wait_until
from scaffold.conformance.process import Process
from scaffold.conformance.servers import Server, given, program, server_folder, unprivileged

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "canary-redis-2b8e71"  # noqa: S105 - of a throw-away server
DATABASES = 4096


@contextmanager
def redis_server() -> Iterator[Server]:
    """A Redis server for the time of the block."""
    url = given("SCAFFOLD_REDIS_URL")
    if url is not None:
        yield Server("redis", _version(url), url, url)
        return
    executable = program("redis-server", folders=("/usr/sbin", "/usr/local/bin"), package="redis-server")
    user = unprivileged("redis")
    with server_folder("redis", user) as folder:
        port = free_port()
        process = Process(
            [
                executable, "--port", str(port), "--bind", LOOPBACK, "--save", "", "--appendonly", "no",
                "--requirepass", PASSWORD, "--databases", str(DATABASES), "--dir", str(folder),
            ],
            env={"PATH": "/usr/bin:/bin"}, cwd="/", user=user,
        )  # fmt: skip
        try:
            url = f"redis://:{PASSWORD}@{LOOPBACK}:{port}"
            if not wait_until(lambda: process.exit_code is not None or _answers(url), 10):
                message = "Redis did not start in 10 s"
                raise StartError(message, hint=process.stdout.text[-2000:])
            yield Server("redis", _version(url), url, url)
        finally:
            process.kill()


def _answers(url: str) -> bool:
    try:
        with redis.Redis.from_url(url) as client:
            return bool(client.ping())
    except redis.ConnectionError:
        return False


def _version(url: str) -> str:
    with redis.Redis.from_url(url) as client:
        return f"Redis {client.info('server')['redis_version']}"
