"""Templates as a folder on disk, from which projects are rendered."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from scaffold import installation
from scaffold.errors import TemplateNotFoundError
from scaffold.history.addresses import LOST, OWN, folder_of, local_name, origin_at, recorded_origin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from scaffold.history.origins import Origin, Version
    from scaffold.history.store import Store
    from scaffold.project import Project

#: The parts of a source that rendering needs.
PARTS = ("copier.yml", "templates", "contract")


@dataclass(frozen=True)
class Source:
    """A set of templates on disk.

    Attributes:
        root: Folder of copier.yml.
        name: What a project records as its origin; never a path of this machine.
        evidence: Folder of the evidence that belongs to the source.
        recorded: How a project records the version, where that is not v and its name.
    """

    root: Path
    name: str
    evidence: Path
    _find_version: Callable[[], str | None] = field(repr=False, compare=False)
    recorded: str | None = None

    @cached_property
    def version(self) -> str | None:
        """Version of the templates, or nothing where there is no git to tell it."""
        return self._find_version()

    @property
    def record(self) -> dict[str, str]:
        """What the answers file of a project says about its origin."""
        recorded = {"_src_path": self.name}
        if self.version:
            recorded["_commit"] = self.recorded or f"v{self.version}"
        return recorded


def find_source(template: str | Path | None = None, version: str | None = None) -> Source:
    """Return the templates that a user names.

    Args:
        template: URL or path named by the user; without it, or with `scaffold`, the templates that belong to this
            tool.
        version: The version wanted; without it the current state.

    Raises:
        TemplateNotFoundError: There are no templates at that place.
        UnknownVersionError: There is no such version.
        MissingToolError: Git is needed and not there.
        GitFailedError: Git could not fetch them.
    """
    if version is not None:
        return source_at(origin_at(template), version)
    if template not in {None, OWN}:
        root = folder_of(template)
        if root is not None and (root / "copier.yml").is_file():
            return _as_it_stands(root)
        fork = origin_at(template)
        from scaffold.history.store import open_store  # noqa: PLC0415 - not needed for a folder

        return source_at(fork, fork.newest(open_store()))
    return Source(installation.own_templates(), OWN, installation.own_evidence(), _own_version)


def project_source(project: Project, template: str | Path | None = None) -> Source:
    """Return the templates that a project was made from; for the tool's own, the current ones.

    Args:
        project: The project.
        template: Where to look if they are not where the project says.

    Raises:
        SourceNotFoundError: They are not known on this machine.
        UnknownVersionError: They do not have the version.
        GitFailedError: Git could not fetch them.
    """
    if project.origin == OWN:
        return find_source()
    from scaffold.history.store import open_store  # noqa: PLC0415 - not needed for a folder

    store = open_store()
    if project.version is None:
        made_from = recorded_origin(project.origin, template)
        return source_at(made_from, made_from.newest(store))
    return unpack(*recorded_version(project, store, template), store)


def recorded_version(project: Project, store: Store, template: str | Path | None = None) -> tuple[Origin, Version]:
    """Return the origin and version of templates that a project records.

    Args:
        project: The project.
        store: Where versions are kept.
        template: Where to look if they are not where the project says.

    Raises:
        SourceNotFoundError: They are not known on this machine.
        UnknownVersionError: They do not have the version.
        GitFailedError: Git could not fetch them.
    """
    version = str(project.version)
    try:
        made_from = recorded_origin(project.origin)
        found = made_from.find(store, version)
    except LOST as error:
        if template is None:
            raise
        try:
            made_from = origin_at(template)
            found = made_from.find(store, version)
        except LOST:
            raise error from None
    # Render again exactly what the project records, even a path or a commit that Copier itself wrote.
    as_written = None if version == f"v{found.name}" else version
    return replace(made_from, name=project.origin), replace(found, recorded=as_written)


def source_at(origin: Origin, version: str) -> Source:
    """Return a version of an origin as a folder in the cache.

    Raises:
        UnknownVersionError: There is no such version.
        TemplateNotFoundError: It has no copier.yml.
        MissingToolError: There is no git.
        GitFailedError: Git could not fetch it.
    """
    from scaffold.history.store import open_store  # noqa: PLC0415 - not needed for a folder

    store = open_store()
    return unpack(origin, origin.find(store, version), store)


def unpack(origin: Origin, found: Version, store: Store) -> Source:
    """Return a version in the store as a folder.

    Raises:
        TemplateNotFoundError: It has no copier.yml.
        GitFailedError: Git refused.
    """
    root = store.folder(found.tree)
    if not (root / "copier.yml").is_file():
        message = f"there are no templates in {origin.name} {found.name}"
        raise TemplateNotFoundError(message, hint="templates are a copier.yml and what belongs to it")
    return Source(root, origin.name, root / "docs" / "evidence", lambda: found.name, found.recorded)


def _own_version() -> str | None:
    packaged = installation.packaged_version()
    if packaged is not None and "+" not in packaged:
        return packaged
    if shutil.which("git") is None:
        return packaged or installation.tool_version()
    from scaffold.history.store import open_store  # noqa: PLC0415

    store = open_store()
    newest = origin_at().newest(store)
    # Keep an unreleased version in the cache: the next package does not have it.
    origin_at().find(store, newest)
    return newest


def _as_it_stands(root: Path) -> Source:
    def version() -> str | None:
        if shutil.which("git") is None:
            return None
        from scaffold.history.store import open_store  # noqa: PLC0415

        return origin_at(root).newest(open_store())

    return Source(root, local_name(root), root / "docs" / "evidence", version)
