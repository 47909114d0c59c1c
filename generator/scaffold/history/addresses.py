"""Resolves how users and projects refer to templates: a URL, a folder, or the tool's own."""

from __future__ import annotations

import re
import shutil
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import url2pathname

from scaffold.errors import SourceNotFoundError, TemplateNotFoundError, UnknownVersionError, UsageError
from scaffold.installation import own_templates, packaged_version, releases_bundle, tool_version
from scaffold.vcs.git import missing

if TYPE_CHECKING:
    from scaffold.history.origins import Origin

#: How projects record the tool's own templates.
OWN = "scaffold"
#: Templates or a version do not exist (any more); a network failure is another error.
LOST = (SourceNotFoundError, TemplateNotFoundError, UnknownVersionError)

_LOCAL = "local:"
_WHAT_THEY_ARE = "templates are a folder with a copier.yml in it, or a git repository of such"
_URL = re.compile(r"[a-z][a-z0-9+.-]*://|[^/\\]+@[^/\\]+:|[a-z0-9][a-z0-9.-]+:", re.IGNORECASE)
_SHORT_FORMS = {
    "gh:": "https://github.com/",
    "gl:": "https://gitlab.com/",
    "git+https://": "https://",
    "git+ssh://": "ssh://",
}
# A password, or a token, before the @; the user name that ssh needs there is no secret.
_CREDENTIALS = re.compile(r"[a-z+.-]+://[^/@]*:[^/@]*@|https?://[^/@]*@", re.IGNORECASE)


def origin_at(template: str | Path | None = None, *, recorded: bool = False) -> Origin:
    """Return the origin that a user names.

    Args:
        template: URL or path named by the user; without it, or with `scaffold`, the templates that belong to this
            tool.
        recorded: Whether a project records it, so that a password in it is accepted.

    Raises:
        TemplateNotFoundError: There are no templates at that place.
        UsageError: The URL holds a name or a password, or looks like an option.
    """
    from scaffold.history import origins  # noqa: PLC0415 - `list` does not need it

    if template in {None, OWN}:
        root, bundle = own_templates(), releases_bundle()
        if bundle.is_file():
            packaged = origins.Bundled(OWN, bundle)
            return origins.Origin(OWN, packaged, lambda _: packaged_version() or tool_version())
        checkout = origins.ByManifest(OWN, root)
        return origins.Origin(OWN, checkout, checkout.current)
    place = folder_of(template)
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
    return origins.Origin(folder.name, folder, folder.current if holds else None)


def recorded_origin(name: str, otherwise: str | Path | None = None) -> Origin:
    """Return the origin that a project records.

    Args:
        name: What it records.
        otherwise: Where to look for templates that are not where it says.

    Raises:
        SourceNotFoundError: It was a folder that is unknown on this machine, or removed.
    """
    try:
        return _recorded(name)
    except LOST:
        if otherwise is None:
            raise
        return origin_at(otherwise)


def _recorded(name: str) -> Origin:
    if name == OWN:
        return origin_at()
    if name.startswith(_LOCAL):
        from scaffold.history.store import open_store  # noqa: PLC0415

        place = open_store().place(name.removeprefix(_LOCAL))
        if place is None or not place.exists():
            where = "that folder is not known on this machine" if place is None else f"{place} does not exist any more"
            raise SourceNotFoundError(
                f"the project was made from a folder of templates ({name}), and {where}",
                hint="name the folder or its repository with --template",
            )
        return origin_at(place, recorded=True)
    # Copier itself records the local path of the templates.
    try:
        place = folder_of(name)
        here = bool(name) and (place is None or place.is_dir())
    except TemplateNotFoundError:
        here = False
    if here:
        return origin_at(name, recorded=True)
    raise SourceNotFoundError(
        f'the project was made from "{name}", which is not on this machine'
        if name
        else "the project does not record its templates",
        hint="name the templates with --template",
    )


def local_name(root: Path) -> str:
    """Return how projects record a folder of templates, without its path."""
    return _LOCAL + sha256(str(root).encode(errors="surrogateescape")).hexdigest()[:12]


def _remember(root: Path) -> str:
    name = local_name(root)
    if shutil.which("git"):
        from scaffold.history.store import open_store  # noqa: PLC0415

        open_store().remember_place(name.removeprefix(_LOCAL), root)
    return name


def folder_of(template: str | Path) -> Path | None:
    """Return the folder that is named, or nothing if it is a URL.

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
        # An unknown user after ~, a name that is too long, a folder that cannot be read.
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TemplateNotFoundError(f"there is no template at {template}: {reason}", hint=_WHAT_THEY_ARE) from error
    return folder


def _in_full(url: str) -> str:
    """Expand the short forms of URLs that Copier knows, such as gh:owner/name."""
    for short, full in _SHORT_FORMS.items():
        if url.startswith(short):
            return full + url.removeprefix(short)
    return url
