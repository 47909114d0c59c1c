"""The stacks there are, and what their stack.yml says."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from scaffold.history.addresses import origin_at
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


@cache
def oldest_releases() -> dict[str, str]:
    """The stacks that have been released, each with the oldest release that has it: only of those are there old projects."""
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", folder)
        for version in origin_at().releases.known():
            for choice in load_catalog(find_source(version=version).root).stacks:
                found.setdefault(choice.value, version)
    return found
