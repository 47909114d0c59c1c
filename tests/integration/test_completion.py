"""What a shell offers: commands, stacks, keys and values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Launch


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("scaffold ", {"new", "list", "status", "diff", "update", "set", "doctor", "verify", "explain"}),
        ("scaffold new pot --stack ", {"tea", "coffee"}),
        ("scaffold doctor --stack t", {"tea"}),
        ("scaffold new pot -d s", {"size=", "strength="}),
        ("scaffold new pot -d size=", {"size=small", "size=large"}),
        ("scaffold new pot -d extras=t", {"extras=true"}),
        ("scaffold set extras=t", {"extras=true"}),
        ("scaffold new pot -d shout", set()),
    ],
)
def test_offers(typed: str, offered: set[str], small: Path, launch: Launch) -> None:
    environment = {
        **os.environ,
        "SCAFFOLD_TEMPLATE": str(small),
        "_SCAFFOLD_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": typed,
    }

    outcome = launch(env=environment)

    assert {line.split("\t")[0] for line in outcome.out.splitlines() if line} == offered, outcome.err


def test_there_is_a_script_for_the_shell(launch: Launch) -> None:
    outcome = launch(env={**os.environ, "_SCAFFOLD_COMPLETE": "source_bash"})

    assert outcome.code == 0
    assert "_SCAFFOLD_COMPLETE=complete_bash" in outcome.out
