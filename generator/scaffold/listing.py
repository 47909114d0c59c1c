"""The stacks and options of a source of templates, and what is proven of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jinja2 import meta

from scaffold import evidence
from scaffold.errors import BrokenTemplateError
from scaffold.questions.catalog import NO_DEFAULT, load_catalog
from scaffold.questions.questionnaire import Questionnaire

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaffold.evidence import JudgedRow, State
    from scaffold.questions.catalog import Catalog, Kind, Question
    from scaffold.source import Source


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a stack.

    Attributes:
        values: Pairs of value and label to choose from; nothing where any text will do.
        default: The default, or nothing where there is none or where it is worked out.
        derived_from: The answers that the default is worked out from.
    """

    key: str
    type: Kind
    help: str
    values: tuple[tuple[str, str], ...]
    default: Any
    derived_from: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stack:
    """One stack, with its options and what is proven of it."""

    name: str
    label: str
    state: State
    rows: tuple[JudgedRow, ...]
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    """All stacks of a source."""

    origin: str
    version: str | None
    stacks: tuple[Stack, ...]


def list_stacks(source: Source) -> Overview:
    """Return the stacks of a source.

    Raises:
        BrokenTemplateError: Its questionnaire cannot be read.
        EvidenceError: Its evidence cannot be read.
    """
    catalog = load_catalog(source.root)
    questionnaire = Questionnaire(catalog)
    stacks = []
    for choice in catalog.stacks:
        rows = evidence.judge(source, choice.value)
        options = tuple(_options(catalog, questionnaire, choice.value))
        stacks.append(Stack(choice.value, choice.label, evidence.summarise(rows), rows, options))
    return Overview(source.name, source.version, tuple(stacks))


def _options(catalog: Catalog, questionnaire: Questionnaire, stack: str) -> Iterator[Option]:
    for question in catalog.asked:
        if question.key == "stack":
            continue
        try:
            applies = questionnaire.applies(question, {"stack": stack})
        except BrokenTemplateError:
            # It depends on other answers too, so it is an option of the stack.
            applies = True
        if applies:
            yield _option(question, questionnaire)


def _option(question: Question, questionnaire: Questionnaire) -> Option:
    labels = {choice.value: choice.label for choice in question.choices}
    derived_from: tuple[str, ...] = ()
    default = question.default if question.default is not NO_DEFAULT else None
    if isinstance(default, str):
        syntax = questionnaire.environment.parse(default)
        derived_from = tuple(sorted(meta.find_undeclared_variables(syntax)))
        default = None if derived_from else questionnaire.default(question, {})
    return Option(
        key=question.key,
        type=question.type,
        help=question.help,
        values=tuple((value, labels.get(value, "")) for value in question.values),
        default=default,
        derived_from=derived_from,
    )
