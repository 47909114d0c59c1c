"""Answers are completed and checked by the rules of copier.yml."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scaffold.errors import InvalidAnswerError, MissingAnswerError, ScaffoldError, WrongTypeError
from scaffold.questions.catalog import NO_DEFAULT, Question, load_catalog
from scaffold.questions.questionnaire import Questionnaire
from scaffold.source import find_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.questions.catalog import Catalog

REAL = Questionnaire(load_catalog(find_source().root))


@pytest.fixture
def questionnaire(catalog: Catalog) -> Questionnaire:
    return Questionnaire(catalog)


def test_defaults_answer_what_is_not_given(questionnaire: Questionnaire) -> None:
    assert questionnaire.complete({"stack": "tea", "project_name": "my-pot"}) == {
        "stack": "tea", "project_name": "my-pot", "owner": "The my-pot owners", "size": "small",
        "strength": 3, "extras": False, "leaf": "my_pot",
    }  # fmt: skip


def test_questions_of_other_stacks_are_left_out(questionnaire: Questionnaire) -> None:
    assert "leaf" not in questionnaire.complete({"stack": "coffee", "project_name": "pot"})


def test_derived_answers_follow_from_the_given(questionnaire: Questionnaire) -> None:
    derived = questionnaire.derive({"stack": "tea", "project_name": "pot", "extras": True})

    assert derived["shout"] == "POT!"
    assert derived["leaf"] == "pot"


def test_without_name_it_says_how_to_give_one(questionnaire: Questionnaire) -> None:
    with pytest.raises(MissingAnswerError) as caught:
        questionnaire.complete({"stack": "tea"})

    assert "scaffold new NAME" in caught.value.hint


@pytest.mark.parametrize("word", ["true", "True", "yes", "y", "on", "1", "T"])
def test_words_for_true(word: str, questionnaire: Questionnaire) -> None:
    assert questionnaire.parse("extras", word, where="") is True


@pytest.mark.parametrize("word", ["false", "No", "n", "off", "0", "F"])
def test_words_for_false(word: str, questionnaire: Questionnaire) -> None:
    assert questionnaire.parse("extras", word, where="") is False


@pytest.mark.parametrize(
    ("key", "value"),
    [("extras", "true"), ("extras", 1), ("strength", "3"), ("strength", True), ("strength", 1.5), ("owner", None)],
)
def test_data_is_not_guessed_at(key: str, value: Any, questionnaire: Questionnaire) -> None:
    with pytest.raises(WrongTypeError):
        questionnaire.check_type(key, value, where="")


def test_asks_only_what_is_not_given_and_checks_what_is_said(questionnaire: Questionnaire) -> None:
    asked: list[str] = []
    said = {"owner": "me", "size": "large", "strength": "5", "extras": True}

    def ask(question: Question, default: Any, check: Callable[[Any], str]) -> Any:
        asked.append(question.key)
        if question.key == "strength":
            assert check("9") == 'strength "9": nobody drinks that'
            assert "whole number" in check("much")
            assert default == 3
        assert not check(said[question.key])
        return said[question.key]

    answers = questionnaire.complete({"stack": "coffee", "project_name": "pot"}, ask)

    assert asked == ["owner", "size", "strength", "extras"]
    assert answers["strength"] == 5


def test_an_asked_question_without_default_has_none(questionnaire: Questionnaire) -> None:
    seen: dict[str, Any] = {}

    def ask(question: Question, default: Any, _check: Callable[[Any], str]) -> Any:
        seen[question.key] = default
        return {"stack": "coffee", "project_name": "pot"}.get(question.key, default)

    questionnaire.complete({}, ask)

    assert seen["project_name"] is NO_DEFAULT
    assert seen["owner"] == "The pot owners"


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_breaks_a_named_rule(name: str) -> None:
    try:
        answers = REAL.complete({"stack": "django", "project_name": name})
    except InvalidAnswerError as error:
        assert error.message.count(": ") >= 1
        assert error.message.rsplit(": ", 1)[1]
    else:
        assert answers["project_name"] == name
        assert name.isascii()
        assert name == name.lower().strip()
        assert answers["package_name"].isidentifier()


@given(st.sampled_from(["description", "author"]), st.text(max_size=250))
def test_any_text_is_fit_for_a_quoted_string_or_refused(key: str, text: str) -> None:
    try:
        REAL.complete({"stack": "django", "project_name": "shop", key: text})
    except ScaffoldError as error:
        assert error.exit_code == 2
    else:
        assert not set(text) & set('"\\\n\r\t\x00')
        assert text.strip()
