"""Reads answers as users give them: KEY=VALUE on the command line, and files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import yaml

from scaffold.errors import AnswersFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from scaffold.questions.questionnaire import Questionnaire

# What YAML's constructors and JSON's encoder raise for values such as 2020-13-45, or for a recursive one.
_NO_VALUE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def answers_from_pairs(pairs: Sequence[str], questionnaire: Questionnaire, *, option: str = "-d ") -> dict[str, Any]:
    """Read answers of the form KEY=VALUE.

    Args:
        pairs: The answers.
        questionnaire: The questions.
        option: What stands before each of them on the command line, for messages.

    Raises:
        UsageError: A pair has no `=`, or a key is given twice with different values.
        UnknownOptionError: There is no such option.
        WrongTypeError: A value does not fit its option.
    """
    answers: dict[str, Any] = {}
    for pair in pairs:
        key, separator, text = pair.partition("=")
        if not separator or not key:
            message = f'an answer is {option}KEY=VALUE, not "{pair}"'
            raise UsageError(message, hint=f"for example {option}database=postgresql")
        value = questionnaire.parse(key, text, where=f"{option}{pair}")
        if answers.setdefault(key, value) != value:
            message = f"{key} is given twice, with different values"
            raise UsageError(message, hint="say it once")
    return answers


def answers_from_file(path: Path, questionnaire: Questionnaire) -> dict[str, Any]:
    """Read answers from a YAML or JSON file, for example the answers file of an existing project.

    Raises:
        AnswersFileError: The file cannot be read, or is no mapping of answers.
        UnknownOptionError: There is no such option.
        WrongTypeError: A value does not fit its option.
    """
    # What starts with an underscore is Copier's own record of where a project came from.
    given = {key: value for key, value in load_answers(path).items() if not key.startswith("_")}
    return check_answers(given, questionnaire, where=str(path))


def check_answers(answers: Mapping[str, Any], questionnaire: Questionnaire, *, where: str) -> dict[str, Any]:
    """Make sure that answers are of the right type.

    Raises:
        UnknownOptionError: There is no such option.
        WrongTypeError: A value does not fit its option.
    """
    return {key: questionnaire.check_type(key, value, where=where) for key, value in answers.items()}


def as_text(value: Any) -> str:
    """Write an answer as users write it after the = of KEY=VALUE."""
    # JSON is YAML; what YAML knows beyond it, such as dates, is written as text.
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def as_line(value: Any) -> str:
    """Write an answer on one line, to be read."""
    return as_text(value).replace("\n", "\\n")


def load_preferences(questionnaire: Questionnaire) -> dict[str, Any]:
    """Read the user's own defaults, for example for the author or the licence.

    Raises:
        AnswersFileError: The file is there, but is no mapping of answers.
        UnknownOptionError: There is no such option.
        WrongTypeError: A value does not fit its option.
    """
    from platformdirs import user_config_path  # noqa: PLC0415 - only `new` needs it

    path = user_config_path("scaffold") / "answers.yml"
    return answers_from_file(path, questionnaire) if path.is_file() else {}


def load_answers(path: Path) -> Mapping[str, Any]:
    """Read a file of answers without checking them.

    Raises:
        AnswersFileError: The file cannot be read, or is no mapping of answers.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AnswersFileError(path, reason.lower(), hint="name a YAML file with one answer a line") from error
    return parse_answers(text, path)


def parse_answers(text: str, path: Path) -> Mapping[str, Any]:
    """Parse answers without checking them.

    Args:
        text: The content of a file.
        path: The file, for messages.

    Raises:
        AnswersFileError: It is no mapping of answers.
    """
    try:
        loaded = yaml.load(text, Loader=_UniqueKeys)  # noqa: S506 - a SafeLoader that refuses duplicate keys
    except yaml.YAMLError as error:
        raise AnswersFileError(path, f"it is not YAML: {_first_line(error)}") from error
    except _NO_VALUE as error:
        raise AnswersFileError(path, "it holds an invalid value") from error
    if not isinstance(loaded, dict):
        raise AnswersFileError(path, "it is not a mapping of options to values", hint="one line each: database: sqlite")
    answers = {str(key): value for key, value in loaded.items()}
    try:
        # Answers are compared as JSON later, so they must be serialisable: not recursive, not too deep.
        json.dumps(answers, sort_keys=True, default=str)
    except _NO_VALUE as error:
        raise AnswersFileError(path, "it holds a value that cannot be an answer") from error
    return answers


class _UniqueKeys(yaml.SafeLoader):
    """Refuses duplicate keys, of which YAML would silently drop one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - its signature
        seen = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode):
                if key_node.value in seen:
                    problem = f'"{key_node.value}" is given twice'
                    raise yaml.constructor.ConstructorError(None, None, problem, key_node.start_mark)
                seen.add(key_node.value)
        return dict(super().construct_mapping(node, deep=deep))


def _first_line(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem:
        line = f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
        return f"{error.problem}{line}"
    return str(error).splitlines()[0]
