"""What a request costs a generated service, beside two references on the same framework and server.

    python benchmarks/service/measure.py --stack express [--rounds 5] [--requests 2000]

`bare` is the framework and the driver alone; `equipped` adds, in the plainest way, the middleware that its users
usually take for a JSON access log, Prometheus, security headers and a rate limit. All three run at the same
time on the same SQLite data and are loaded in turn, so that noise of the machine meets all alike. The
figure is CPU time of the server's processes per request; ratios to `equipped` are what counts. What single
features cost is told apart by what can be switched off by settings, or is not asked of every request; metrics,
which no setting switches off, by a start in which their library is told of nothing, where the stack can do that.
The references, and how they are started, are in templates/<stack>/benchmark and stack.yml.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from urllib.parse import quote
from urllib.request import Request, urlopen

import yaml

TEMPLATES = Path(__file__).parents[2] / "templates"
STACKS = sorted(folder.parent.name for folder in TEMPLATES.glob("*/benchmark"))
CONNECTIONS = 8
PRODUCTS = 5000
START_TIMEOUT = 60.0
TICKS = os.sysconf("SC_CLK_TCK")
WITHOUT_METRICS = "service, without metrics"


@dataclass(frozen=True)
class Route:
    """What is asked for, and the status of the answers."""

    requests: list[bytes]
    status: int = 200


@dataclass
class Server:
    """A server under load, with what was measured on it."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    started: float
    routes: dict[str, Route] = field(default_factory=dict)
    cpu: dict[str, list[float]] = field(default_factory=dict)
    latency: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    def processes(self) -> list[int]:
        """The process and its children."""
        found = [self.process.pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
        return found

    def cpu_seconds(self) -> float:
        """CPU time used so far by all its processes."""
        total = 0.0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += (int(fields[11]) + int(fields[12])) / TICKS
        return total

    def rss(self) -> float:
        """Resident memory of all its processes in MiB, shared pages counted once (PSS)."""
        total = 0
        for pid in self.processes():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
        return total / 1024


def load(server: Server, route: str, count: int) -> list[float]:
    """Send `count` requests over some kept-alive connections; the seconds each took."""
    requests, expected = server.routes[route].requests, f"HTTP/1.1 {server.routes[route].status}".encode()
    times: list[list[float]] = [[] for _ in range(CONNECTIONS)]

    def one(number: int) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as connection, connection.makefile("rb") as reader:
            for n in range(number, count, CONNECTIONS):
                started = time.perf_counter()
                connection.sendall(requests[n % len(requests)])
                status = reader.readline()
                if not status.startswith(expected):
                    message = f"{server.name} {route}: {status!r}"
                    raise RuntimeError(message)
                length = 0
                while (line := reader.readline()) != b"\r\n":
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                reader.read(length)
                times[number].append(time.perf_counter() - started)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [seconds for part in times for seconds in part]
    if len(found) != count:
        message = f"{server.name} {route}: only {len(found)} of {count} requests were answered"
        raise RuntimeError(message)
    return found


def start(name: str, command: list[str], folder: Path, environment: dict[str, str], port: int) -> Server:
    """Start a server and wait until it answers."""
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
            connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if b" 200 " in connection.recv(100):
                return Server(name, process, port, time.perf_counter() - began)
        if process.poll() is not None or time.perf_counter() - began > START_TIMEOUT:
            message = f"{name} did not start"
            raise RuntimeError(message)
        time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(path: str, headers: str = "") -> bytes:
    """A request as bytes."""
    return f"GET {path} HTTP/1.1\r\nHost: bench\r\nUser-Agent: bench/1\r\n{headers}\r\n".encode()


class Bench:
    """A project, its reference and their common database."""

    def __init__(self, stack: str, folder: Path) -> None:
        """Render the project, install both, migrate the database and fill it."""
        self.project = folder / "bench"
        self.reference = folder / "reference"
        self.about = yaml.safe_load((TEMPLATES / stack / "stack.yml").read_text())
        new = ["new", "bench", "--stack", stack, "--output", str(folder), "--yes", "--no-git"]
        subprocess.run([sys.executable, "-m", "scaffold", *new], check=True, stdout=subprocess.DEVNULL)
        for target in ("setup", "build"):
            subprocess.run(["make", target], cwd=self.project, check=True, capture_output=True)
        shutil.copytree(TEMPLATES / stack / "benchmark", self.reference)
        setup = self._substituted(self.about["benchmark"]["setup"]).split()
        subprocess.run(setup, cwd=self.reference, check=True, capture_output=True)
        self.database = folder / "bench.db"
        tools = [str(self.project / tool) for tool in self.about["tools"]]
        self.settings = {
            "APP_ENV": "production", "DATABASE_URL": f"sqlite:///{self.database}", "AUTH_ISSUER": "http://127.0.0.1",
            "AUTH_AUDIENCE": "bench", "AUTH_JWT_PRIVATE_KEY_FILE": str(self.project / "var/jwt-private-key.pem"),
            "METRICS_TOKEN": "bench", "RATE_LIMIT_DEFAULT": "100000000/60", "HOST": "127.0.0.1", "CACHE_TTL_SECONDS": "1",
            "PATH": ":".join([*tools, os.environ["PATH"]]),
        }  # fmt: skip
        self.procfile = dict(
            line.split(": ", 1) for line in (self.project / "Procfile").read_text().splitlines() if ": " in line
        )
        release = self.procfile["release"].split()
        subprocess.run(release, cwd=self.project, env=os.environ | self.settings, check=True, stdout=subprocess.DEVNULL)
        self.products = [uuid.uuid4() for _ in range(PRODUCTS)]
        self._fill()

    def _substituted(self, text: str, port: int = 0) -> str:
        """What stack.yml says, with the places of this run."""
        return Template(text).substitute(PROJECT=self.project, REFERENCE=self.reference, PORT=port)

    def _fill(self) -> None:
        benchmark = self.about["benchmark"]
        rows = [
            {
                "id": product.hex if benchmark["id"] == "hex" else str(product),
                "sku": f"S-{n}",
                "price": n,
                "at": benchmark["time"].format(milliseconds=n % 1000),
            }
            for n, product in enumerate(self.products)
        ]
        with contextlib.closing(sqlite3.connect(self.database)) as connection:
            connection.executemany(
                "INSERT INTO products (id, sku, name, price_cents, currency, stock, version, created_at, updated_at)"
                " VALUES (:id, :sku, 'Green tea', :price, 'EUR', 10, 1, :at, :at)",
                rows,
            )
            connection.commit()

    def servers(self) -> list[Server]:
        """All servers, running."""
        found = [self._reference("bare", {}), self._reference("equipped", {"EQUIPPED": "1"})]
        variants = {
            "service": {},
            "service, traces on": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"},
            "service, log level error": {"LOG_LEVEL": "error"},
        }
        if without_metrics := self.about["benchmark"].get("without_metrics"):
            variants[WITHOUT_METRICS] = {name: self._substituted(value) for name, value in without_metrics.items()}
        for name, changes in variants.items():
            port = free_port()
            environment = self.settings | changes | {"PORT": str(port)}
            server = start(name, self.procfile["web"].split(), self.project, environment, port)
            server.routes = self._routes() | _own_routes(port)
            found.append(server)
        return found

    def _reference(self, name: str, changes: dict[str, str]) -> Server:
        port = free_port()
        environment = {"DATABASE": str(self.database), "PATH": self.settings["PATH"], "PORT": str(port)} | changes
        command = self._substituted(self.about["benchmark"]["start"], port).split()
        server = start(name, command, self.reference, environment, port)
        server.routes = self._routes()
        return server

    def _routes(self) -> dict[str, Route]:
        return {
            "GET /livez": Route([get("/livez")]),
            "GET /v1/products/{id}": Route([get(f"/v1/products/{product}") for product in self.products]),
            # What most callers ask for, and a filter that nobody has asked for yet, which no cache can answer.
            "GET /v1/products, same page": Route([get("/v1/products")]),
            "GET /v1/products, new page": Route(
                [get(f"/v1/products?min_price={quote(str(n))}") for n in range(PRODUCTS - 100)]
            ),
        }


def _own_routes(port: int) -> dict[str, Route]:
    """What only the service has: routes that differ by one feature."""
    account = {"email": "bench@example.com", "password": "the password of a benchmark"}
    with contextlib.suppress(OSError):  # another variant on the same database has made it
        _post(port, "/v1/auth/register", account | {"display_name": "Bench"})
    token = _post(port, "/v1/auth/login", account)["access_token"]
    return {
        "GET /v1/me": Route([get("/v1/me", f"Authorization: Bearer {token}\r\n")]),
        "GET /nothing": Route([get("/nothing")], 404),
        "GET /v1/nothing": Route([get("/v1/nothing")], 404),
    }


def _post(port: int, path: str, body: dict[str, str]) -> dict[str, str]:
    headers = {"Content-Type": "application/json"}
    request = Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(), headers)
    with urlopen(request) as reply:  # noqa: S310 - it is http
        found: dict[str, str] = json.load(reply)
    return found


