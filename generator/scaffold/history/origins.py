"""The places that template releases come from: the package, a checkout of the tool, a repository or folder of a fork."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scaffold.errors import GitFailedError, NoHistoryError, UnknownVersionError, UnreachedError
from scaffold.history import releases, versions
from scaffold.vcs.git import Git, failure_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.history.store import Store


class Releases(Protocol):
    """Where the releases of an origin can be had."""

    def known(self) -> tuple[str, ...]:
        """Return the versions that exist, from the oldest to the newest."""

    def fetch(self, store: Store, version: str) -> None:
        """Put a version into the store, if it exists."""

    def contains(self, store: Store, version: str, older: str) -> bool:
        """Tell whether one release has another in its history."""


@dataclass(frozen=True, slots=True)
class Origin:
    """A source of templates, with its versions.

    Attributes:
        name: What a project records; never a path of this machine.
        releases: Its releases.
        current: Puts the current state of the origin into the store and returns its version; without it, that is the
            newest release.
    """

    name: str
    releases: Releases
    current: Callable[[Store], str] | None = None

    def newest(self, store: Store) -> str:
        """Return the version that a new project would be made with.

        Raises:
            UnknownVersionError: There is none.
            GitFailedError: Git refused.
        """
        newest = self.current(store) if self.current is not None else versions.newest(self.releases.known())
        if newest is None:
            raise UnknownVersionError(
                f"{self.name} has no release of its templates",
                hint="releases are tags such as v1.0.0; --version takes a branch or a commit as well",
            )
        return newest

    def newest_cached(self, store: Store) -> str | None:
        """Return the newest release in the store, for when the origin cannot be reached."""
        return versions.newest(versions.plain(name) for name in store.names(f"releases/{_key(self.name)}"))

    def find(self, store: Store, wanted: str) -> Version:
        """Return a version, in the store.

        Args:
            store: Where to look first and to put it.
            wanted: A version, or another name in git, such as a branch.

        Raises:
            UnknownVersionError: There is no such version.
            GitFailedError: Git refused.
        """
        version = versions.plain(wanted)
        if not version:
            # Git would take an empty name for HEAD.
            raise self._unknown(wanted)
        place = f"releases/{_key(self.name)}/v{version}"
        digits = versions.tree_in(version)
        named = self._is_release(version)
        tree = store.tree_by_digits(digits) if digits else None
        if tree is None and digits and self.current is not None:
            self.current(store)
            tree = store.tree_by_digits(digits)
        if tree is None and named:
            tree = store.tree(place)
        if tree is None:
            self.releases.fetch(store, version)
            tree = store.tree(place)
        if tree is None:
            raise self._unknown(wanted)
        if digits or not named:
            store.keep(f"tips/{tree}", tree)
        return Version(version if named else versions.unreleased("0", 0, tree), tree)

    def _is_release(self, version: str) -> bool:
        if versions.is_one(version) and versions.commit_in(version) == version:
            # Digits alone can be a calendar version as well as a commit.
            with suppress(UnreachedError):
                return version in self.releases.known()
        return versions.is_one(version)

    def _unknown(self, version: str) -> UnknownVersionError:
        if versions.tree_in(version):
            return UnknownVersionError(
                f"{self.name} has no version {version} here: it was never released",
                hint="update on the machine that the project was made on, or name what it was made from: --template",
            )
        known = self.releases.known()
        return UnknownVersionError(
            f"{self.name} has no version {version}",
            hint=f"versions: {', '.join(known[-5:])}" if known else "it has no releases",
        )


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an origin's templates.

    Attributes:
        name: What a project records, without the v.
        tree: The templates, in the store.
        recorded: How a project records it, if not as v and the name (Copier itself does otherwise).
    """

    name: str
    tree: str
    recorded: str | None = None


