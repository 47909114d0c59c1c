"""Renderings of versions of templates with given answers, kept as trees in the store."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from scaffold.errors import GitFailedError
from scaffold.files.staging import workspace
from scaffold.source import unpack

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scaffold.history.origins import Origin, Version
    from scaffold.history.store import Store

# Raised when the same templates and answers render differently.
_FORMAT = 2
# Packages whose other versions may render differently.
_RENDERERS = ("copier", "jinja2", "jinja2-ansible-filters")
_PLACE = "renderings"
# Renderings are used for two months, the current one included, and removed after three. In between they are neither, so
# that no process uses a rendering while another removes it.
_TAKEN_MONTHS, _KEPT_MONTHS = 2, 3


def kept(store: Store, origin: Origin, found: Version, answers: Mapping[str, Any]) -> str | None:
    """Return the tree of a rendering, if it is in the store."""
    name, (now, *before) = _name(origin, found, answers), _months(_TAKEN_MONTHS)
    made = store.tree(f"{_PLACE}/{now}/{name}")
    for month in before:
        if made is None and (made := store.tree(f"{_PLACE}/{month}/{name}")) is not None:
            store.keep(f"{_PLACE}/{now}/{name}", made)
    return made


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
    from scaffold.rendering import render  # noqa: PLC0415 - imports Copier, which is not needed if the rendering is kept

    with workspace(store.workspace()) as aside:
        made = aside / "project"
        render(unpack(origin, found, store), answers, made, aside)
        added = store.add_folder(made)
    store.keep(f"{_PLACE}/{_months(1)[0]}/{_name(origin, found, answers)}", added)
    prune(store)
    return added


def prune(store: Store) -> None:
    """Remove renderings that were not used for months; other processes may be at work meanwhile."""
    months = _months(_KEPT_MONTHS)
    old = [name for name in store.names(_PLACE) if name.partition("/")[0] not in months]
    if old:
        # Another process may be doing the same; the rest is removed next time.
        with suppress(GitFailedError):
            store.forget(f"{_PLACE}/{name}" for name in old)


def _name(origin: Origin, found: Version, answers: Mapping[str, Any]) -> str:
    from importlib.metadata import version  # noqa: PLC0415 - slow, and only needed here

    made_by = [_FORMAT, *map(version, _RENDERERS)]
    made_from = [found.tree, found.name, found.recorded, origin.name, dict(answers)]
    mark = json.dumps([made_by, made_from], sort_keys=True, default=str)
    return sha256(mark.encode(errors="surrogatepass")).hexdigest()[:32]


def _months(count: int) -> list[str]:
    """Return the names of this month and of those before it."""
    now = datetime.now(UTC)
    numbers = (now.year * 12 + now.month - 1 - back for back in range(count))
    return [f"{number // 12}-{number % 12 + 1:02}" for number in numbers]
