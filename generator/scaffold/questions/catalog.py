"""The questions of copier.yml, with their stacks and options."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

import yaml

from scaffold.errors import BrokenTemplateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: The type of an answer.
Kind = Literal["str", "bool", "int", "float", "yaml", "json", "path"]
#: A question without a default, which has to be answered.
NO_DEFAULT = object()

_KINDS: Mapping[type, Kind] = {bool: "bool", float: "float", int: "int", str: "str"}
# The questions that every copier.yml must have.
_NEEDED = ("stack", "project_name")
# Features of Copier's questions that are not supported.
_UNSUPPORTED = ("multiselect", "secret")
# Copier concatenates these settings over the documents of copier.yml; of all others the last one wins.
_JOINED = ("_exclude", "_jinja_extensions", "_secret_questions", "_skip_if_exists")


@dataclass(frozen=True, slots=True)
class Choice:
    """One value that an option may have."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question as copier.yml states it; strings may be Jinja templates."""

    key: str
    type: Kind
    help: str
    choices: tuple[Choice, ...]
    default: Any
    validator: str
    when: str | bool
    placeholder: str

    @property
    def derived(self) -> bool:
        """Whether the answer is computed and never asked."""
        return self.when is False

    @property
    def values(self) -> tuple[str, ...]:
        """The values to choose from; nothing where any text will do."""
        if self.type == "bool":
            return ("true", "false")
        return tuple(choice.value for choice in self.choices)


@dataclass(frozen=True)
class Catalog:
    """All questions and settings of a source of templates."""

    root: Path
    questions: tuple[Question, ...]
    settings: Mapping[str, Any]

    @cached_property
    def stacks(self) -> tuple[Choice, ...]:
        """The stacks there are."""
        return self["stack"].choices

    @property
    def asked(self) -> tuple[Question, ...]:
        """The questions that a user may answer."""
        return tuple(question for question in self.questions if not question.derived)

    @property
    def exclude(self) -> tuple[str, ...]:
        """Patterns of files that are not rendered; strings may be Jinja templates."""
        return tuple(self.settings.get("_exclude", ()))

    @property
    def subdirectory(self) -> str:
        """The folder below the root that is rendered; a Jinja template."""
        return str(self.settings.get("_subdirectory", ""))

    @property
    def suffix(self) -> str:
        """The suffix of files that are rendered; others are copied."""
        return str(self.settings.get("_templates_suffix", ".jinja"))

    @property
    def answers_file(self) -> str:
        """Where a project keeps its answers."""
        return str(self.settings.get("_answers_file", ".copier-answers.yml"))

    def __contains__(self, key: object) -> bool:
        """Whether there is such a question."""
        return any(question.key == key for question in self.questions)

    def __getitem__(self, key: str) -> Question:
        """Return the question of that name."""
        for question in self.questions:
            if question.key == key:
                return question
        raise KeyError(key)


def load_catalog(root: Path) -> Catalog:
    """Read the questionnaire of a folder of templates.

    Raises:
        BrokenTemplateError: The questionnaire cannot be read.
    """
    path = root / "copier.yml"
    settings: dict[str, Any] = {}
    questions: dict[str, Any] = {}
    for part in _parts(path):
        if not isinstance(part, dict):
            raise BrokenTemplateError("copier.yml", "it is not a mapping of questions and settings")
        for key, value in part.items():
            if not str(key).startswith("_"):
                questions[str(key)] = value
            elif key in _JOINED:
                settings.setdefault(key, []).extend(value)
            else:
                settings[key] = value
    for key in _NEEDED:
        if key not in questions:
            raise BrokenTemplateError("copier.yml", f'there is no question "{key}"')
    return Catalog(root, tuple(_question(key, value) for key, value in questions.items()), settings)


def _parts(path: Path) -> Iterator[Any]:
    root = path.parent.resolve()

    class Loader(yaml.SafeLoader):
        """YAML with the tag !include, which Copier adds."""

    def include(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
        pattern = str(loader.construct_scalar(node)) if isinstance(node, yaml.ScalarNode) else ""
        if not pattern or PurePosixPath(pattern).is_absolute():
            raise BrokenTemplateError(path.name, "!include needs a path below copier.yml")
        # Copier takes the order of the file system; a sorted one is reproducible.
        found = [file for file in sorted(root.glob(pattern)) if file.resolve().is_relative_to(root)]
        if not found:
            raise BrokenTemplateError(path.name, f"!include {pattern}: there is no such file")
        return [part for file in found for part in _documents(file, Loader)]

    Loader.add_constructor("!include", include)
    yield from _documents(path, Loader)


def _documents(path: Path, loader: type[yaml.SafeLoader]) -> Iterable[Any]:
    try:
        documents = list(yaml.load_all(path.read_bytes(), Loader=loader))
    except yaml.YAMLError as error:
        raise BrokenTemplateError(path.name, _one_line(error)) from error
    return _flat(documents)


def _flat(items: Iterable[Any]) -> Iterator[Any]:
    for item in items:
        if isinstance(item, list):
            yield from _flat(item)
        elif item is not None:
            yield item


def _question(key: str, details: Any) -> Question:
    if not isinstance(details, dict):
        details = {"default": details}
    for kind in _UNSUPPORTED:
        if details.get(kind):
            raise BrokenTemplateError("copier.yml", f"{key}: {kind} questions are not supported")
    default = details.get("default", NO_DEFAULT)
    return Question(
        key=key,
        type=details.get("type") or _type_of(default),
        help=str(details.get("help", "")),
        choices=tuple(_choices(key, details.get("choices", ()))),
        default=default,
        validator=str(details.get("validator", "")),
        when=details.get("when", True),
        placeholder=str(details.get("placeholder", "")),
    )


def _type_of(default: Any) -> Kind:
    return _KINDS.get(type(default), "yaml")


def _choices(key: str, choices: Any) -> Iterator[Choice]:
    if isinstance(choices, dict):
        yield from (Choice(str(label), str(value)) for label, value in choices.items())
    elif isinstance(choices, list | tuple):
        yield from (Choice(str(value), str(value)) for value in choices)
    else:
        raise BrokenTemplateError("copier.yml", f"{key}: choices must be a list or a mapping")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
