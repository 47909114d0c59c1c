from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import node_wheel
from rows import ROWS, Row, prove
from upgrade import Owner, bring_on, change_an_option

if TYPE_CHECKING:
    from collections.abc import Iterator

STACK = "express"
OWNER = Owner(
    "src/products/product.service.ts",
    "export function createProducts(",
    "// Ours: the warehouse knows the new ones first.",
    "package-lock.json",
)


@pytest.fixture(scope="module", autouse=True)
def _node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the Node.js of the wheel before any other."""
    with node_wheel.first_in_path(tmp_path_factory.mktemp("bin")):
        yield


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_project_is_sound(row: Row, tmp_path: Path, recording: Path | None) -> None:
    prove(STACK, row, tmp_path, recording / f"{STACK}.json" if recording else None)


def test_oldest_project_is_brought_to_the_newest(tmp_path: Path) -> None:
    bring_on(STACK, OWNER, tmp_path)


def test_another_option_is_set_up_as_it_is_told_to(tmp_path: Path) -> None:
    change_an_option(STACK, OWNER, tmp_path)
