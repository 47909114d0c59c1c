"""Where templates come from: the package, a checkout of the tool, or what the user names with --template."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from scaffold import installation
from scaffold.errors import SourceNotFoundError, TemplateNotFoundError, UnknownVersionError, UsageError
from scaffold.git import missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.history.origins import Origin, Version
    from scaffold.history.store import Store
    from scaffold.project import Project

#: What is rendered, whatever else lies beside it.
PARTS = ("copier.yml", "templates", "contract")
#: What projects record that were made with the templates of the tool itself.
OWN = "scaffold"

_LOCAL = "local:"
# Out of reach for now is another matter.
_LOST = (SourceNotFoundError, TemplateNotFoundError, UnknownVersionError)
_WHAT_THEY_ARE = "templates are a folder with a copier.yml in it, or a git repository of such"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|[^/\\]+@[^/\\]+:|[a-z0-9][a-z0-9.-]+:", re.IGNORECASE)
_SHORT_FORMS = {
    "gh:": "https://github.com/",
    "gl:": "https://gitlab.com/",
    "git+https://": "https://",
    "git+ssh://": "ssh://",
}
# Before the @ stands a password, or a token without a name; ssh needs a name there, which is no secret.
_CREDENTIALS = re.compile(r"[a-z+.-]+://[^/@]*:[^/@]*@|https?://[^/@]*@", re.IGNORECASE)


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


def find(template: str | Path | None = None, version: str | None = None) -> Source:
    """Return the source to make something from.

    Args:
        template: URL or path named by the user; without it, or with `scaffold`, the templates that belong to this
            tool.
        version: The version wanted; without it what there is now.

    Raises:
        TemplateNotFoundError: There are no templates at that place.
        UnknownVersionError: There is no such version.
        MissingToolError: Git is needed and not there.
        GitFailedError: Git could not fetch them.
    """
    if version is not None:
        return at(origin(template), version)
    if template not in {None, OWN}:
        root = _path(template)
        if root is not None and (root / "copier.yml").is_file():
            return _as_it_stands(root)
        fork = origin(template)
        from scaffold.history.store import open_store  # noqa: PLC0415 - what is on disk already needs none

        return at(fork, fork.newest(open_store()))
    return Source(installation.own_templates(), OWN, installation.own_evidence(), _own_version)


def of_project(project: Project, template: str | Path | None = None) -> Source:
    """Return the templates that a project was made from; of the tool's own, those that there are now.

    Args:
        project: The project.
        template: Where to look for them if they are no more where the project says.

    Raises:
        SourceNotFoundError: They are not known on this machine.
        UnknownVersionError: They do not have the version.
        GitFailedError: Git could not fetch them.
    """
    if project.origin == OWN:
        return find()
    from scaffold.history.store import open_store  # noqa: PLC0415 - what is on disk already needs none

    store = open_store()
    if project.version is None:
        made_from = recorded(project.origin, template)
        return at(made_from, made_from.newest(store))
    return unpacked(*made_of(project, store, template), store)


def made_of(project: Project, store: Store, template: str | Path | None = None) -> tuple[Origin, Version]:
    """Return the version of the templates that a project records, as it records them.

    Args:
        project: The project.
        store: Where versions are kept.
        template: Where the same templates are, for when they are not to be had where the project says.

    Raises:
        SourceNotFoundError: They are not known on this machine.
        UnknownVersionError: They do not have the version.
        GitFailedError: Git could not fetch them.
    """
    version = str(project.version)
    try:
        made_from = recorded(project.origin)
        found = made_from.find(store, version)
    except _LOST as error:
        if template is None:
            raise
        try:
            made_from = origin(template)
            found = made_from.find(store, version)
        except _LOST:
            raise error from None
    # What was rendered says what the project says, be it a path and a commit that plain Copier wrote.
    as_written = None if version == f"v{found.name}" else version
    return replace(made_from, name=project.origin), replace(found, recorded=as_written)


def at(origin: Origin, version: str) -> Source:
    """Return a version of an origin, in the user's cache.

    Raises:
        UnknownVersionError: There is no such version.
        TemplateNotFoundError: What is there are no templates.
        MissingToolError: There is no git.
        GitFailedError: Git could not fetch it.
    """
    from scaffold.history.store import open_store  # noqa: PLC0415 - what is on disk already needs none

    store = open_store()
    return unpacked(origin, origin.find(store, version), store)


def unpacked(origin: Origin, found: Version, store: Store) -> Source:
    """Return a version that is in the store as a folder.

    Raises:
        TemplateNotFoundError: What is there are no templates.
        GitFailedError: Git refused.
    """
    root = store.folder(found.tree)
    if not (root / "copier.yml").is_file():
        message = f"there are no templates in {origin.name} {found.name}"
        raise TemplateNotFoundError(message, hint="templates are a copier.yml and what belongs to it")
    return Source(root, origin.name, root / "docs" / "evidence", lambda: found.name, found.recorded)


def origin(template: str | Path | None = None, *, recorded: bool = False) -> Origin:
    """Return the history of the source that a user means.

    Args:
        template: URL or path named by the user; without it, or with `scaffold`, the templates that belong to this
            tool.
        recorded: Whether a project has recorded it already, with whatever stands in it.

    Raises:
        TemplateNotFoundError: There are no templates at that place.
        UsageError: The URL holds a name or a password, or looks like an option.
    """
    from scaffold.history import origins  # noqa: PLC0415 - what only lists has no need of it

    if template in {None, OWN}:
        root, bundle = installation.own_templates(), installation.releases_bundle()
        if bundle.is_file():
            packaged = origins.Bundled(OWN, bundle)
            return origins.Origin(
                OWN, packaged, lambda _: installation.packaged_version() or installation.tool_version()
            )
        checkout = origins.ByManifest(OWN, root)
        return origins.Origin(OWN, checkout, checkout.now)
    place = _path(template)
    if place is None:
        url = _in_full(str(template))
        if _CREDENTIALS.match(url) and not recorded:
            message = "the URL of the templates holds a name or a password, which every project would record"
            raise UsageError(
                message, hint="leave out what stands before the @, and let git's credential helper know it"
            )
        return origins.Origin(url, origins.ByTag(url, url))
    holds = (place / "copier.yml").is_file()
    if not holds and place.is_dir() and shutil.which("git") is None:
        raise missing()
    if not holds and not (place.is_dir() and origins.is_repository(place)):
        raise TemplateNotFoundError(
            f"there is no template at {template}",
            hint=_WHAT_THEY_ARE,
        )
    folder = origins.ByTag(_remember(place), str(place))
    return origins.Origin(folder.name, folder, folder.now if holds else None)


def recorded(name: str, otherwise: str | Path | None = None) -> Origin:
    """Return the history of the source that a project records.

    Args:
        name: What it records.
        otherwise: Where to look for templates that are not where it says.

    Raises:
        SourceNotFoundError: It was a place on a machine, and on this one it is not known or no more there.
    """
    try:
        return _recorded(name)
    except _LOST:
        if otherwise is None:
            raise
        return origin(otherwise)


def _recorded(name: str) -> Origin:
    if name == OWN:
        return origin()
    if name.startswith(_LOCAL):
        from scaffold.history.store import open_store  # noqa: PLC0415

        place = open_store().place(name.removeprefix(_LOCAL))
        if place is None or not place.exists():
            where = "where that was is not known here" if place is None else f"{place} is no more"
            raise SourceNotFoundError(
                f"the project was made from a folder of templates ({name}), and {where}",
                hint="name the folder or its repository with --template",
            )
        return origin(place, recorded=True)
    # Plain Copier records where on its machine the templates lay.
    try:
        place = _path(name)
        here = bool(name) and (place is None or place.is_dir())
    except TemplateNotFoundError:
        here = False
    if here:
        return origin(name, recorded=True)
    raise SourceNotFoundError(
        f'the project was made from "{name}", which is not here' if name else "the project does not say what made it",
        hint="name the templates with --template",
    )


def _own_version() -> str | None:
    packaged = installation.packaged_version()
    if packaged is not None and "+" not in packaged:
        return packaged
    if shutil.which("git") is None:
        return packaged or installation.tool_version()
    from scaffold.history.store import open_store  # noqa: PLC0415

    store = open_store()
    newest = origin().newest(store)
    # The next package will not know what was never released: from here on the user's cache does.
    origin().find(store, newest)
    return newest


def _as_it_stands(root: Path) -> Source:
    def version() -> str | None:
        if shutil.which("git") is None:
            return None
        from scaffold.history.store import open_store  # noqa: PLC0415

        return origin(root).newest(open_store())

    return Source(root, _local_name(root), root / "docs" / "evidence", version)


def _local_name(root: Path) -> str:
    return _LOCAL + sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:12]


def _remember(root: Path) -> str:
    name = _local_name(root)
    if shutil.which("git"):
        from scaffold.history.store import open_store  # noqa: PLC0415

        open_store().remember_place(name.removeprefix(_LOCAL), root)
    return name


def _path(template: str | Path) -> Path | None:
    """Return the folder that is meant, or nothing where it is a URL.

    Raises:
        UsageError: Git would take it for an option.
        TemplateNotFoundError: There can be no such folder.
    """
    text = str(template)
    if text.startswith("-"):
        raise UsageError(f'templates cannot be at "{text}": it looks like an option', hint=f"a folder is ./{text}")
    try:
        if _URL.match(text) and not text.startswith("file://") and not Path(text).exists():
            return None
        plain = url2pathname(urlsplit(text).path) if text.startswith("file://") else text
        folder = Path(plain).expanduser().resolve()
        (folder / "copier.yml").exists()
    except (OSError, RuntimeError, ValueError) as error:
        # Nobody's home, a name that is too long, a folder that may not be read.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TemplateNotFoundError(f"there is no template at {template}: {reason}", hint=_WHAT_THEY_ARE) from error
    return folder


def _in_full(url: str) -> str:
    """Return the URL that git takes for one in a form that only Copier knows."""
    for short, full in _SHORT_FORMS.items():
        if url.startswith(short):
            return full + url.removeprefix(short)
    return url
