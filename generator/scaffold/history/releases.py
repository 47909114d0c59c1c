"""Template releases of a checkout, as a reproducible git bundle with a commit for each release.

The build of the package runs this before anything is installed, so it needs only git, packaging and the standard
library.
"""

from __future__ import annotations

import os
import tempfile
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.errors import NoHistoryError
from scaffold.history import versions
from scaffold.vcs.git import Git, isolated_git

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: What a release consists of: what is rendered, and the change log.
PARTS = ("copier.yml", "templates", "contract", "CHANGELOG.md")

#: Attributes that keep git from changing bytes of files.
AS_IT_IS = "* -text -filter -ident -working-tree-encoding -export-ignore -export-subst\n"

_MANIFEST = "pyproject.toml"
# `git cat-file --batch` reports an object that it has found in three words.
_FOUND = 3
# A fixed name and date: the history has the same bytes on every machine.
_NOBODY = {
    "GIT_AUTHOR_NAME": "scaffold",
    "GIT_AUTHOR_EMAIL": "scaffold@localhost.invalid",
    "GIT_AUTHOR_DATE": "2000-01-01T00:00:00+00:00",
    "GIT_COMMITTER_NAME": "scaffold",
    "GIT_COMMITTER_EMAIL": "scaffold@localhost.invalid",
    "GIT_COMMITTER_DATE": "2000-01-01T00:00:00+00:00",
}
# Makes packs reproducible.
_SAME_BYTES = ("pack.threads=1", "pack.compression=9", "core.compression=9", "pack.window=50", "pack.depth=50")
# The file that names further object folders of a repository.
_ALTERNATES = Path("made.git", "objects", "info", "alternates")
_NOT_TEMPLATES = (":(exclude,glob)**/__pycache__/**", ":(exclude,glob)**/*.py[co]", ":(exclude,glob)**/.DS_Store")


@dataclass(frozen=True, slots=True)
class Release:
    """A commit of the checkout that is a release."""

    version: str
    commit: str


def read(checkout: Path) -> tuple[Release, ...]:
    """Return the releases of a checkout, oldest first: the commits in which the version in its manifest changes.

    Raises:
        NoHistoryError: It is no repository of its own, or a shallow one.
        MissingToolError: There is no git.
    """
    git = _repository(checkout)
    commits = git.output(
        "read the history", "log", "--reverse", "--topo-order", "--format=%H", "HEAD", "--", _MANIFEST
    ).split()
    releases: dict[str, Release] = {}
    before: str | None = None
    for commit, manifest, listing in zip(
        commits, _contents(git, [f"{commit}:{_MANIFEST}" for commit in commits]), _listings(git, commits), strict=True
    ):
        version = _version(manifest)
        # The first version in the history was not a release, but what was worked towards.
        if listing and version and before not in {None, version}:
            releases.setdefault(version, Release(version, commit))
        before = version or before
    return tuple(releases.values())


def manifest_version(checkout: Path) -> str:
    """Return the version that the manifest of a checkout states."""
    return _version((checkout / _MANIFEST).read_bytes()) or "0"


def version_of(checkout: Path, store: Git, tree: str) -> str:
    """Return the version of the work tree of a checkout: its last release, or an unreleased version after it.

    Args:
        checkout: The checkout.
        store: The repository that the work tree was added to.
        tree: What it was added as.

    Raises:
        NoHistoryError: It is no repository of its own, or a shallow one.
    """
    git = _repository(checkout)
    releases = read(checkout)
    if not releases:
        return versions.unreleased(manifest_version(checkout), _count(git, "HEAD"), tree)
    last = releases[-1]
    if _listings(git, [last.commit]) == [store.output("read a tree", "ls-tree", tree)]:
        return last.version
    return versions.unreleased(last.version, _count(git, f"{last.commit}..HEAD"), tree)


def past(checkout: Path, tree: str) -> str | None:
    """Return the commit of a checkout whose templates are a tree, by the first digits of the tree's name.

    Raises:
        NoHistoryError: It is no repository of its own, or a shallow one.
    """
    git = _repository(checkout)
    with _beside(checkout) as ours:
        return next((commit for commit, made in _made(git, ours, "HEAD") if made.startswith(tree)), None)


def with_tree(repository: Git, tree: str) -> str | None:
    """Return a commit with a tree, by the first digits of its name, anywhere in a repository.

    Args:
        repository: A repository that may be written to.
        tree: The digits of the tree of a commit, or of the templates alone in one, which then gets a commit.

    Raises:
        GitFailedError: Git refused.
    """
    for line in repository.output("read the history", "log", "--all", "--format=%H %T").splitlines():
        commit, _, whole = line.partition(" ")
        if whole.startswith(tree):
            return commit
    for _, made in _made(repository, repository, "--all"):
        if made.startswith(tree):
            return repository.configured(**_NOBODY).output("make a commit", "commit-tree", made, "-m", "Templates")
    return None


