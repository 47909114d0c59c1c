"""The stacks there are, and what their stack.yml says."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from scaffold.questions.catalog import load_catalog
from scaffold.source import find_source

ROOT = Path(__file__).parents[1]
STACKS = tuple(choice.value for choice in load_catalog(find_source().root).stacks)


@cache
def described(stack: str) -> dict[str, Any]:
    """What the stack.yml of a stack says."""
    text = (ROOT / "templates" / stack / "stack.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)
    return found
