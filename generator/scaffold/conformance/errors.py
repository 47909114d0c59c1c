"""Why the suite could not do its work; a check that fails is a result, not an error."""

from __future__ import annotations

from scaffold.errors import ExitCode, ScaffoldError


class ConformanceError(ScaffoldError):
    """The suite cannot run."""

    code = "conformance"


class UnknownCheckError(ConformanceError):
    """`only` names no group and no check."""

    code = "unknown-check"
    exit_code = ExitCode.USAGE


class UnreachableError(ConformanceError):
    """Nobody answers at the address that was given."""

    code = "unreachable"


class StartError(ConformanceError):
    """A server or the service did not start."""

    code = "start-failed"


class NoServiceError(StartError):
    """The service that most checks share did not start: there is nothing to test."""

    code = "no-service"
