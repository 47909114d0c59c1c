"""What versions of templates render with given answers, kept as trees in the user's cache."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from scaffold import source as sources
from scaffold.publishing import workspace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.history.origins import Origin, Version
    from scaffold.history.store import Store

# Rises when rendering the same templates with the same answers would make something else.
_FORMAT = 1


def kept(store: Store, origin: Origin, found: Version, answers: Mapping[str, Any]) -> str | None:
    """Return the tree of a rendering that is in the store already."""
    return store.tree(_name(origin, found, answers))


def tree(store: Store, origin: Origin, found: Version, answers: Mapping[str, Any]) -> str:
    """Return the tree, in the store, of the project that answers make.

    Args:
        store: Where it is kept.
        origin: Source of the templates.
        found: Version of the templates.
        answers: Answers to all questions that apply.

    Raises:
        BrokenTemplateError: The template itself is at fault.
        WriteFailedError: The system refused to write.
        GitFailedError: Git refused.
    """
    made_before = kept(store, origin, found, answers)
    if made_before is not None:
        return made_before
    from scaffold.rendering import render  # noqa: PLC0415 - imports Copier, which what is kept need not wait for

    with workspace(store.workspace()) as aside:
        made = aside / "project"
        render(sources.unpacked(origin, found, store), answers, made, aside)
        added = store.add_folder(made)
    store.keep(_name(origin, found, answers), added)
    return added


def _name(origin: Origin, found: Version, answers: Mapping[str, Any]) -> str:
    mark = json.dumps([_FORMAT, found.tree, found.name, origin.name, dict(answers)], sort_keys=True, default=str)
    return f"renderings/{sha256(mark.encode(errors='surrogatepass')).hexdigest()[:32]}"
