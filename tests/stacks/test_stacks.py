"""The projects of each stack: rendered, set up, formatted, checked, built and verified; and lived in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.stack_files import STACKS, oldest_releases

sys.path.insert(0, str(Path(__file__).parent))
import toolchains
from rows import ROWS, Row, prove
from upgrade import bring_on, change_an_option

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module", autouse=True)
def _toolchains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the Node.js and the Go of wheels before any other."""
    with toolchains.first_in_path(tmp_path_factory.mktemp("bin")):
        yield


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("row", ROWS, ids=str)
def test_project_is_sound(stack: str, row: Row, tmp_path: Path, recording: Path | None) -> None:
    prove(stack, row, tmp_path, recording / f"{stack}.json" if recording else None)


@pytest.mark.parametrize("stack", oldest_releases())
def test_oldest_project_is_brought_to_the_newest(stack: str, tmp_path: Path) -> None:
    bring_on(stack, tmp_path)


@pytest.mark.parametrize("stack", STACKS)
def test_another_option_is_set_up_as_it_is_told_to(stack: str, tmp_path: Path) -> None:
    change_an_option(stack, tmp_path)
