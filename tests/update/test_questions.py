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


def test_asks_again_what_the_new_version_does_not_take(project: Path, templates: Templates) -> None:
    questions = QUESTIONS.replace(
        "choices: [small, large]", "help: How big\n  validator: \"{{ 'too short' if size == 'small' }}\""
    )
    (templates.root / "copier.yml").write_text(questions)
    templates.release("2.0.0")

    with Session(["update", str(project)]) as session:
        session.expect("How big")
        session.type(ENTER)
        session.expect("too short")
        session.type(CTRL_U + "huge" + ENTER)
        code, out = session.end()

    assert code == 0, session.shown
    assert "answers: size=huge (was small)" in out
    assert "size: huge\n" in (project / ".copier-answers.yml").read_text()


def test_the_plan_tells_which_answers_come_and_go(project: Path, templates: Templates, invoke: Invoke) -> None:
    gone = QUESTIONS.replace("size:\n  type: str\n  default: small\n  choices: [small, large]\n", "")
    (templates.root / "copier.yml").write_text(gone + SUGAR)
    templates.release("2.0.0")

    shown = invoke("update", project, "--dry-run")

    assert "answers: sugar=2 (new), size is no more (was small)" in shown.out


KINDS = """\
strength:
  type: int
  choices: [1, 2, 3]
  default: 2
extras:
  type: json
  default: {"milk": null}
"""


def test_enter_takes_the_default_of_every_kind(project: Path, templates: Templates) -> None:
    (templates.root / "copier.yml").write_text(QUESTIONS + KINDS)
    templates.write("strength.txt.jinja", "{{ strength + 1 }} {{ extras.milk is none }}\n")
    templates.release("2.0.0")

    with Session(["update", str(project)]) as session:
        session.expect("strength")
        session.type(ENTER)
        session.expect("extras")
        session.type(ENTER)
        code, _ = session.end()

    assert code == 0, session.shown
    assert (project / "strength.txt").read_text() == "3 True\n"


def test_a_yes_or_no_that_breaks_its_rule(project: Path, templates: Templates) -> None:
    rule = "validator: \"{{ 'small ones need it' if not tea else '' }}\""
    (templates.root / "copier.yml").write_text(f"{QUESTIONS}tea:\n  type: bool\n  default: true\n  {rule}\n")
    templates.release("2.0.0")

    with Session(["update", str(project)]) as session:
        session.expect("tea")
        session.type("n")
        code, out = session.end()

    assert (code, out) == (2, "")
    assert "error[invalid-answer]" in session.shown
    assert "small ones need it" in session.shown