@dataclass(frozen=True, slots=True)
class Bundled:
    """Releases in the bundle that the package holds."""

    name: str
    bundle: Path

    def known(self) -> tuple[str, ...]:
        """Return the versions that exist, from the oldest to the newest."""
        heads = Git(self.bundle.parent).output("read the releases", "bundle", "list-heads", str(self.bundle))
        names = (versions.plain(line.rpartition("/")[2]) for line in heads.splitlines())
        return versions.in_order(name for name in names if versions.tree_in(name) is None)

    def fetch(self, store: Store, version: str) -> None:  # noqa: ARG002 - a bundle is fetched as a whole
        """Put all versions into the store."""
        take_bundle(store, self.name, self.bundle)

    def contains(self, store: Store, version: str, older: str) -> bool:  # noqa: ARG002 - they are linear
        """Tell whether one release has another in its history: releases of the tool are linear."""
        return True


@dataclass(frozen=True, slots=True)
class ByManifest:
    """Releases of a checkout of the tool: the commits that change the version in its manifest."""

    name: str
    checkout: Path

    def known(self) -> tuple[str, ...]:
        """Return the versions that exist, from the oldest to the newest."""
        return versions.in_order(release.version for release in releases.read(self.checkout))

    def fetch(self, store: Store, version: str) -> None:
        """Put all releases into the store, or an unreleased version that is in the history."""
        digits = versions.tree_in(version)
        commit = releases.past(self.checkout, digits) if digits else None
        if digits and commit is None:
            return
        bundle = store.workspace() / f"releases-{os.getpid()}.bundle"
        try:
            releases.write_bundle(self.checkout, bundle, *([commit] if commit else []))
            if bundle.exists():
                take_bundle(store, self.name, bundle)
        finally:
            bundle.unlink(missing_ok=True)
        if commit is not None and (found := store.tree(f"releases/{_key(self.name)}/{commit}")):
            store.keep(f"releases/{_key(self.name)}/v{version}", found)

    def contains(self, store: Store, version: str, older: str) -> bool:  # noqa: ARG002 - they are linear
        """Tell whether one release has another in its history: releases of the tool are linear."""
        return True

    def current(self, store: Store) -> str:
        """Put the current work tree into the store, and return its version."""
        tree = store.add(self.checkout)
        try:
            return releases.version_of(self.checkout, store.git, tree)
        except NoHistoryError:
            # An archive or a shallow clone lacks the history, but can still make projects.
            return versions.unreleased(releases.manifest_version(self.checkout), 0, tree)