def write_bundle(checkout: Path, bundle: Path, *commits: str, tip: bool = False) -> str | None:
    """Write the releases of a checkout into a bundle, each as a commit on the one before and as a tag.

    Args:
        checkout: The checkout.
        bundle: File to write.
        commits: More commits of the checkout, to go into it under their own names.
        tip: Whether the work tree as it stands comes last.

    Returns:
        The version of the tip, if it is wanted.

    Raises:
        NoHistoryError: It is no repository of its own, or a shallow one.
        GitFailedError: Git refused.
        MissingToolError: There is no git.
    """
    git = _repository(checkout)
    releases = read(checkout)
    named = [(f"v{release.version}", release.commit) for release in releases] + [(each, each) for each in commits]
    tip_version: str | None = None
    with _beside(checkout) as ours:
        trees = {
            name: ours.output("make a tree", "mktree", stdin=os.fsencode(listing + "\n"))
            for (name, _), listing in zip(named, _listings(git, [commit for _, commit in named]), strict=True)
        }
        if tip:
            tree = add(ours.configured(GIT_WORK_TREE=checkout, GIT_INDEX_FILE=ours.folder / "tip"), checkout)
            tip_version = version_of(checkout, ours, tree)
            trees.setdefault(f"v{tip_version}", tree)
        parent: str | None = None
        for name, tree in trees.items():
            follows = ("-p", parent) if parent else ()
            parent = ours.output("make a commit", "commit-tree", tree, *follows, "-m", name)
            ours.output("make a tag", "update-ref", f"refs/tags/{name}", parent)
        if trees:
            packing = ours.configured(*_SAME_BYTES)
            # The packs of the checkout differ from clone to clone: pack its objects anew.
            packing.output("pack the releases", "repack", "-a", "-d", "-f", "-F", "-q")
            (ours.folder / _ALTERNATES).unlink()
            packing.output("make a bundle", "bundle", "create", "--version=2", str(bundle), "--tags")
    return tip_version


def add(git: Git, root: Path) -> str:
    """Put the parts below a folder into a repository, as they stand, and return their tree.

    Args:
        git: The repository, with the folder as its work tree and an index for this.
        root: The folder.

    Raises:
        GitFailedError: Git refused.
    """
    parts = [part for part in PARTS if (root / part).exists()]
    git.output("add the templates", "add", "--all", "--", *parts, *_NOT_TEMPLATES)
    return git.output("make a tree", "write-tree")


def _repository(checkout: Path) -> Git:
    git = Git(checkout)
    said = git.run("rev-parse", "--show-toplevel", "--is-shallow-repository", "--verify", "HEAD")
    lines = os.fsdecode(said.stdout).splitlines()
    if said.returncode != 0 or Path(lines[0]).resolve() != checkout.resolve():
        raise NoHistoryError(f"{checkout} is not the root of a git repository with commits in it")
    if lines[1] == "true":
        raise NoHistoryError(
            f"{checkout} is a shallow clone, which does not hold the releases of its templates",
            hint="git fetch --unshallow",
        )
    return git


def _made(git: Git, ours: Git, revisions: str) -> Iterator[tuple[str, str]]:
    """Yield the commits that changed templates, and the tree of these alone, made in a repository of ours."""
    commits = git.output("read the history", "log", "--format=%H", revisions, "--", *PARTS).split()
    listings = {commit: listing for commit, listing in zip(commits, _listings(git, commits), strict=True) if listing}
    asked = "".join(f"{listing}\n\n" for listing in listings.values())
    trees = ours.output("make trees", "mktree", "--batch", stdin=os.fsencode(asked)).split()
    yield from zip(listings, trees, strict=True)


def _version(manifest: bytes) -> str | None:
    try:
        found = tomllib.loads(manifest.decode()).get("project", {}).get("version")
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None
    return found if isinstance(found, str) else None


def _count(git: Git, commits: str) -> int:
    return int(git.output("count commits", "rev-list", "--count", commits, "--", *PARTS))


def _contents(git: Git, names: Sequence[str]) -> Iterator[bytes]:
    said = git.run("cat-file", "--batch", stdin=os.fsencode("\n".join([*names, ""]))).stdout
    start = 0
    while start < len(said):
        end = said.index(b"\n", start)
        header = said[start:end].split()
        size = int(header[2]) if len(header) == _FOUND else 0
        yield said[end + 1 : end + 1 + size]
        start = end + 1 + size + (len(header) == _FOUND)


def _listings(git: Git, commits: Sequence[str]) -> list[str]:
    """Return the output of `git ls-tree` for the parts of each commit; empty if it has no templates."""
    asked = "".join(f"{commit}:{part}\n" for commit in commits for part in sorted(PARTS))
    answers = iter(git.output("read commits", "cat-file", "--batch-check", stdin=os.fsencode(asked)).splitlines())
    listings = []
    for _ in commits:
        entries = {}
        for part in sorted(PARTS):
            name, _, kind = next(answers).partition(" ")
            if kind.startswith(("blob", "tree")):
                mode = "040000 tree" if kind.startswith("tree") else "100644 blob"
                entries[part] = f"{mode} {name}\t{part}"
        listings.append("\n".join(entries.values()) if {"copier.yml", "templates"} <= set(entries) else "")
    return listings


@contextmanager
def _beside(checkout: Path) -> Iterator[Git]:
    """Yield a temporary repository that shares the objects of a checkout."""
    with tempfile.TemporaryDirectory(prefix="scaffold-") as name:
        folder = Path(name)
        git = isolated_git(folder).configured(GIT_DIR=folder / "made.git", **_NOBODY)
        git.output("make a repository", "init", "--quiet", "--bare")
        objects = Git(checkout).output(
            "find the objects", "rev-parse", "--path-format=absolute", "--git-path", "objects"
        )
        (folder / _ALTERNATES).write_text(f"{objects}\n", encoding="utf-8")
        (folder / "made.git" / "info" / "attributes").write_text(AS_IT_IS, encoding="utf-8")
        yield git
