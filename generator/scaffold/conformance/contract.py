"""Reads the contract: settings, problems, metrics and events, restricted to a project's parts; and the stacks."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from scaffold.conformance.errors import ConformanceError
from scaffold.installation import own_templates

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATES = "SCAFFOLD_SUITE_TEMPLATES"


@cache
def _place(relative: str) -> Path:
    """A file or folder of the templates that the environment names, else of the tool's own, as forks need not have all."""
    named = os.environ.get(TEMPLATES)
    if named and (place := Path(named) / relative).exists():
        return place
    return own_templates() / relative


def contract_folder() -> Path:
    """The folder of the machine-readable contract."""
    return _place("contract")


def document(name: str) -> Any:
    """The parsed YAML file `name` of the contract."""
    return _parsed(contract_folder() / name)


@cache
def _parsed(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both safe


def openapi_parts(answers: Mapping[str, object]) -> list[dict[str, Any]]:
    """The parts of a project's OpenAPI document; a folder's are left out with the option that it is named after."""
    folder = contract_folder() / "openapi"
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.yaml"))
    return [document(f"openapi/{name}") for name in names if all(answers.get(option) for option in name.parts[:-1])]


@dataclass(frozen=True, slots=True)
class Setting:
    """An environment variable of the service."""

    name: str
    type: str
    default: str | None
    required: str | None
    secret: bool
    file: bool
    part: str | None
    minimum: int | None
    maximum: int | None
    values: tuple[str, ...]
    parameters: Mapping[str, list[str]]
    """What a URL's query may hold, by kind of database."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A Prometheus family."""

    name: str
    type: str
    labels: tuple[str, ...]
    buckets: tuple[float, ...]
    values: Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class Stack:
    """What the contract leaves to a stack (its stack.yml)."""

    name: str
    several_workers: bool
    """Whether WEB_CONCURRENCY starts processes; else it is ignored."""
    tools: tuple[str, ...]
    """Folders of a project's own tools."""
    made: frozenset[str]
    """What these tools make in a project."""
    layout: Mapping[str, tuple[str, ...]]
    """Where each concept lies, as templates of paths."""


def _applies(entry: Mapping[str, Any], answers: Mapping[str, object]) -> bool:
    part = entry.get("part")
    return part is None or bool(answers.get(part))


def settings(answers: Mapping[str, object]) -> dict[str, Setting]:
    """The settings of a project, by name."""
    return {
        entry["name"]: Setting(
            name=entry["name"],
            type=entry["type"],
            default=str(entry["default"]) if "default" in entry else None,
            required=entry.get("required"),
            secret=entry.get("secret", False),
            file=entry.get("secret", False) or entry.get("file", False),
            part=entry.get("part"),
            minimum=entry.get("min"),
            maximum=entry.get("max"),
            values=tuple(entry.get("values", ())),
            parameters=entry.get("parameters", {}),
        )
        for entry in document("settings.yaml")
        if _applies(entry, answers)
    }


def metrics(answers: Mapping[str, object]) -> dict[str, Metric]:
    """The metric families of a project, by name."""
    return {
        entry["name"]: Metric(
            name=entry["name"],
            type=entry["type"],
            labels=tuple(entry.get("labels", ())),
            buckets=tuple(float(bound) for bound in entry.get("buckets", ())),
            values=entry.get("values", {}),
        )
        for entry in document("metrics.yaml")
        if _applies(entry, answers)
    }


@dataclass(frozen=True, slots=True)
class Cors:
    """What pages of other origins may send and read; names in lower case."""

    max_age: int
    methods: frozenset[str]
    allowed_headers: frozenset[str]
    exposed_headers: frozenset[str]


def cors() -> Cors:
    """The CORS lists (cors.yaml)."""
    data = document("cors.yaml")
    methods, allowed, exposed = (
        frozenset(name.lower() for name in data[key]) for key in ("methods", "allowed_headers", "exposed_headers")
    )
    return Cors(data["max_age"], methods, allowed, exposed)


def redis_key(form: str, **words: str) -> str:
    """A key that services keep in Redis, by the form that redis.yaml gives it."""
    assert any(entry["key"] == form for entry in document("redis.yaml")), f"redis.yaml knows no key {form}"
    return form.format(**words)


def stack(name: str) -> Stack:
    """What the contract leaves to the stack of this name.

    Raises:
        ConformanceError: It has no stack.yml.
    """
    place = _place(f"templates/{name}/stack.yml")
    if not place.is_file():
        message = f"the stack {name!r} is not described"
        raise ConformanceError(message, hint=f"its description belongs in templates/{name}/stack.yml")
    entry = _parsed(place)
    return Stack(
        name=name,
        several_workers=entry["workers"] == "several",
        tools=tuple(entry["tools"]),
        made=frozenset(entry["made"]),
        layout={concept: tuple(places) for concept, places in entry["layout"].items()},
    )


def makers() -> frozenset[str]:
    """Names of frameworks, servers and languages of all stacks, in lower case."""
    folders = {_place("templates"), own_templates() / "templates"}
    return frozenset(
        word for folder in folders for file in folder.glob("*/stack.yml") for word in _parsed(file)["makers"]
    )


def titles() -> dict[int, str]:
    """The title of each status (problems.yaml)."""
    return dict(document("problems.yaml")["titles"])


def slugs(answers: Mapping[str, object]) -> dict[str, int]:
    """The status of each problem slug of a project."""
    return {
        entry["slug"]: entry["status"] for entry in document("problems.yaml")["problems"] if _applies(entry, answers)
    }


def events() -> dict[str, str]:
    """The level of each logged event."""
    return {entry["event"]: entry["level"] for entry in document("events.yaml")}


def schema_sql(answers: Mapping[str, object]) -> str:
    """The relational schema of a project, as PostgreSQL statements."""
    text = (contract_folder() / "schema.sql").read_text(encoding="utf-8")
    common, _, sample = text.partition("-- part: sample\n")
    return common + sample if answers.get("sample") else common


def tables(answers: Mapping[str, object]) -> set[str]:
    """Names of the tables of a project's schema."""
    return set(re.findall(r"^CREATE TABLE (\w+)", schema_sql(answers), re.MULTILINE))
