"""The programs that a stack needs, and which of them are installed."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from jinja2 import meta

from scaffold.errors import BrokenTemplateError, UnknownStackError
from scaffold.questions.answers import as_line
from scaffold.questions.catalog import load_catalog
from scaffold.questions.questionnaire import Questionnaire

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scaffold.source import Source

_PATIENCE_SECONDS = 10
_FAMILIES = {"debian", "fedora", "arch", "alpine"}


@dataclass(frozen=True, slots=True)
class Tool:
    """One program, as this machine has it.

    Attributes:
        needed_for: `develop` for what every task needs, `verify` for what only `scaffold verify` starts.
        options: The answers that call for it, for example `database=postgresql`; nothing where all do.
        state: Whether it is here and new enough.
        install: How to get it on this system.
    """

    name: str
    reason: str
    needed_for: Literal["develop", "verify"]
    options: tuple[str, ...]
    needed: str
    found: str | None
    path: Path | None
    state: Literal["ok", "old", "missing"]
    install: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a stack needs and what of it is here."""

    stack: str
    tools: tuple[Tool, ...]

    @property
    def lacking(self) -> tuple[Tool, ...]:
        """The tools that are missing or too old for development."""
        return tuple(tool for tool in self.tools if tool.state != "ok" and tool.needed_for == "develop")


def diagnose(
    source: Source, stack: str | None = None, answers: Mapping[str, Any] | None = None
) -> tuple[Diagnosis, ...]:
    """Look for the tools of a stack, or of all.

    Args:
        source: Templates that say what their stacks need.
        stack: The stack to look at; all without it.
        answers: The answers of a project; without them the tools of every option are looked for.

    Raises:
        UnknownStackError: There is no such stack.
        BrokenTemplateError: What a stack needs cannot be read.
    """
    catalog = load_catalog(source.root)
    known = [choice.value for choice in catalog.stacks]
    if stack is not None and stack not in known:
        raise UnknownStackError(stack, known=known)
    questionnaire = Questionnaire(catalog)
    family = _family()
    found = []
    for name in [stack] if stack else known:
        tools = [*_read(source, name), *_read(source, "shared")]
        wanted = _wanted(questionnaire, tools, {**answers, "stack": name} if answers is not None else None)
        found.append(Diagnosis(name, tuple(_look(entry, options, family) for entry, options in wanted)))
    return tuple(found)


def _read(source: Source, folder: str) -> Sequence[Mapping[str, Any]]:
    path = source.root / "templates" / folder / "toolchain.yml"
    where = path.relative_to(source.root).as_posix()
    try:
        tools = yaml.safe_load(path.read_bytes())["tools"]
    except FileNotFoundError:
        return ()
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise BrokenTemplateError(where, " ".join(str(error).split())) from error
    for tool in tools:
        missing = {"name", "commands", "pattern", "at_least", "reason", "install"} - set(tool)
        if missing:
            raise BrokenTemplateError(where, f"{tool.get('name', 'a tool')} lacks {', '.join(sorted(missing))}")
    return list(tools)


def _wanted(
    questionnaire: Questionnaire, tools: Sequence[Mapping[str, Any]], answers: Mapping[str, Any] | None
) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    for tool in tools:
        condition = str(tool.get("when", "true"))
        names = sorted(meta.find_undeclared_variables(questionnaire.environment.parse(condition)))
        if answers is None:
            yield tool, tuple(_bare(condition, names))
        elif questionnaire.holds(condition, answers):
            yield tool, tuple(f"{name}={as_line(answers[name])}" for name in names)


def _bare(condition: str, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value = re.search(rf"{name} == '([^']+)'", condition)
        yield f"{name}={value[1] if value else 'true'}"


def _look(entry: Mapping[str, Any], options: tuple[str, ...], family: str) -> Tool:
    needed = str(entry["at_least"])
    best: tuple[str | None, Path | None] = (None, None)
    for path in _candidates(entry):
        version = _version(path, entry.get("probe", ["--version"]), str(entry["pattern"]))
        if version is not None and (best[0] is None or _numbers(version) > _numbers(best[0])):
            best = (version, path)
        if version is not None and _numbers(version) >= _numbers(needed):
            break
    found, path_found = best
    state: Literal["ok", "old", "missing"] = "missing"
    if found is not None:
        state = "ok" if _numbers(found) >= _numbers(needed) else "old"
    install = entry["install"]
    return Tool(
        name=str(entry["name"]),
        reason=str(entry["reason"]),
        needed_for="verify" if entry.get("purpose") == "verify" else "develop",
        options=options,
        needed=needed,
        found=found,
        path=path_found,
        state=state,
        install=str(install.get(family, install.get("otherwise", ""))),
    )


def _candidates(entry: Mapping[str, Any]) -> Iterator[Path]:
    folders = [folder for pattern in entry.get("folders", ()) for folder in sorted(glob(pattern), reverse=True)]  # noqa: PTH207 - the patterns are absolute
    for command in entry["commands"]:
        for place in (None, *folders):
            found = shutil.which(command, path=place)
            if found:
                yield Path(found)


def _version(path: Path, probe: Sequence[str], pattern: str) -> str | None:
    try:
        done = subprocess.run(
            [path, *probe],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(pattern, done.stdout + done.stderr)
    return match[1] if match else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version))


def _family() -> str:
    if platform.system() == "Darwin":
        return "macos"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "otherwise"
    names = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    return next((name for name in names if name in _FAMILIES), "otherwise")
