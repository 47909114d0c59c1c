"""A small source of templates to work on."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scaffold.questions.catalog import Catalog, load_catalog
from scaffold.source import Source, find_source


@pytest.fixture
def small(tmp_path: Path) -> Source:
    """A source that a test may change."""
    origin = Path(__file__).parents[1] / "sources" / "small"
    return find_source(Path(shutil.copytree(origin, tmp_path / "small")))


@pytest.fixture
def catalog(small: Source) -> Catalog:
    """The catalogue of the small source."""
    return load_catalog(small.root)
