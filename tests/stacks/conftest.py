"""Which rows run: the default of each stack always; the others with --all-rows, or --record, which writes evidence.

All rows of two stacks take longer than CI has. What no evidence stands for is named in each run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from rows import due

if TYPE_CHECKING:
    from rows import Row

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-rows", action="store_true", help="run rows too for which evidence stands")
    parser.addoption(
        "--record", action="store_true", help="enter what was shown in docs/evidence (runs what is due of all rows)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all-rows") or config.getoption("--record"):
        return
    rows = {item: row for item in items if (row := _row(item)) is not None and not row.always}
    proven = [item for item, row in rows.items() if due(_stack(item), row) == frozenset()]
    unproven = [item for item in rows if item not in proven]
    items[:] = [item for item in items if item not in rows]
    config.hook.pytest_deselected(items=list(rows))
    config.stash[TOLD] = [
        *(f"evidence stands for {item.nodeid}: not run again" for item in proven),
        *(f"NOT PROVEN, run it with --all-rows: {item.nodeid}" for item in unproven),
    ]


TOLD: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    return config.stash.get(TOLD, [])


def _row(item: pytest.Item) -> Row | None:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("row") if callspec else None


def _stack(item: pytest.Item) -> str:
    return str(getattr(item, "callspec").params["stack"])  # noqa: B009 - items of other kinds have none


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the tool remembers of its releases out: on this machine it may have met others of the same names."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    # What stacks install and compile is of no version, and takes minutes to get again.
    monkeypatch.setenv("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR") or str(caches / "uv"))
    monkeypatch.setenv("GOCACHE", os.environ.get("GOCACHE") or str(caches / "go-build"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Path | None:
    """The folder of the evidence, if this run is to be recorded."""
    return EVIDENCE if request.config.getoption("--record") else None
