"""Tools are found wherever they are, in the newest version there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scaffold import toolchain

if TYPE_CHECKING:
    from pathlib import Path

    from scaffold.source import Source


def _program(path: Path, prints: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{prints}'\n")
    path.chmod(0o755)


@pytest.fixture
def tools(small: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/bin")
    (small.root / "templates" / "tea" / "toolchain.yml").write_text(f"""
tools:
  - name: Mill
    commands: [mill, mill-9]
    folders: ["{tmp_path}/opt/*/bin"]
    pattern: 'mill (\\d+(?:\\.\\d+)+)'
    at_least: "2.10"
    reason: mills
    install: {{ otherwise: buy a mill }}
""")
    return folder


def _mill(small: Source) -> toolchain.Tool:
    ((diagnosis,)) = toolchain.diagnose(small, "tea")
    return diagnosis.tools[0]


def test_missing(small: Source, tools: Path) -> None:
    assert tools.is_dir()
    assert _mill(small).state == "missing"
    assert _mill(small).install == "buy a mill"


def test_versions_are_compared_as_numbers(small: Source, tools: Path) -> None:
    _program(tools / "mill", "mill 2.9.9")
    assert _mill(small).state == "old"
    _program(tools / "mill", "mill 2.10")
    assert _mill(small).state == "ok"


def test_an_old_one_first_in_the_path_hides_nothing(small: Source, tools: Path) -> None:
    _program(tools / "mill", "mill 1.0")
    _program(tools.parent / "opt" / "mill-3" / "bin" / "mill", "mill 3.1")

    found = _mill(small)

    assert (found.state, found.found) == ("ok", "3.1")


def test_a_broken_program_is_as_good_as_none(small: Source, tools: Path) -> None:
    _program(tools / "mill", "segmentation fault")
    assert _mill(small).state == "missing"