@dataclass(frozen=True, slots=True)
class ByTag:
    """Releases of a fork: the tags of a git repository, here or elsewhere."""

    name: str
    place: str

    def known(self) -> tuple[str, ...]:
        """Return the versions that exist, from the oldest to the newest."""
        return versions.in_order(versions.plain(tag) for tag in self._tags())

    def fetch(self, store: Store, version: str) -> None:
        """Put a version into the store: a tag, a commit of the history, or another name that git can fetch."""
        if self._is_plain_folder:
            return
        tags = {versions.plain(tag): tag for tag in self._tags() if versions.is_one(tag)}
        wanted = f"refs/tags/{tags[version]}" if version in tags else version
        kept = f"refs/releases/{_key(self.name)}/v{version}"
        try:
            store.fetch(self.place, [f"+{wanted}:{kept}"], settings=_users_git())
        except GitFailedError:
            if version in tags:
                raise
            digits, tree = versions.commit_in(version), versions.tree_in(version)
            if digits or tree:
                self._fetch_from_history(store, digits, tree, kept)

    def contains(self, store: Store, version: str, older: str) -> bool:
        """Tell whether one release has another in its history; true for versions that are not released.

        The repository of a fork can have tags of its upstream, which lack the fork's own commits.
        """
        tags = {versions.plain(tag): tag for tag in self._tags()}
        if version not in tags or older not in tags:
            return True
        with tempfile.TemporaryDirectory(dir=store.workspace()) as folder:
            clone = Git(Path(folder)).configured(GIT_DIR=Path(folder) / "clone.git")
            clone.output("make a repository", "init", "--quiet", "--bare")
            wanted = [f"+refs/tags/{tags[name]}:refs/{place}" for name, place in ((version, "new"), (older, "old"))]
            # Commits are enough, without their trees.
            fetch = ("fetch", "--quiet", "--no-tags", "--filter=tree:0", "--", self.place, *wanted)
            clone.output(f"fetch from {self.place}", *fetch)
            return clone.run("merge-base", "--is-ancestor", "refs/old", "refs/new").returncode == 0

    def _fetch_from_history(self, store: Store, digits: str | None, tree: str | None, kept: str) -> None:
        """Put a commit into the store by the first digits of its name or of its tree.

        Servers cannot look these up, so the whole history is fetched.
        """
        with tempfile.TemporaryDirectory(dir=store.workspace()) as folder:
            clone = Git(Path(folder)).configured(GIT_DIR=Path(folder) / "clone.git")
            clone.output("make a repository", "init", "--quiet", "--bare")
            # Not the refs of pull requests, which can outnumber the history.
            wanted = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            clone.output(f"fetch from {self.place}", "fetch", "--quiet", "--", self.place, *wanted)
            if digits is not None:
                said = clone.run("rev-parse", "--verify", "--quiet", f"{digits}^{{commit}}")
                commit = os.fsdecode(said.stdout).strip() if said.returncode == 0 else None
            else:
                commit = releases.with_tree(clone, str(tree))
            if commit is not None:
                clone.output("name a commit", "update-ref", "refs/wanted", commit)
                store.fetch(str(Path(folder) / "clone.git"), [f"+refs/wanted:{kept}"], settings=clone)

    def current(self, store: Store) -> str:
        """Put the current content of the folder into the store, and return its version."""
        root = Path(self.place)
        tree = store.add(root)
        git = Git(root)
        nearest = git.run("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "--match", "[0-9]*")
        tag = os.fsdecode(nearest.stdout).strip()
        if not is_repository(root) or nearest.returncode != 0 or not versions.is_one(tag):
            return versions.unreleased("0", 0, tree)
        # Of several tags on one commit, `git describe` picks any.
        same = git.output("read the tags", "tag", "--points-at", f"{tag}^{{commit}}").splitlines()
        tags = {versions.plain(each): each for each in same if versions.is_one(each)}
        tag = tags[versions.newest(tags) or versions.plain(tag)]
        released = git.output("read a release", "ls-tree", tag, "--", *releases.PARTS)
        if released == store.git.output("read a tree", "ls-tree", tree):
            return versions.plain(tag)
        commits = git.output("count commits", "rev-list", "--count", f"{tag}..HEAD", "--", *releases.PARTS)
        return versions.unreleased(versions.plain(tag), int(commits), tree)

    @property
    def _is_plain_folder(self) -> bool:
        return Path(self.place).is_dir() and not is_repository(Path(self.place))

    def _tags(self) -> tuple[str, ...]:
        if self._is_plain_folder:
            return ()
        git = _users_git()
        done = git.run("ls-remote", "--tags", "--refs", "--", self.place)
        if done.returncode != 0:
            raise UnreachedError(self.place, failure_reason(done))
        names = (line.partition("\t")[2] for line in os.fsdecode(done.stdout).splitlines())
        # A tag with a slash is a release of something else in the same repository.
        return tuple(name.removeprefix("refs/tags/") for name in names)


def is_repository(folder: Path) -> bool:
    """Tell whether a folder is a git repository or the root of a work tree, and not just inside one."""
    done = Git(folder).run("rev-parse", "--is-bare-repository", "--absolute-git-dir")
    if done.returncode != 0:
        return False
    bare, _, place = os.fsdecode(done.stdout).strip().partition("\n")
    if bare == "true":
        return Path(place).resolve() == folder.resolve()
    return (folder / ".git").exists()


def take_bundle(store: Store, name: str, bundle: Path) -> None:
    """Put every release of a bundle into the store, under the name of its origin.

    Raises:
        GitFailedError: Git refused.
    """
    store.fetch(str(bundle), [f"+refs/tags/*:refs/releases/{_key(name)}/*"])


def _users_git() -> Git:
    """Return git with the user's settings, for absolute paths and URLs."""
    try:
        return Git(Path.cwd())
    except FileNotFoundError:
        # The current folder was deleted; any other will do.
        return Git(Path(__file__).parent)


def _key(name: str) -> str:
    return name if name == "scaffold" else sha256(name.encode()).hexdigest()[:12]
