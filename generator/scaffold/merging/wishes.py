"""What a project is to become: another version of its templates, or other answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaffold import answers as answer_files
from scaffold import catalog as catalogs
from scaffold import source as sources
from scaffold.errors import AnswerError, ChangedStackError, DowngradeError, ForeignReleaseError, UnknownVersionError
from scaffold.history import versions
from scaffold.questionnaire import Questionnaire

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from scaffold.drift import Base
    from scaffold.history.origins import Origin, Version
    from scaffold.history.store import Store
    from scaffold.questionnaire import Ask


@dataclass(frozen=True, slots=True)
class Wish:
    """What a project is to become.

    Attributes:
        title: What it is, as the subject of a commit.
        origin: Source of the templates.
        version: Version of the templates.
        answers: Answers to all questions that apply.
        moves: Whether the templates are others, whose versions say nothing of those of the project.
    """

    title: str
    origin: Origin
    version: Version
    answers: Mapping[str, Any]
    moves: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """Where an update is to lead.

    Attributes:
        to: The version wanted; the newest without it.
        template: The source of the new version; the project's own without it.
        otherwise: Where the project's own is, for when it is no more where the project says.
        pairs: Answers to questions of the new version, as KEY=VALUE.
        ask: Asks the questions that are new.
    """

    to: str | None
    template: str | None = None
    otherwise: str | None = None
    pairs: Sequence[str] = ()
    ask: Ask | None = None


def update(base: Base, store: Store, target: Target) -> Wish:
    """Work out what an update wants.

    Args:
        base: What the project was made from.
        store: Where versions are kept.
        target: Where it is to lead.

    Raises:
        DowngradeError: The newest version is older than the project's.
        ForeignReleaseError: The newest version does not go on from the project's.
        UnknownVersionError: There is no such version.
        UsageError: An answer does not fit the new version.
        ChangedStackError: Another stack is wanted.
    """
    origin = where_from(base.origin.name, target.template, target.otherwise)
    version = origin.find(store, target.to if target.to is not None else origin.newest(store))
    moves = target.template is not None and not goes_on(origin, store, base)
    if target.to is None and not moves and versions.is_older(version.name, base.version.name):
        raise DowngradeError(base.version.name, version.name)
    if target.to is None and not moves and not origin.releases.contains(store, version.name, base.version.name):
        raise ForeignReleaseError(origin.name, version.name, base.version.name)
    questions = catalogs.load(sources.unpacked(origin, version, store))
    questionnaire = Questionnaire(questions)
    given = answer_files.from_pairs(target.pairs, questionnaire)
    known = {question.key for question in questions.asked}
    kept = {key: value for key, value in base.answers.items() if key in known and key not in given}
    try:
        answers = questionnaire.complete(given, target.ask, kept)
    except AnswerError as error:
        if error.key in kept:
            error.hint = "; ".join(filter(None, [f"answer it anew with -d {error.key}=…", error.hint]))
        raise
    _same_stack(base, answers)
    title = f"Update the templates to v{version.name}" + (f" of {origin.name}" if moves else "")
    return Wish(title, origin, version, answers, moves)


def where_from(recorded: str, template: str | None, otherwise: str | None) -> Origin:
    """Return where an update gets its version from.

    Args:
        recorded: The source that the project records.
        template: Another one that the project is to move to.
        otherwise: Where to look for templates that are not where the project says.

    Raises:
        SourceNotFoundError: It is not known on this machine.
    """
    return sources.origin(template) if template is not None else sources.recorded(recorded, otherwise)


def goes_on(origin: Origin, store: Store, base: Base) -> bool:
    """Tell whether an origin goes on with what a project was made from, or has other templates under its versions.

    Raises:
        GitFailedError: Git could not fetch it.
    """
    if origin.name == base.origin.name:
        return True
    if versions.tree_in(base.version.name):
        # It was never released, and is found here whatever it belongs to.
        return False
    try:
        return origin.find(store, base.version.name).tree == base.version.tree
    except UnknownVersionError:
        return False


def change(base: Base, store: Store, pairs: Sequence[str]) -> Wish:
    """Work out what other answers want.

    Args:
        base: What the project was made from.
        store: Where versions are kept.
        pairs: The answers, as KEY=VALUE.

    Raises:
        UsageError: There is no such option, or it cannot have that value.
        ChangedStackError: Another stack is wanted.
    """
    questionnaire = Questionnaire(catalogs.load(sources.unpacked(base.origin, base.version, store)))
    given = answer_files.from_pairs(pairs, questionnaire, option="")
    _same_stack(base, given)
    try:
        # What was only the default of other answers is so again: a project made with these would have it.
        answers = questionnaire.complete(given, None, questionnaire.chosen(base.answers))
    except AnswerError as error:
        if error.key not in given:
            error.hint = f"set {error.key}=… as well"
        raise
    return Wish(f"Set {' '.join(pairs)}", base.origin, base.version, answers)


def _same_stack(base: Base, answers: Mapping[str, Any]) -> None:
    before = base.answers.get("stack")
    if answers.get("stack", before) != before:
        raise ChangedStackError(
            f'the stack of a project cannot be changed (from "{before}" to "{answers["stack"]}")',
            hint="make a new project of the other stack beside it",
        )
