"""Errors have stable codes, and know what was probably meant."""

from __future__ import annotations

import re

import pytest

import scaffold.commands.new
import scaffold.commands.verify
from scaffold.errors import ScaffoldError, UsageError, closest


def _subclasses(kind: type[ScaffoldError]) -> list[type[ScaffoldError]]:
    return [found for child in kind.__subclasses__() for found in (child, *_subclasses(child))]


def test_each_kind_of_error_has_a_code_of_its_own() -> None:
    kinds = [kind for kind in _subclasses(ScaffoldError) if kind.__module__.startswith("scaffold")]
    codes = [kind.code for kind in kinds]

    assert len(codes) == len(set(codes))
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)
    assert {UsageError, scaffold.commands.new.SetupFailedError, scaffold.commands.verify.ChecksFailedError} <= set(
        kinds
    )


@pytest.mark.parametrize(
    ("word", "guess"),
    [
        ("djnago", "django"),
        ("Django", "django"),
        ("postgres", "postgresql"),
        ("sprnig", "spring"),
        ("zzz", None),
        ("", None),
    ],
)
def test_guesses_what_was_meant(word: str, guess: str | None) -> None:
    assert closest(word, ["django", "spring", "postgresql"]) == guess
