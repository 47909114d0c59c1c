"""A plan warns of the project's own files that use what an option takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.update.conftest import commit

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("from pot.extra.spice import pepper\n", True),
        ("from pot import extra\n", True),
        ("import { pepper } from '../extra/spice.ts';\n", True),
        ('import "./extra"\n', True),
        ("an extra lump of sugar\n", False),
        ("extraordinary/spice\n", False),
        ("my_extra.spice\n", False),
    ],
)
def test_own_files_that_name_a_folder_that_goes(line: str, told: bool, project: Path, invoke: Invoke) -> None:  # noqa: FBT001
    assert invoke("set", "extra=true", "--project", project).code == 0
    (project / "mine [1].txt").write_text(f"first\n{line}")
    commit(project)

    planned = invoke("set", "extra=false", "--project", project, "--dry-run", "--json").envelope["result"]
    shown = invoke("set", "extra=false", "--project", project)

    warning = "mine [1].txt names extra/, which is removed"
    assert planned["by_hand"] == ([warning] if told else [])
    assert shown.code == 0
    assert (f"  {warning}\n" in shown.out) == told


def test_files_of_the_template_are_its_own_affair(project: Path, invoke: Invoke) -> None:
    assert invoke("set", "extra=true", "--project", project).code == 0
    (project / "letter.txt").write_text("see extra/spice.txt\n")
    commit(project)

    planned = invoke("set", "extra=false", "--project", project, "--dry-run", "--json").envelope["result"]

    assert planned["by_hand"] == []


def test_in_a_subfolder_of_the_repository(project: Path, work: Path, invoke: Invoke) -> None:
    assert invoke("set", "extra=true", "--project", project).code == 0
    whole = work / "whole"
    whole.mkdir()
    (project / ".git").rename(whole / ".git")
    project.rename(whole / "pot")
    (whole / "pot/mine.py").write_text("from pot import extra\n")
    commit(whole)

    planned = invoke("set", "extra=false", "--project", whole / "pot", "--dry-run", "--json").envelope["result"]

    assert planned["by_hand"] == ["mine.py names extra/, which is removed"]
