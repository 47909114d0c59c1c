"""The names of template versions: releases as 1.4.0, everything else as 1.4.0+3.t0123456789ab.

An unreleased version consists of the release before it, the number of commits since, and the first digits of its git
tree, by which it can be found again. It is valid by PEP 440 and by Semantic Versioning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from collections.abc import Iterable

#: How many digits of a tree's name stand in a version.
TREE_DIGITS = 12
# What `git describe` prints, and Copier itself records: a tag, the commits since, and the commit; or that alone.
_DESCRIBED = re.compile(r"(?P<tag>.+)-(?P<commits>\d+)-g(?P<commit>[0-9a-f]{4,64})")
_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_TREE = re.compile(rf"\+(?:\d+\.)?t([0-9a-f]{{{TREE_DIGITS}}})$")


def plain(version: str) -> str:
    """Return a version without the v that tags and answers files put before it."""
    return version.removeprefix("v")


def is_one(text: str) -> bool:
    """Tell whether a text names a version."""
    return _number(text) is not None


def unreleased(base: str, commits: int, tree: str) -> str:
    """Return the version of an unreleased tree."""
    return f"{base}+{commits}.t{tree[:TREE_DIGITS]}"


def tree_in(version: str) -> str | None:
    """Return the first digits of the tree that an unreleased version is named after."""
    found = _TREE.search(version)
    return found[1] if found else None


def commit_in(version: str) -> str | None:
    """Return the first digits of the commit that a version names, the way `git describe` does."""
    described = _DESCRIBED.fullmatch(version)
    if described is not None:
        return described["commit"]
    return version if _COMMIT.fullmatch(version) else None


def in_order(found: Iterable[str]) -> tuple[str, ...]:
    """Return versions from the oldest to the newest, leaving out texts that are none."""
    numbered = [(number, version) for version in found if (number := _number(version)) is not None]
    return tuple(version for _, version in sorted(numbered))


def newest(found: Iterable[str]) -> str | None:
    """Return the newest version; a pre-release only if there is nothing else."""
    ordered = in_order(found)
    finished = [version for version in ordered if not Version(version).is_prerelease]
    return next(reversed(finished or ordered), None)


def is_older(one: str, other: str) -> bool:
    """Tell whether a version comes before another; false if their names do not tell."""
    first, second = _number(one), _number(other)
    if first is None or second is None:
        return False
    return _rank(first) < _rank(second)


def _number(text: str) -> Version | None:
    if _COMMIT.fullmatch(text) and not text.isdecimal():
        # PEP 440 would read 4b37920 as the beta 37920 of a version 4.
        return None
    described = _DESCRIBED.fullmatch(text)
    if described is not None:
        text = f"{described['tag']}+{described['commits']}.g{described['commit']}"
    try:
        return Version(plain(text))
    except InvalidVersion:
        return None


def _rank(version: Version) -> tuple[Version, int]:
    # Two trees that follow a release at the same distance have no order.
    commits = re.match(r"\d+", version.local or "")
    return Version(version.public), int(commits[0]) if commits else 0
