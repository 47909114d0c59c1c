from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import node_wheel
from rows import ROWS, Row, prove
from upgrade import Owner, bring_on, change_an_option

STACK = "express"
OWNER = Owner(
    "src/products/product.service.ts",
    "export function createProducts(",
    "// Ours: the warehouse knows the new ones first.",
    "package-lock.json",
)


@pytest.fixture(autouse=True)
def node(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the Node.js of the wheel before any other."""
    found = node_wheel.programs(tmp_path_factory.mktemp("bin"))
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, found), os.environ["PATH"]]))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_project_is_sound(row: Row, tmp_path: Path, recording: Path | None) -> None:
    prove(STACK, row, tmp_path, recording / f"{STACK}.json" if recording else None)


def test_oldest_project_is_brought_to_the_newest(tmp_path: Path) -> None:
    bring_on(STACK, OWNER, tmp_path)


def test_another_option_is_set_up_as_it_is_told_to(tmp_path: Path) -> None:
    change_an_option(STACK, OWNER, tmp_path)
