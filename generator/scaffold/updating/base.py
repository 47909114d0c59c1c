"""What a project was made from: source, version, answers, and what was rendered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scaffold import render_cache
from scaffold.errors import AnswersFileError, ScaffoldError, UnrecordedVersionError
from scaffold.project import MEND
from scaffold.questions.answers import check_answers
from scaffold.questions.catalog import load_catalog
from scaffold.questions.questionnaire import Questionnaire
from scaffold.source import recorded_version, unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.history.origins import Origin, Version
    from scaffold.history.store import Store
    from scaffold.project import Project


@dataclass(frozen=True, slots=True)
class Base:
    """What a project was made from.

    Attributes:
        origin: Source of the templates.
        version: The version that is recorded.
        answers: The answers that are recorded, complete.
        tree: What was rendered, in the store.
    """

    origin: Origin
    version: Version
    answers: Mapping[str, Any]
    tree: str


def render_base(project: Project, store: Store, template: str | None = None) -> Base:
    """Return what a project was made from, rendering it again if needed.

    Args:
        project: The project.
        store: Where renderings are kept.
        template: Where to look for the templates if the place that is recorded is not to be found.

    Raises:
        SourceNotFoundError: The source is not known on this machine.
        UnknownVersionError: The source does not have the version.
        UnrecordedVersionError: No version is recorded.
        AnswersFileError: The answers that are recorded do not make a project.
        BrokenTemplateError: The template itself is at fault.
        GitFailedError: Git refused.
    """
    if project.version is None:
        raise UnrecordedVersionError(project.root)
    origin, found = recorded_version(project, store, template)
    tree = render_cache.kept(store, origin, found, project.answers)
    if tree is not None:
        return Base(origin, found, project.answers, tree)
    questions = load_catalog(unpack(origin, found, store).root)
    questionnaire = Questionnaire(questions)
    try:
        given = check_answers(project.answers, questionnaire, where=str(project.answers_file))
        complete = questionnaire.complete(given)
    except ScaffoldError as error:
        if isinstance(error, AnswersFileError):
            raise
        raise AnswersFileError(project.answers_file, error.message, hint=error.hint or MEND) from error
    return Base(origin, found, complete, render_cache.tree(store, origin, found, complete))
