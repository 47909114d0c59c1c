"""Completes and checks the answers of a project by the rules of copier.yml."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

import yaml
from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, Undefined
from jinja2.sandbox import SandboxedEnvironment

from scaffold.errors import (
    AnswerError,
    BrokenTemplateError,
    InvalidAnswerError,
    MissingAnswerError,
    OptionNotForStackError,
    ScaffoldError,
    UnknownChoiceError,
    UnknownOptionError,
    UnknownStackError,
    WrongTypeError,
)
from scaffold.questions.catalog import NO_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scaffold.questions.catalog import Catalog, Question

_SafeLoader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TRUE = frozenset({"y", "yes", "t", "true", "on", "1"})
_FALSE = frozenset({"n", "no", "f", "false", "off", "0"})
_EXPECTED = {"str": "text", "bool": "true or false", "int": "a whole number", "float": "a number"}


class Ask(Protocol):
    """Asks the user one question."""

    def __call__(self, question: Question, default: Any, check: Callable[[Any], str], /) -> Any:
        """Return the answer; `check` tells what is wrong with one, or nothing."""


class Questionnaire:
    """The questions of a catalogue, with a Jinja environment that evaluates their rules."""

    def __init__(self, catalog: Catalog, preferences: Mapping[str, Any] | None = None) -> None:
        """Prepare the environment.

        Args:
            catalog: The questions.
            preferences: The user's own defaults.
        """
        self._catalog = catalog
        self._preferences = preferences or {}
        self.environment = environment(catalog)

    def parse(self, key: str, text: str, *, where: str) -> Any:
        """Read an answer given as text.

        Raises:
            UnknownOptionError: There is no such option.
            WrongTypeError: The text does not fit the option.
        """
        question = self._known(key, where)
        return _from_text(question, text)

    def check_type(self, key: str, value: Any, *, where: str) -> Any:
        """Check an answer given as data.

        Raises:
            UnknownOptionError: There is no such option.
            WrongTypeError: The value does not fit the option.
        """
        question = self._known(key, where)
        if question.type in _EXPECTED and not _fits(question.type, value):
            raise WrongTypeError(key, value, _EXPECTED[question.type])
        return value

    def complete(
        self, given: Mapping[str, Any], ask: Ask | None = None, kept: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Answer every question: with what is given, else with the answer from before, else by asking, else by default.

        Args:
            given: Answers of the right type.
            ask: Asks what is not given, or cannot be kept; without it the defaults hold.
            kept: Answers from before; those without a question any more are dropped.

        Returns:
            The answers to all questions that apply, derived ones left out.

        Raises:
            InvalidAnswerError: An answer breaks a rule.
            UnknownChoiceError: An answer is none of the choices.
            UnknownStackError: The stack is none of the choices.
            WrongTypeError: An answer from before is no longer of the right type.
            MissingAnswerError: A question without default is not answered.
            OptionNotForStackError: An answer is given to a question that does not apply.
            BrokenTemplateError: A rule of the questionnaire cannot be evaluated.
        """
        context: dict[str, Any] = {}
        answers: dict[str, Any] = {}
        for question in self._catalog.questions:
            applies = self.applies(question, context)
            if not applies:
                if question.key in given:
                    # A validator of the question gives a better message than that it does not apply.
                    self._check(question, given[question.key], context)
                    raise OptionNotForStackError(question.key, context.get("stack", ""))
                default = self.default(question, context)
                if default is not NO_DEFAULT:
                    context[question.key] = default
                continue
            context[question.key] = answers[question.key] = self._answer(question, context, given, kept or {}, ask)
        return answers

    def chosen(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answers that differ from their default, given the others."""
        context: dict[str, Any] = {}
        chosen: dict[str, Any] = {}
        for question in self._catalog.questions:
            default = self.default(question, context)
            if question.key in answers:
                context[question.key] = answers[question.key]
                if default is NO_DEFAULT or default != answers[question.key]:
                    chosen[question.key] = answers[question.key]
            elif default is not NO_DEFAULT:
                context[question.key] = default
        return chosen

    def derive(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answers together with everything that is derived from them."""
        context: dict[str, Any] = {}
        for question in self._catalog.questions:
            if question.key in answers:
                context[question.key] = answers[question.key]
            else:
                default = self.default(question, context)
                if default is not NO_DEFAULT:
                    context[question.key] = default
        return context

    def applies(self, question: Question, context: Mapping[str, Any]) -> bool:
        """Tell whether a question is asked with the answers so far."""
        return _truth(self._render(question, "when", question.when, context))

    def holds(self, condition: str, answers: Mapping[str, Any]) -> bool:
        """Tell whether a condition of a template's data holds with a project's answers.

        Raises:
            BrokenTemplateError: The condition cannot be evaluated.
        """
        try:
            return _truth(self.environment.from_string(condition).render(self.derive(answers)))
        except TemplateError as error:
            raise BrokenTemplateError(f"the condition {condition}", str(error)) from error

    def default(self, question: Question, context: Mapping[str, Any]) -> Any:
        """Return the default of a question, or `NO_DEFAULT`."""
        if question.key in self._preferences:
            return self._preferences[question.key]
        if question.default is NO_DEFAULT:
            return NO_DEFAULT
        rendered = self._render(question, "default", question.default, context)
        return _from_text(question, rendered) if isinstance(rendered, str) else rendered

    def _answer(
        self,
        question: Question,
        context: dict[str, Any],
        given: Mapping[str, Any],
        kept: Mapping[str, Any],
        ask: Ask | None,
    ) -> Any:
        if question.key in given:
            value = given[question.key]
            self._check(question, value, context)
            return value
        if question.key in kept:
            try:
                value = self.check_type(question.key, kept[question.key], where="kept from before")
                self._check(question, value, context)
            except AnswerError:
                if ask is None:
                    raise
            else:
                return value
        default = self.default(question, context)
        if ask is not None:

            def complaint(said: Any) -> str:
                try:
                    self._check(question, _as_answer(question, said), context)
                except ScaffoldError as error:
                    return error.message
                return ""

            answer = _as_answer(question, ask(question, default, complaint))
            # Other prompts than those for text do not check the answer themselves.
            self._check(question, answer, context)
            return answer
        if default is NO_DEFAULT:
            raise MissingAnswerError(question.key, hint=_how_to_answer(question))
        self._check(question, default, context, derived=True)
        return default

    def _check(self, question: Question, value: Any, context: Mapping[str, Any], *, derived: bool = False) -> None:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            shown = str(value).encode(errors="backslashreplace").decode()
            raise InvalidAnswerError(question.key, shown, "it holds bytes that are not UTF-8") from error
        except (TypeError, ValueError, RecursionError) as error:
            # Copier would render this answer, but not record it.
            raise WrongTypeError(question.key, value, "what JSON can hold, too; a date is a text in quotes") from error
        if question.choices and str(value) not in question.values:
            if question.key == "stack":
                raise UnknownStackError(str(value), known=question.values)
            raise UnknownChoiceError(question.key, value, known=question.values)
        rule = self._render(question, "validator", question.validator, {**context, question.key: value})
        if complaint := " ".join(str(rule).split()):
            hint = f"it is the default here; choose another with -d {question.key}=…" if derived else ""
            said = str(value).lower() if isinstance(value, bool) else value
            raise InvalidAnswerError(question.key, said, complaint, hint=hint)

    def _known(self, key: str, where: str) -> Question:
        for question in self._catalog.asked:
            if question.key == key:
                return question
        raise UnknownOptionError(key, known=[question.key for question in self._catalog.asked], where=where)

    def _render(self, question: Question, part: str, value: Any, context: Mapping[str, Any]) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self.environment.from_string(value).render(context)
        except TemplateError as error:
            raise BrokenTemplateError(f"copier.yml, {part} of {question.key}", str(error)) from error


def environment(catalog: Catalog) -> SandboxedEnvironment:
    """Return a Jinja environment with the settings and filters that Copier gives to templates."""
    options = dict(catalog.settings.get("_envops", {}))
    options.setdefault("keep_trailing_newline", True)
    options["undefined"] = StrictUndefined if options.get("undefined") == "jinja2.StrictUndefined" else Undefined
    made = SandboxedEnvironment(
        loader=FileSystemLoader(catalog.root),
        extensions=["jinja2_ansible_filters.AnsibleCoreFiltersExtension"],
        **options,
    )
    # Copier's filter, but with the faster C loader: lists of reserved names are long.
    made.filters["from_yaml"] = lambda text: yaml.load(text, Loader=_SafeLoader)  # noqa: S506 - it is a safe one
    return made


def _from_text(question: Question, text: str) -> Any:
    try:
        match question.type:
            case "bool":
                return _boolean(text)
            case "int":
                return int(text)
            case "float":
                return float(text)
            case "str":
                return text
            case _:
                return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise WrongTypeError(question.key, text, _EXPECTED.get(question.type, "YAML")) from error


def _as_answer(question: Question, said: Any) -> Any:
    return _from_text(question, said) if isinstance(said, str) else said


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "bool"
    match kind:
        case "str":
            return isinstance(value, str)
        case "int":
            return isinstance(value, int)
        case _:
            return kind == "float" and isinstance(value, int | float)


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError(text)
    return word in _TRUE


def _truth(value: Any) -> bool:
    return value.strip().lower() in _TRUE if isinstance(value, str) else bool(value)


def _how_to_answer(question: Question) -> str:
    if question.key == "project_name":
        return "scaffold new NAME --stack STACK"
    if question.key == "stack":
        return f"--stack with one of: {', '.join(question.values)}"
    return f"-d {question.key}=…"
