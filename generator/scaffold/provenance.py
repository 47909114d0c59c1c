"""Where a file of a project comes from: template, answers, contract."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from jinja2 import TemplateError, meta, nodes
from pathspec import PathSpec

from scaffold.errors import BrokenTemplateError, NotExplainedError
from scaffold.questions.catalog import load_catalog
from scaffold.questions.questionnaire import Questionnaire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from jinja2.sandbox import SandboxedEnvironment

    from scaffold.project import Project
    from scaffold.questions.catalog import Catalog
    from scaffold.source import Source

_Kind = TypeVar("_Kind", bound=nodes.Node)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where one file comes from.

    Attributes:
        path: The file, as the project names it.
        template: The template that it is made from.
        rendered: Whether it is rendered; otherwise it is copied as it stands.
        parts: Further templates that go into it.
        contract: Files of the contract that go into it.
        options: The answers that it depends on, with their values.
        condition: The answers that decide whether the file is there at all.
        made_with: Version of the templates that the project was made with.
        explained_by: Version of the templates that this explanation is from.
    """

    path: str
    template: str
    rendered: bool
    parts: tuple[str, ...]
    contract: tuple[str, ...]
    options: Mapping[str, Any]
    condition: tuple[str, ...]
    made_with: str | None
    explained_by: str | None


class Explainer:
    """Tells where files of a project come from; templates are read once."""

    def __init__(self, source: Source, project: Project) -> None:
        """Read the questionnaire.

        Raises:
            BrokenTemplateError: The templates cannot be read.
        """
        self._source = source
        self._project = project
        self._catalog = load_catalog(source.root)
        questionnaire = Questionnaire(self._catalog)
        self._environment = questionnaire.environment
        self._answers = questionnaire.derive(project.answers)
        self._root = source.root.resolve()
        self._templates: dict[str, Path] = {}
        for template, destination in _payload(self._catalog, self._environment, self._answers):
            self._templates.setdefault(destination, template)
        self._parse = cache(_Parser(self._root, self._environment).parse)

    def explain(self, path: Path) -> Explanation:
        """Tell where a file of the project comes from.

        Raises:
            NotExplainedError: It does not come from a template.
            BrokenTemplateError: The templates cannot be read.
        """
        wanted = path.expanduser().resolve().relative_to(self._project.root).as_posix()
        template = self._templates.get(wanted)
        if template is None:
            message = f"{wanted} does not come from a template"
            raise NotExplainedError(message, hint="it was added to the project later, or is made by one of its tasks")
        name = template.relative_to(self._root).as_posix()
        rendered = template.name.endswith(self._catalog.suffix)
        found = _Ingredients()
        if rendered:
            _Reader(self._root, self._parse, self._answers).template(name, found)
        elif template.is_symlink():
            found.files.add(template.resolve().relative_to(self._root).as_posix())
        found.names |= _variables(self._environment, name)
        condition = _condition(self._catalog, self._environment, wanted)
        asked = {question.key for question in self._catalog.asked}
        options = _origins(self._catalog, self._environment, found.names) & asked
        version = self._source.version
        return Explanation(
            path=wanted,
            template=name,
            rendered=rendered,
            parts=tuple(sorted(file for file in found.files if not file.startswith("contract/"))),
            contract=tuple(sorted(file for file in found.files if file.startswith("contract/"))),
            options={key: self._answers[key] for key in sorted(options) if key in self._answers},
            condition=tuple(sorted(_origins(self._catalog, self._environment, condition) & asked)),
            made_with=self._project.version,
            explained_by=f"v{version}" if version else None,
        )


def _payload(
    catalog: Catalog, environment: SandboxedEnvironment, answers: Mapping[str, Any]
) -> Iterator[tuple[Path, str]]:
    context = {**answers, "_copier_conf": {"answers_file": catalog.answers_file}}

    def render(text: str) -> str:
        try:
            return environment.from_string(text).render(context)
        except TemplateError as error:
            raise BrokenTemplateError(text, str(error)) from error

    root = catalog.root.resolve() / render(catalog.subdirectory)
    for path in sorted(root.rglob("*")):
        if path.is_dir():
            continue
        parts = [render(part) for part in path.relative_to(root).as_posix().removesuffix(catalog.suffix).split("/")]
        if all(parts):
            yield path, "/".join(parts)


def _condition(catalog: Catalog, environment: SandboxedEnvironment, path: str) -> set[str]:
    """Return the variables that decide whether a path is left out."""
    names: set[str] = set()
    for pattern in catalog.exclude:
        syntax = environment.parse(pattern)
        variables = meta.find_undeclared_variables(syntax)
        if not variables:
            continue
        # The condition applies to the plain text between the tags.
        lines = [line for data in syntax.find_all(nodes.TemplateData) for line in data.data.splitlines()]
        if PathSpec.from_lines("gitignore", lines).match_file(path):
            names |= variables
    return names


