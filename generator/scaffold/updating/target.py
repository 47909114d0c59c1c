"""What a project is to become: another version of its templates, or other answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaffold.errors import AnswerError, ChangedStackError, DowngradeError, ForeignReleaseError, UnknownVersionError
from scaffold.history import versions
from scaffold.history.addresses import origin_at, recorded_origin
from scaffold.questions.answers import answers_from_pairs
from scaffold.questions.catalog import load_catalog
from scaffold.questions.questionnaire import Questionnaire
from scaffold.source import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scaffold.history.origins import Origin, Version
    from scaffold.history.store import Store
    from scaffold.questions.questionnaire import Ask
    from scaffold.updating.base import Base


@dataclass(frozen=True, slots=True)
class Target:
    """What a project is to become.

    Attributes:
        title: What it is, as the subject of a commit.
        origin: Source of the templates.
        version: Version of the templates.
        answers: Answers to all questions that apply.
        moves: Whether these are other templates, so that versions cannot be compared.
    """

    title: str
    origin: Origin
    version: Version
    answers: Mapping[str, Any]
    moves: bool = False


@dataclass(frozen=True, slots=True)
class UpdateRequest:
    """What a user asks of an update.

    Attributes:
        to: The version wanted; the newest without it.
        template: The source of the new version; the project's own without it.
        otherwise: Where to look for the project's own if it is not where the project says.
        pairs: Answers to questions of the new version, as KEY=VALUE.
        ask: Asks the questions that are new.
    """

    to: str | None
    template: str | None = None
    otherwise: str | None = None
    pairs: Sequence[str] = ()
    ask: Ask | None = None


def update_target(base: Base, store: Store, request: UpdateRequest) -> Target:
    """Return the target of an update.

    Args:
        base: What the project was made from.
        store: Where versions are kept.
        request: What the user asks for.

    Raises:
        DowngradeError: The newest version is older than the project's.
        ForeignReleaseError: The newest version does not have the project's in its history.
        UnknownVersionError: There is no such version.
        UsageError: An answer does not fit the new version.
        ChangedStackError: Another stack is wanted.
    """
    origin = update_origin(base.origin.name, request.template, request.otherwise)
    version = origin.find(store, request.to if request.to is not None else origin.newest(store))
    moves = request.template is not None and not has_same_templates(origin, store, base)
    if request.to is None and not moves and versions.is_older(version.name, base.version.name):
        raise DowngradeError(base.version.name, version.name)
    if request.to is None and not moves and not origin.releases.contains(store, version.name, base.version.name):
        raise ForeignReleaseError(origin.name, version.name, base.version.name)
    questions = load_catalog(unpack(origin, version, store).root)
    questionnaire = Questionnaire(questions)
    given = answers_from_pairs(request.pairs, questionnaire)
    known = {question.key for question in questions.asked}
    kept = {key: value for key, value in base.answers.items() if key in known and key not in given}
    try:
        answers = questionnaire.complete(given, request.ask, kept)
    except AnswerError as error:
        if error.key in kept:
            error.hint = "; ".join(filter(None, [f"answer it anew with -d {error.key}=…", error.hint]))
        raise
    _same_stack(base, answers)
    title = f"Update the templates to v{version.name}" + (f" of {origin.name}" if moves else "")
    return Target(title, origin, version, answers, moves)


def update_origin(recorded: str, template: str | None, otherwise: str | None) -> Origin:
    """Return the origin that an update gets its version from.

    Args:
        recorded: The source that the project records.
        template: Another one that the project is to move to.
        otherwise: Where to look for templates that are not where the project says.

    Raises:
        SourceNotFoundError: It is not known on this machine.
    """
    return origin_at(template) if template is not None else recorded_origin(recorded, otherwise)


def has_same_templates(origin: Origin, store: Store, base: Base) -> bool:
    """Tell whether an origin has the version that a project was made from, with the same templates.

    Raises:
        GitFailedError: Git could not fetch it.
    """
    if origin.name == base.origin.name:
        return True
    if versions.tree_in(base.version.name):
        # An unreleased version is found in the store, whatever its origin.
        return False
    try:
        return origin.find(store, base.version.name).tree == base.version.tree
    except UnknownVersionError:
        return False


def changed_target(base: Base, store: Store, pairs: Sequence[str]) -> Target:
    """Return the target of a change of answers.

    Args:
        base: What the project was made from.
        store: Where versions are kept.
        pairs: The answers, as KEY=VALUE.

    Raises:
        UsageError: There is no such option, or it cannot have that value.
        ChangedStackError: Another stack is wanted.
    """
    questionnaire = Questionnaire(load_catalog(unpack(base.origin, base.version, store).root))
    given = answers_from_pairs(pairs, questionnaire, option="")
    _same_stack(base, given)
    try:
        # Answers that were only defaults take the new defaults, as in a project made with these answers.
        answers = questionnaire.complete(given, None, questionnaire.chosen(base.answers))
    except AnswerError as error:
        if error.key not in given:
            error.hint = f"set {error.key}=… as well"
        raise
    return Target(f"Set {' '.join(pairs)}", base.origin, base.version, answers)


def _same_stack(base: Base, answers: Mapping[str, Any]) -> None:
    before = base.answers.get("stack")
    if answers.get("stack", before) != before:
        raise ChangedStackError(
            f'the stack of a project cannot be changed (from "{before}" to "{answers["stack"]}")',
            hint="make a new project of the other stack beside it",
        )