#: What a feature costs: on one route, what one server needs beyond another; or one route beyond another.
COSTS = {
    "access log": (("service", "GET /v1/products/{id}"), ("service, log level error", "GET /v1/products/{id}")),
    "metrics": (("service", "GET /v1/products/{id}"), (WITHOUT_METRICS, "GET /v1/products/{id}")),
    "traces, one statement": (("service, traces on", "GET /v1/products/{id}"), ("service", "GET /v1/products/{id}")),
    "traces, no statement": (("service, traces on", "GET /livez"), ("service", "GET /livez")),
    "rate limit": (("service", "GET /v1/nothing"), ("service", "GET /nothing")),
    "rate limit, token and session": (
        ("service, log level error", "GET /v1/me"),
        ("service, log level error", "GET /livez"),
    ),
}


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--stack", choices=STACKS, required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--json", type=Path, help="write the figures to a file, too")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="scaffold-bench-"))
    servers: list[Server] = []
    try:
        servers = Bench(options.stack, folder).servers()
        for server in servers:
            server.memory["at rest"] = server.rss()
            for route in server.routes:
                load(server, route, 200)
        routes = dict.fromkeys(route for server in servers for route in server.routes)
        for _ in range(options.rounds):
            for route in routes:
                for server in [server for server in servers if route in server.routes]:
                    before = server.cpu_seconds()
                    times = load(server, route, options.requests)
                    used = (server.cpu_seconds() - before) / options.requests * 1e6
                    server.cpu.setdefault(route, []).append(used)
                    server.latency.setdefault(route, []).extend(times)
        for server in servers:
            server.memory["after load"] = server.rss()
        report(servers)
        if options.json:
            found = {"servers": [figures(server) for server in servers], "costs_microseconds": costs(servers)}
            options.json.write_text(json.dumps(found, indent=2) + "\n")
    finally:
        for server in servers:
            server.process.terminate()
            server.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def figures(server: Server) -> dict[str, object]:
    """What was measured on a server."""
    return {
        "server": server.name,
        "start_seconds": round(server.started, 2),
        "memory_mib": {name: round(value, 1) for name, value in server.memory.items()},
        "cpu_microseconds": {route: round(statistics.median(values)) for route, values in server.cpu.items()},
        "p50_ms": {route: round(statistics.median(values) * 1000, 2) for route, values in server.latency.items()},
        "p99_ms": {
            route: round(statistics.quantiles(values, n=100)[98] * 1000, 2) for route, values in server.latency.items()
        },
    }


