"""Asks the questions on a terminal."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import questionary
from prompt_toolkit.output import create_output

from scaffold.answers import as_text
from scaffold.catalog import NO_DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.catalog import Question


def ask_on_terminal(question: Question, default: Any, check: Callable[[Any], str]) -> Any:
    """Ask one question; Ctrl-C and Ctrl-D cancel.

    Args:
        question: What to ask.
        default: What an empty answer means, or `NO_DEFAULT`.
        check: Tells what is wrong with an answer, or nothing.

    Returns:
        The answer.

    Raises:
        KeyboardInterrupt: The user has thought better of it.
    """
    try:
        return _prompt(question, default, check).unsafe_ask()
    except EOFError as error:
        raise KeyboardInterrupt from error


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
    return questionary.text(
        message,
        default="" if default is NO_DEFAULT else as_text(default),
        placeholder=[("class:placeholder", question.placeholder)] if question.placeholder else None,
        validate=lambda text: check(text) or True,
        output=output,
    )
