"""A small source of templates to work on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scaffold import catalog as catalogs
from scaffold import source


@pytest.fixture
def small(tmp_path: Path) -> source.Source:
    """A source that a test may change."""
    origin = Path(__file__).parents[1] / "sources" / "small"
    return source.find(Path(shutil.copytree(origin, tmp_path / "small")))


@pytest.fixture
def catalog(small: source.Source) -> catalogs.Catalog:
    """The catalogue of the small source."""
    return catalogs.load(small)
