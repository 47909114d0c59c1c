"""`scaffold explain`: template, answers and contract of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke


@pytest.fixture
def pot(work: Path, small: Path, invoke: Invoke) -> Path:
    assert invoke("new", "pot", "-s", "tea", "-d", "extras=true", "-d", "size=large", "--template", small).code == 0
    return work / "pot"


@pytest.fixture
def explain(pot: Path, small: Path, invoke: Invoke) -> Any:
    def explain(file: str) -> dict[str, Any]:
        outcome = invoke("explain", pot / file, "--template", small, "--json")
        assert outcome.code == 0, outcome.out
        result: dict[str, Any] = outcome.envelope["result"]
        return result

    return explain


def test_a_rendered_file(explain: Any) -> None:
    result = explain("README.md")

    assert result["template"] == "templates/tea/README.md.jinja"
    assert result["rendered"] is True
    assert result["parts"] == ["templates/shared/contract.jinja"]
    assert result["contract"] == ["contract/steps.yaml"], "only what the imported name is made of"
    # `shout` is derived from the name and the extras; the steps depend on the extras as well.
    assert result["options"] == {"extras": True, "owner": "The pot owners", "project_name": "pot"}
    assert result["condition"] == []


def test_a_copied_file(explain: Any) -> None:
    result = explain("plain.txt")

    assert result["rendered"] is False
    assert result["options"] == {}


def test_a_file_that_an_option_brings(explain: Any) -> None:
    assert explain("extras/biscuits.txt")["condition"] == ["extras"]
    assert set(explain("jug.txt")["condition"]) == {"size", "stack"}


def test_a_file_whose_name_is_an_answer(explain: Any) -> None:
    result = explain("pot/thanks.txt")

    assert result["template"] == "templates/tea/{{ leaf }}/thanks.txt.jinja"
    assert result["contract"] == ["contract/words.yaml"]
    assert result["options"] == {"leaf": "pot"}


def test_every_file_of_a_project_is_explained(pot: Path, explain: Any) -> None:
    files = [path.relative_to(pot) for path in pot.rglob("*") if path.is_file()]
    explained = [explain(str(file))["path"] for file in files if file.parts[0] != ".git"]

    assert len(explained) == 8


def test_text_says_the_same(pot: Path, small: Path, invoke: Invoke) -> None:
    out = invoke("explain", pot / "README.md", "--template", small).out

    assert out.startswith("README.md is rendered from templates/tea/README.md.jinja\n")
    assert "from the contract: contract/steps.yaml" in out
    assert "by the answers: extras=true, owner=The pot owners, project_name=pot" in out


def test_a_file_of_the_user_is_not_from_a_template(pot: Path, small: Path, invoke: Invoke) -> None:
    (pot / "mine.txt").touch()

    outcome = invoke("explain", pot / "mine.txt", "--template", small)

    assert outcome.code == 1
    assert "error[not-from-template]: mine.txt does not come from a template" in outcome.err


def test_a_project_of_a_fork_is_explained_by_it(
    pot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Invoke
) -> None:
    known = invoke("explain", pot / "README.md")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    unknown = invoke("explain", pot / "README.md")

    assert (known.code, unknown.code) == (0, 1)
    assert "README.md is rendered from templates/tea/README.md.jinja" in known.out
    assert "error[source-not-found]" in unknown.err
    assert "--template" in unknown.err
