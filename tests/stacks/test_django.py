from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from rows import ROWS, Row, prove

STACK = "django"


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_project_is_sound(row: Row, tmp_path: Path, recording: Path | None) -> None:
    prove(STACK, row, tmp_path, recording / f"{STACK}.json" if recording else None)
