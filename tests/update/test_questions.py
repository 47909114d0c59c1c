"""On a terminal `scaffold update` asks what is new in the questionnaire, and only that; nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.test_interactive import CTRL_C, CTRL_U, ENTER, Session
from tests.trees import snapshot
from tests.update.conftest import git
from tests.update.sources import QUESTIONS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke
    from tests.update.sources import Templates

SUGAR = """\
sugar:
  type: int
  help: How sweet
  default: 2
  validator: "{% if sugar > 9 %}it is too sweet{% endif %}"
"""


@pytest.fixture
def sweeter(project: Path, templates: Templates) -> Path:
    """A project whose next release asks something new."""
    (templates.root / "copier.yml").write_text(QUESTIONS + SUGAR)
    templates.write("sugar.txt.jinja", "{{ sugar }} lumps\n")
    templates.release("2.0.0")
    return project


def test_asks_what_is_new_and_nothing_else(sweeter: Path) -> None:
    with Session(["update", str(sweeter)]) as session:
        session.expect("How sweet")
        session.type(CTRL_U + "12" + ENTER)
        session.expect("it is too sweet")
        session.type(CTRL_U + "7" + ENTER)
        code, out = session.end()

    assert code == 0, session.shown
    assert out.startswith("Update the templates to v2.0.0")
    assert "size" not in session.shown
    assert (sweeter / "sugar.txt").read_text() == "7 lumps\n"
    assert "sugar: 7\n" in (sweeter / ".copier-answers.yml").read_text()
    assert git(sweeter, "status", "--porcelain") == ""


def test_cancelling_a_question_changes_nothing(sweeter: Path, invoke: Invoke) -> None:
    before = snapshot(sweeter), git(sweeter, "rev-parse", "HEAD")

    with Session(["update", str(sweeter)]) as session:
        session.expect("How sweet")
        session.type(CTRL_C)
        code, out = session.end()

    assert (code, out) == (130, "")
    assert "cancelled" in session.shown
    assert "Traceback" not in session.shown
    assert (snapshot(sweeter), git(sweeter, "rev-parse", "HEAD")) == before
    assert invoke("status", sweeter, "--json").envelope["result"]["under_way"] is None


@pytest.mark.parametrize(
    ("flags", "environment"),
    [(["--yes"], {}), (["--json"], {}), (["-d", "sugar=2"], {}), ([], {"CI": "true"})],
    ids=str,
)
def test_asks_nothing_when_told_so(flags: list[str], environment: dict[str, str], sweeter: Path) -> None:
    with Session(["update", str(sweeter), *flags], environment) as session:
        code, _ = session.end()

    assert code == 0, session.shown
    assert "How sweet" not in session.shown
    assert (sweeter / "sugar.txt").read_text() == "2 lumps\n"


def test_a_dry_run_asks_nothing(sweeter: Path) -> None:
    with Session(["update", str(sweeter), "--dry-run"]) as session:
        code, out = session.end()

    assert code == 0, session.shown
    assert "How sweet" not in session.shown
    assert "+ sugar.txt" in out
    assert not (sweeter / "sugar.txt").exists()
