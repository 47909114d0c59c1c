"""Which rows run: the default of each stack always, others where nothing proves them as they are now."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from scaffold import catalog, evidence, source

EVIDENCE = Path(__file__).parents[2] / "docs" / "evidence"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all-rows", action="store_true", help="run rows too for which evidence stands")
    parser.addoption("--record", action="store_true", help="enter what was shown in docs/evidence (runs all rows)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all-rows") or config.getoption("--record"):
        return
    kept: list[pytest.Item] = []
    proven: list[pytest.Item] = []
    for item in items:
        callspec = getattr(item, "callspec", None)
        row = callspec.params.get("row") if callspec else None
        stands = row is not None and not row.always and _proven(str(getattr(item, "module").STACK), row.answers)  # noqa: B009
        (proven if stands else kept).append(item)
    items[:] = kept
    config.hook.pytest_deselected(items=proven)
    config.stash[PROVEN] = [item.nodeid for item in proven]


PROVEN: pytest.StashKey[list[str]] = pytest.StashKey()


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    return [f"evidence stands for {node}: not run again" for node in config.stash.get(PROVEN, [])]


def _proven(stack: str, answers: dict[str, object]) -> bool:
    templates = source.find()
    defaults = {question.key: question.default for question in catalog.load(templates).asked}
    return any(
        judged.state == "proven"
        and all(value == answers.get(key, defaults[key]) for key, value in judged.answers.items())
        for judged in evidence.judge(templates, stack)
    )


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the tool remembers of its releases out: on this machine it may have met others of the same names."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    monkeypatch.setenv("UV_CACHE_DIR", os.environ.get("UV_CACHE_DIR") or str(caches / "uv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def recording(request: pytest.FixtureRequest) -> Path | None:
    """The folder of the evidence, if this run is to be recorded."""
    return EVIDENCE if request.config.getoption("--record") else None