def costs(servers: list[Server]) -> dict[str, int]:
    """CPU time in microseconds of single features."""
    cpu = {server.name: server.cpu for server in servers}
    return {
        feature: round(
            statistics.median(
                more - less for more, less in zip(cpu[with_it[0]][with_it[1]], cpu[without[0]][without[1]], strict=True)
            )
        )
        for feature, (with_it, without) in COSTS.items()
        if with_it[0] in cpu and without[0] in cpu
    }


def report(servers: list[Server]) -> None:
    """Print the figures, with the ratios that the budget is about."""
    equipped = next(server for server in servers if server.name == "equipped")
    for route in servers[0].routes:
        print(f"\n{route}")
        print(f"{'':26}{'CPU µs':>8}{'to equipped':>13}{'p50 ms':>9}{'p99 ms':>9}")
        for server in servers:
            ratios = [mine / other for mine, other in zip(server.cpu[route], equipped.cpu[route], strict=True)]
            values = server.latency[route]
            print(
                f"{server.name:26}{statistics.median(server.cpu[route]):8.0f}{statistics.median(ratios):13.2f}"
                f"{statistics.median(values) * 1000:9.2f}{statistics.quantiles(values, n=100)[98] * 1000:9.2f}"
            )
    print(f"\n{'what a feature costs':34}{'CPU µs':>8}")
    for feature, microseconds in costs(servers).items():
        print(f"{feature:34}{microseconds:8}")
    print(f"\n{'':26}{'start s':>8}{'MiB at rest':>13}{'after load':>12}")
    for server in servers:
        print(
            f"{server.name:26}{server.started:8.2f}{server.memory['at rest']:13.0f}{server.memory['after load']:12.0f}"
        )


if __name__ == "__main__":
    main()
