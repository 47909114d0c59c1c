"""Finds the checks: each module of `checks` is a group."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.conformance import checks
from scaffold.conformance.registry import registered

if TYPE_CHECKING:
    from scaffold.conformance.registry import Check

CHECKS = Path(checks.__path__[0])
"""The folder of the groups."""


def load_checks() -> tuple[Check, ...]:
    """Import all groups, and return their checks."""
    for module in pkgutil.iter_modules(checks.__path__):
        importlib.import_module(f"{checks.__name__}.{module.name}")
    return registered()
