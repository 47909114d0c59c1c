"""The register of checks: what each expects, by which source, and what it needs to run."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

P = ParamSpec("P")
R = TypeVar("R")

MEANS: Mapping[str, str] = {
    "http": "an HTTP client",
    "raw": "a raw TCP connection to the service",
    "admin": "an administrator's account",
    "metrics_token": "the metrics token",
    "unlimited": "a service whose rate limits are raised out of the way",
    "signing_key": "the key that signs access tokens",
    "sql": "a connection to the service's database",
    "logs": "the service's standard output",
    "process": "control over the service's process",
    "settings": "a service started with settings of the check's own",
    "fault_proxy": "a fault proxy between the service and its servers",
    "otlp": "a receiver of the service's traces",
    "redis": "a connection to the service's Redis",
    "project": "the project on disk",
}
"""Each means that a check can need, in words for the list of what a run could not test."""

Part = Literal["sample", "redis"]
Dialect = Literal["sqlite", "postgresql", "mysql"]


@dataclass(frozen=True, slots=True)
class Check:
    """One expectation of the contract."""

    id: str
    sentence: str
    source: str
    group: str
    function: str
    """Name of the pytest function, in the module that the group is named after."""
    needs: frozenset[str]
    parts: frozenset[Part]
    databases: frozenset[str] | None
    scope: str
    """Checks of one scope run one after another in one process, on services of that process."""
    long: bool
    """Whether it takes ten seconds and more: it then begins first."""

    def left_out(self, answers: Mapping[str, object]) -> str | None:
        """Why the check does not apply to a project with these answers, or None."""
        for part in sorted(self.parts):
            if not answers.get(part, False):
                return f"the project was rendered with {part}=false"
        if self.databases is not None and answers.get("database") not in self.databases:
            return f"the project was rendered with database={answers.get('database')}"
        return None

    def untestable(self, means: frozenset[str]) -> str | None:
        """Which means the run lacks for the check, or None."""
        missing = [text for name, text in MEANS.items() if name in self.needs - means]
        return f"needs {' and '.join(missing)}" if missing else None


class NotApplicableError(Exception):
    """The service has nothing that the check is about."""


_checks: dict[str, Check] = {}


def check(  # noqa: PLR0913 - one keyword for each fact that the register holds
    id_: str,
    sentence: str,
    *,
    source: str,
    needs: Collection[str] = (),
    part: Part | set[Part] | None = None,
    databases: Collection[str] | None = None,
    shares: str | None = None,
    long: bool = False,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Register a pytest function (named `check_...`) as the check `id_`.

    The group is the name of the module. `http` need not be declared. `shares` names a scope for some checks of
    a module, or of several; else a check that uses only services that it starts is a scope of its own, and all
    others of a group are one.
    """
    unknown = set(needs) - MEANS.keys() | set(databases or ()) - set(get_args(Dialect))
    if unknown:
        msg = f"{id_} needs what there is not: {unknown}"
        raise ValueError(msg)

    def register(function: Callable[P, R]) -> Callable[P, R]:
        group = function.__module__.rpartition(".")[2]
        entry = Check(
            id=id_,
            sentence=sentence,
            source=source,
            group=group,
            function=function.__name__,
            needs=frozenset(needs) | {"http"},
            parts=frozenset({part} if isinstance(part, str) else part or ()),
            databases=frozenset(databases) if databases is not None else None,
            scope=shares or (f"{group}::{function.__name__}" if _is_alone(function) else group),
            long=long,
        )
        known = _checks.setdefault(id_, entry)
        if known != entry:
            msg = f"two checks have the id {id_}: {known.group} and {entry.group}"
            raise ValueError(msg)
        function.__dict__["check"] = entry
        return function

    return register


def _is_alone(function: Callable[..., object]) -> bool:
    """Whether a check starts services of its own and uses no shared ones."""
    fixtures = inspect.signature(function).parameters.keys()
    return not fixtures.isdisjoint(_STARTERS) and fixtures.isdisjoint(_SHARED)


_STARTERS = frozenset({"spawn", "launcher"})
_SHARED = frozenset({"service", "api", "people", "shop", "database", "logs", "own", "proofs", "rows"})


def of(function: object) -> Check | None:
    """The register's entry of a pytest function."""
    entry = getattr(function, "check", None)
    return entry if isinstance(entry, Check) else None


def registered() -> tuple[Check, ...]:
    """All checks of the modules that are imported, in the order of their groups."""
    return tuple(sorted(_checks.values(), key=lambda entry: (entry.group, entry.id)))
