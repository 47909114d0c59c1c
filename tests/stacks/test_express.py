from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import node_wheel
from rows import ROWS, Row, prove

STACK = "express"


@pytest.fixture(autouse=True)
def node(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the Node.js of the wheel before any other."""
    found = node_wheel.programs(tmp_path_factory.mktemp("bin"))
    monkeypatch.setenv("PATH", os.pathsep.join([*map(str, found), os.environ["PATH"]]))


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_project_is_sound(row: Row, tmp_path: Path, recording: Path | None) -> None:
    prove(STACK, row, tmp_path, recording / f"{STACK}.json" if recording else None)
