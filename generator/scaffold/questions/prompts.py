"""Asks the questions on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import questionary
from prompt_toolkit.output import create_output

from scaffold.questions.answers import as_text
from scaffold.questions.catalog import NO_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.questions.catalog import Question


def ask_on_terminal(question: Question, default: Any, check: Callable[[Any], str]) -> Any:
    """Ask one question; Ctrl-C and Ctrl-D cancel.

    Args:
        question: What to ask.
        default: What an empty answer means, or `NO_DEFAULT`.
        check: Tells what is wrong with an answer, or nothing.

    Returns:
        The answer.

    Raises:
        KeyboardInterrupt: The user cancelled.
    """
    try:
        answer = _prompt(question, default, check).unsafe_ask()
    except EOFError as error:
        raise KeyboardInterrupt from error
    return default if answer == "" and default is not NO_DEFAULT else answer


def _prompt(question: Question, default: Any, check: Callable[[Any], str]) -> questionary.Question:
    # The result of the command is the only thing on stdout.
    output = create_output(stdout=sys.stderr)
    message = f"{question.help or question.key}:"
    if question.choices:
        choices = [questionary.Choice(choice.label, choice.value) for choice in question.choices]
        chosen = next((choice for choice in choices if choice.value == str(default)), None)
        return questionary.select(message, choices=choices, default=chosen, output=output)
    if question.type == "bool":
        return questionary.confirm(
            message, default=bool(default) if default is not NO_DEFAULT else False, output=output
        )
    # Show the default in brackets: pre-filled text looks like typed text.
    if default is not NO_DEFAULT:
        message = f"{message.removesuffix(':')} [{as_text(default)}]:"
    elif question.placeholder:
        message = f"{message.removesuffix(':')}, for example {question.placeholder}:"
    return questionary.text(
        message, validate=lambda text: check(default if text == "" else text) or True, output=output
    )
