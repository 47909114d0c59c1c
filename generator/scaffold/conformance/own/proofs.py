"""Which rules were tried on a service's own part, and which could not be."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from scaffold.conformance.expect import Mismatch
from scaffold.conformance.own.values import NotProvableError
from scaffold.conformance.registry import NotApplicableError
from scaffold.conformance.results import NotProven, OwnPart

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from scaffold.conformance.openapi import Operation
    from scaffold.conformance.own.document import OwnDocument

T = TypeVar("T")
_FILE = "own.json"


@dataclass
class Tried:
    """The service's own operations, and why a rule could not be tried on some of them.

    All checks of the service's own part share one process, so one of these sees all.
    """

    operations: set[str] = field(default_factory=set)
    reasons: dict[str, set[str]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Store what was found."""
        reasons = {name: sorted(told) for name, told in sorted(self.reasons.items())}
        text = json.dumps({"operations": sorted(self.operations), "reasons": reasons})
        (folder / _FILE).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Proofs:
    """Tries rules on the service's own part."""

    document: OwnDocument
    tried: Tried

    def each(self, subjects: Iterable[T], name: Callable[[T], str], trial: Callable[[T], None]) -> None:
        """Try a rule on each subject; tell all that break it at once.

        Args:
            subjects: What the rule is about.
            name: Names the operation that is tried.
            trial: Tries one; raises `NotProvableError` where the document does not let it.

        Raises:
            Mismatch: Some break the rule.
            NotApplicableError: There is none.
        """
        self.tried.operations.update(label(operation) for operation in self.document.operations)
        found = list(subjects)
        if not found:
            raise NotApplicableError("the service has nothing of its own that this is about")
        broken: list[Mismatch] = []
        for subject in found:
            try:
                trial(subject)
            except NotProvableError as error:
                self.tried.reasons.setdefault(name(subject), set()).add(str(error))
            except Mismatch as error:
                broken.append(Mismatch(f"{name(subject)}: {error}", error.replies))
        if broken:
            raise Mismatch("\n".join(str(each) for each in broken), broken[0].replies)


def label(operation: Operation) -> str:
    """How an operation is named to people."""
    return f"{operation.method} {operation.path}"


def read(folder: Path) -> OwnPart | None:
    """What a run found; nothing where no check asked."""
    file = folder / _FILE
    if not file.exists():
        return None
    found = json.loads(file.read_text(encoding="utf-8"))
    return OwnPart(
        len(found["operations"]),
        tuple(NotProven(name, "; ".join(told)) for name, told in found["reasons"].items()),
    )