def _variables(environment: SandboxedEnvironment, text: str) -> set[str]:
    return meta.find_undeclared_variables(environment.parse(text))


def _origins(catalog: Catalog, environment: SandboxedEnvironment, names: set[str]) -> set[str]:
    """Follow derived answers back to the ones that were given."""
    derived = {question.key: str(question.default) for question in catalog.questions if question.derived}
    open_names, seen = list(names), set(names)
    while open_names:
        for name in _variables(environment, derived.get(open_names.pop(), "")) - seen:
            seen.add(name)
            open_names.append(name)
    return seen


@dataclass(slots=True)
class _Ingredients:
    """What goes into a file: other files of the source, and variables."""

    files: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Parser:
    root: Path
    environment: SandboxedEnvironment

    def parse(self, name: str) -> nodes.Template:
        try:
            return self.environment.parse((self.root / name).read_text(encoding="utf-8"), name)
        except (TemplateError, UnicodeError) as error:
            raise BrokenTemplateError(name, str(error)) from error


@dataclass(slots=True)
class _Reader:
    """Reads templates without rendering them, each once."""

    root: Path
    parse: Callable[[str], nodes.Template]
    answers: Mapping[str, Any]
    _seen: set[tuple[str, frozenset[str] | None]] = field(default_factory=set)

    def template(self, name: str, into: _Ingredients, only: frozenset[str] | None = None) -> None:
        """Collect what a template is made of, or only what some of its names are made of."""
        if (name, only) in self._seen:
            return
        self._seen.add((name, only))
        syntax = self.parse(name)
        if only is None:
            into.names |= meta.find_undeclared_variables(syntax)
            self._references(syntax, into)
            return
        needed = _Module(syntax).needed(only)
        for statement in needed.statements:
            self._references(statement, into)
        into.names |= needed.free

    def _references(self, syntax: nodes.Node, into: _Ingredients) -> None:
        imported = {
            node.template.value: frozenset(name if isinstance(name, str) else name[0] for name in node.names)
            for node in _all(syntax, nodes.FromImport)
            if isinstance(node.template, nodes.Const)
        }
        for name in self._texts(syntax):
            if not name.startswith(("contract/", "templates/")):
                continue
            if not (self.root / name).is_file():
                continue
            into.files.add(name)
            if name.startswith("templates/") and name.endswith(".jinja"):
                self.template(name, into, imported.get(name))

    def _texts(self, syntax: nodes.Node) -> Iterator[str]:
        """Yield each string, and each concatenation of strings and answers."""
        for node in _all(syntax, nodes.Const):
            if isinstance(node.value, str):
                yield node.value
        for joined in _all(syntax, nodes.Concat):
            parts = [
                part.value if isinstance(part, nodes.Const) else self.answers.get(part.name)
                for part in joined.nodes
                if isinstance(part, nodes.Const | nodes.Name)
            ]
            if len(parts) == len(joined.nodes) and None not in parts:
                yield "".join(map(str, parts))


@dataclass(slots=True)
class _Needed:
    statements: list[nodes.Node]
    free: set[str]


class _Module:
    """The top-level names of a template that others import from."""

    def __init__(self, syntax: nodes.Template) -> None:
        self._makers: defaultdict[str, list[nodes.Node]] = defaultdict(list)
        macros = {node.name for node in syntax.body if isinstance(node, nodes.Macro)}
        for node in _statements(syntax):
            if isinstance(node, nodes.Macro):
                self._makers[node.name].append(node)
            elif isinstance(node, nodes.Assign | nodes.AssignBlock):
                for name in _all(node.target, nodes.Name):
                    self._makers[name.name].append(node)
            else:
                # A call for its side effect, such as appending to a list: it belongs to all names that it mentions.
                for name in _all(node, nodes.Name):
                    if name.name not in macros:
                        self._makers[name.name].append(node)

    def needed(self, names: frozenset[str]) -> _Needed:
        """Return the statements that define names, and the names that are not defined here."""
        found = _Needed([], set())
        seen, open_names = set(names), list(names)
        while open_names:
            name = open_names.pop()
            if name not in self._makers:
                found.free.add(name)
            for node in self._makers[name]:
                if node in found.statements:
                    continue
                found.statements.append(node)
                for inner in {each.name for each in _all(node, nodes.Name) if each.ctx == "load"} - seen:
                    seen.add(inner)
                    open_names.append(inner)
        return found


def _statements(syntax: nodes.Template) -> Iterator[nodes.Node]:
    for node in syntax.body:
        if isinstance(node, nodes.Output):
            yield from (child for child in node.nodes if not isinstance(child, nodes.TemplateData))
        else:
            yield node


def _all(syntax: nodes.Node, kind: type[_Kind]) -> Iterator[_Kind]:
    if isinstance(syntax, kind):
        yield syntax
    yield from syntax.find_all(kind)
