"""The programs that projects need."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "stacks"))
import toolchains

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _toolchains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put the Node.js and the Go of wheels before any other."""
    with toolchains.first_in_path(tmp_path_factory.mktemp("bin")):
        yield
