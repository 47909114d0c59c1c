"""The conformance suite: the service contract, driven against a running service from outside.

`run` starts a project from its `Procfile`, attacks it, and returns what was found as data; it never
prints. `catalogue` lists the checks without running them. Both import pytest and the rest of the
suite only when called, so that importing this package costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scaffold.conformance.results import CheckResult, Credentials, Outcome, Progress, RunResult

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from scaffold.conformance.registry import Check

__all__ = [
    "CheckResult",
    "Credentials",
    "Outcome",
    "Progress",
    "RunResult",
    "catalogue",
    "reach",
    "run",
]

_ANSWER_SECONDS = 10


def run(  # noqa: PLR0913 - each a keyword of the command
    project: Path | None = None,
    *,
    url: str | None = None,
    only: Sequence[str] = (),
    answers: Mapping[str, object] | None = None,
    admin: Credentials | None = None,
    metrics_token: str | None = None,
    workers: int | None = None,
    pooled: bool = False,
    templates: Path | None = None,
    falsifier: str | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RunResult:
    """Run the suite against a project on disk, or against a service that runs elsewhere.

    Args:
        project: The rendered project; the suite starts and stops its service itself.
        url: Base URL of somebody else's running service, instead of a project. Checks that need
            more than HTTP are listed as untested, with the reason.
        only: Groups and check ids to run; empty means all.
        answers: What the project was rendered with. Read from the project; for `url`, assumed to
            be the defaults unless given.
        admin: An administrator's account of the service at `url`.
        metrics_token: The metrics token of the service at `url`.
        workers: Processes that run checks side by side, each with a service of its own.
        pooled: Put PgBouncer, in transaction mode, between the service and PostgreSQL.
        templates: Where the contract and the descriptions of stacks are, if not the tool's own.
        falsifier: `module:Class` of a `falsifying.Falsifier` to put between suite and service; for
            the suite's own tests.
        progress: Called after each finished check.

    Raises:
        ConformanceError: The suite could not do its work (no such project, a tool is missing, the
            service does not start at all, an unknown check in `only`).
    """
    from scaffold.conformance.session import run_session  # noqa: PLC0415 - imports on demand

    return run_session(
        project=project,
        url=url,
        only=only,
        answers=answers,
        admin=admin,
        metrics_token=metrics_token,
        workers=workers,
        pooled=pooled,
        templates=templates,
        falsifier=falsifier,
        progress=progress,
    )


def reach(url: str) -> None:
    """Make sure that a service answers at all, before every check waits for it in vain.

    Raises:
        UnreachableError: None does.
    """
    import httpx  # noqa: PLC0415 - imports on demand

    from scaffold.conformance.errors import UnreachableError  # noqa: PLC0415

    try:
        httpx.get(f"{url.rstrip('/')}/livez", timeout=_ANSWER_SECONDS)
    except (httpx.TransportError, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        message = f"nobody answers at {url}: {error}"
        raise UnreachableError(message, hint="is the service running, and is the address right?") from error


def catalogue() -> tuple[Check, ...]:
    """All checks of the suite, in the order of their groups."""
    from scaffold.conformance.discovery import load_checks  # noqa: PLC0415 - imports on demand

    return load_checks()
