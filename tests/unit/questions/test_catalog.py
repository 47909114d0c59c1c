"""The questionnaire is read as Copier reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from copier._template import load_template_config

from scaffold.errors import BrokenTemplateError
from scaffold.questions.catalog import NO_DEFAULT, load_catalog
from scaffold.source import find_source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.questions.catalog import Catalog
    from scaffold.source import Source


@pytest.mark.parametrize("which", ["small", "real"])
def test_reads_what_copier_reads(which: str, small: Source) -> None:
    templates = small if which == "small" else find_source()
    theirs: dict[str, Any] = dict(load_template_config(templates.root / "copier.yml"))
    ours = load_catalog(templates.root)

    assert {question.key for question in ours.questions} == {key for key in theirs if not key.startswith("_")}
    assert _sorted(ours.settings) == _sorted({key: value for key, value in theirs.items() if key.startswith("_")})


def _sorted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Copier takes included files in the order of the file system."""
    return {key: sorted(value) if isinstance(value, list) else value for key, value in settings.items()}


def test_questions_come_in_the_order_they_are_asked(catalog: Catalog) -> None:
    assert [question.key for question in catalog.asked] == [
        "stack", "project_name", "owner", "size", "strength", "extras", "leaf",
    ]  # fmt: skip


def test_a_question_knows_its_values(catalog: Catalog) -> None:
    assert catalog["size"].values == ("small", "large")
    assert catalog["extras"].values == ("true", "false")
    assert catalog["owner"].values == ()
    assert catalog["project_name"].default is NO_DEFAULT


def test_a_derived_question_is_not_asked(catalog: Catalog) -> None:
    assert catalog["shout"].derived
    assert "shout" in catalog
    assert catalog["shout"] not in catalog.asked


def test_an_unknown_question_is_a_key_error(catalog: Catalog) -> None:
    with pytest.raises(KeyError):
        catalog["milk"]


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.yml"])
def test_nothing_outside_the_source_is_included(path: str, small: Source) -> None:
    (small.root.parent / "outside.yml").write_text("milk: {type: str}\n")
    (small.root / "copier.yml").write_text(f"--- !include {path}\n")

    with pytest.raises(BrokenTemplateError):
        load_catalog(small.root)


def test_a_question_in_short_form_has_a_type(small: Source) -> None:
    (small.root / "copier.yml").write_text("stack: tea\nproject_name: pot\na: 1\nb: true\nd: [x]\n")

    types = [question.type for question in load_catalog(small.root).questions]
    assert types == ["str", "str", "int", "bool", "yaml"]


@pytest.mark.parametrize("missing", ["stack", "project_name"])
def test_what_every_command_speaks_of_has_to_be_asked(missing: str, small: Source) -> None:
    questions = {"stack": "stack: tea\n", "project_name": "project_name: pot\n"}
    del questions[missing]
    (small.root / "copier.yml").write_text("".join(questions.values()))

    with pytest.raises(BrokenTemplateError, match=f'there is no question "{missing}"'):
        load_catalog(small.root)


@pytest.mark.parametrize("kind", ["multiselect", "secret"])
def test_kinds_of_questions_that_are_not_asked(kind: str, small: Source) -> None:
    with (small.root / "copier.yml").open("a") as file:
        file.write(f"---\nflavour:\n  type: str\n  {kind}: true\n")

    with pytest.raises(BrokenTemplateError, match=f"flavour: {kind} questions are not supported"):
        load_catalog(small.root)
