"""The how-tos of a generated project, read as steps that a machine can carry out.

A sentence in front of a code block says what to do with it:

- `path`:                                   the whole of a new file
- `path`, below `line`:                     lines to put below the only line that holds this text
- `path`, below `line` in `class Thing`:    below the first one that follows that text
- `path`, instead of `line`:                lines to put in the place of that line

A block of shell commands is run in the project, unless a path stands in front of it.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

#: In an order in which each finds what it builds on.
GUIDES = ("add-a-setting", "call-another-service", "add-a-column", "add-a-scope", "add-a-resource")

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PLACE = re.compile(
    r"(?:^|\n)(?:\d+\. |- )?[^\n`]*`(?P<path>[^`\n]+)`(?:, (?P<how>below|instead of) `(?P<line>[^`]+)`(?: in `(?P<within>[^`]+)`)?)?:\s*$"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One change of a file."""

    path: str
    text: str
    how: str | None
    line: str
    within: str

    def carry_out(self, project: Path) -> None:
        """Change the file.

        Raises:
            AssertionError: The place that the guide names is not there, or not the only one.
        """
        file = project / self.path
        if self.how is None:
            assert not file.exists(), f"{self.path} is there already"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(self.text, encoding="utf-8")
            return
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        start = 0
        if self.within:
            start = next((n for n, line in enumerate(lines) if self.within in line), -1)
            assert start >= 0, f"{self.path} has no line with {self.within!r}"
        found = [n for n, line in enumerate(lines) if n >= start and self.line in line]
        assert found, f"{self.path} has no line with {self.line!r}"
        assert self.within or len(found) == 1, f"{self.path} has {len(found)} lines with {self.line!r}"
        first = found[0] if self.how == "instead of" else found[0] + 1
        lines[first : found[0] + 1] = [self.text]
        file.write_text("".join(lines), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Command:
    """Lines for a shell."""

    text: str
    unattended: ClassVar[Mapping[str, str]] = {"CI": ""}

    @property
    def targets(self) -> list[str]:
        """The targets of make, where that is all that it runs."""
        words = self.text.split()
        return words[1:] if words[0] == "make" and self.text.count("\n") == 1 and "=" not in self.text else []

    def without(self, targets: set[str]) -> Command:
        """The same without some targets of make."""
        left = [target for target in self.targets if target not in targets]
        return Command(" ".join(["make", *left]) if left else "true") if self.targets else self

    def carry_out(self, project: Path, environment: Mapping[str, str]) -> None:
        """Run it; what it prints is shown where it fails."""
        done = subprocess.run(
            ["sh", "-euc", self.text],
            cwd=project,
            env={**environment, **self.unattended},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{self.text}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"


def steps(guide: str) -> Iterator[Step | Command]:
    """What a guide, a text in Markdown, tells to do, in its order."""
    end = 0
    for block in _BLOCK.finditer(guide):
        place = _PLACE.search(guide[end : block.start()])
        end = block.end()
        if place:
            yield Step(place["path"], block[2], place["how"], place["line"] or "", place["within"] or "")
        else:
            assert block[1] == "sh", f"no sentence says what to do with this block:\n{block[2]}"
            yield Command(block[2])


@dataclass(frozen=True, slots=True)
class Size:
    """How much a guide asks for: files that are made or changed, and lines."""

    files: int
    lines: int

    @classmethod
    def of(cls, guide: str) -> Size:
        """Count; blank lines count too."""
        changes = [step for step in steps(guide) if isinstance(step, Step)]
        return cls(len({step.path for step in changes}), sum(step.text.count("\n") for step in changes))


def write(project: Path) -> None:
    """Make the changes of files that the how-tos of a project tell to make; run no command."""
    for step in _told(project):
        if isinstance(step, Step):
            step.carry_out(project)


def _told(project: Path) -> list[Step | Command]:
    texts = [(project / "docs" / "how-to" / f"{name}.md").read_text(encoding="utf-8") for name in GUIDES]
    return [step for text in texts for step in steps(text)]


def carry_out(project: Path, *, without: frozenset[str] = frozenset()) -> None:
    """Follow all how-tos of a project to the letter.

    Targets of make that a later one asks for again, after more changes, are made then.

    Args:
        project: A new project, set up.
        without: Targets of make that are left out.

    Raises:
        AssertionError: A how-to is not right.
    """
    todo = _told(project)
    for number, step in enumerate(todo):
        if isinstance(step, Step):
            step.carry_out(project)
        else:
            later = {target for other in todo[number + 1 :] if isinstance(other, Command) for target in other.targets}
            step.without(later | without).carry_out(project, os.environ)
    for step in todo:
        if isinstance(step, Step) and step.how is None:
            text = (project / step.path).read_text(encoding="utf-8")
            assert text == step.text, f"{step.path} is not as `make format` wants it"
