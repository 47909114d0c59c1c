"""docs/reference/ and the schemas of --json are made from the code; this fails where they were not made again."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types import ModuleType

DOCS = Path(__file__).parents[2] / "docs"


SCHEMAS = DOCS.parent / "generator" / "scaffold" / "schemas"


def _script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["commands.md", "options.md", "contract.md", "checks.md"])
def test_page_is_up_to_date(name: str) -> None:
    written = (DOCS / "reference" / name).read_text(encoding="utf-8")
    assert written == _script("make_reference").pages()[name], "run: python docs/make_reference.py"


def test_schemas_are_up_to_date() -> None:
    written = {path.name: path.read_text(encoding="utf-8") for path in SCHEMAS.iterdir()}
    assert written == _script("make_schemas").schemas(), "run: python docs/make_schemas.py"
