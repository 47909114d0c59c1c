"""What a shell offers while a command is typed."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scaffold.questions.catalog import Catalog


def stacks(incomplete: str) -> list[tuple[str, str]]:
    """Offer the stacks."""
    return [(choice.value, choice.label) for choice in _catalog().stacks if choice.value.startswith(incomplete)]


def pairs(incomplete: str) -> list[tuple[str, str]]:
    """Offer KEY= and, once the key stands, KEY=VALUE."""
    return [offer for offer in _offers(incomplete.partition("=")) if offer[0].startswith(incomplete)]


def _offers(typed: tuple[str, str, str]) -> Iterator[tuple[str, str]]:
    key, separator, _ = typed
    for question in _catalog().asked:
        if question.key in {"stack", "project_name"}:
            continue
        if not separator:
            yield f"{question.key}=", question.help
        elif question.key == key:
            labels = {choice.value: choice.label for choice in question.choices}
            yield from ((f"{key}={value}", labels.get(value, "")) for value in question.values)


def _catalog() -> Catalog:
    from scaffold.questions.catalog import load_catalog
    from scaffold.source import find_source

    return load_catalog(find_source(os.environ.get("SCAFFOLD_TEMPLATE") or None).root)
