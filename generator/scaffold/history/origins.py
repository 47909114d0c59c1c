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
from scaffold.vcs.git import Git, last_words

if TYPE_CHECKING:
    from collections.abc import Callable

    from scaffold.history.store import Store


class Releases(Protocol):
    """Where the releases of an origin can be had."""

    def known(self) -> tuple[str, ...]:
        """Return the versions there are, from the oldest to the newest."""

    def bring(self, store: Store, version: str) -> None:
        """Put a version into the store, if there is such a one."""

    def contains(self, store: Store, version: str, older: str) -> bool:
        """Tell whether the history of a release holds that of another."""


@dataclass(frozen=True, slots=True)
class Origin:
    """One source of templates through time.

    Attributes:
        name: What a project records; never a path of this machine.
        releases: Its releases.
        now: Puts what the origin has now into the store and returns its version, where that is not simply the
            newest release.
    """

    name: str
    releases: Releases
    now: Callable[[Store], str] | None = None

    def newest(self, store: Store) -> str:
        """Return the version that a new project would be made with.

        Raises:
            UnknownVersionError: There is none.
            GitFailedError: Git refused.
        """
        newest = self.now(store) if self.now is not None else versions.newest(self.releases.known())
        if newest is None:
            raise UnknownVersionError(
                f"{self.name} has no release of its templates",
                hint="releases are tags such as v1.0.0; --version takes a branch or a commit as well",
            )
        return newest

    def newest_here(self, store: Store) -> str | None:
        """Return the newest release that was ever brought to this machine, for when the origin cannot be asked."""
        return versions.newest(versions.plain(name) for name in store.names(f"releases/{_key(self.name)}"))

    def find(self, store: Store, wanted: str) -> Version:
        """Return a version, in the store.

        Args:
            store: Where to look first and to put it.
            wanted: A version, or what else git knows in a repository of templates, such as a branch.

        Raises:
            UnknownVersionError: There is no such version.
            GitFailedError: Git refused.
        """
        version = versions.plain(wanted)
        if not version:
            # Git would take it for whatever there is now.
            raise self._unknown(wanted)
        place = f"releases/{_key(self.name)}/v{version}"
        digits = versions.tree_in(version)
        named = self._is_release(version)
        tree = store.tree_by_digits(digits) if digits else None
        if tree is None and digits and self.now is not None:
            self.now(store)
            tree = store.tree_by_digits(digits)
        if tree is None and named:
            tree = store.tree(place)
        if tree is None:
            self.releases.bring(store, version)
            tree = store.tree(place)
        if tree is None:
            raise self._unknown(wanted)
        if digits or not named:
            store.keep(f"tips/{tree}", tree)
        return Version(version if named else versions.unreleased("0", 0, tree), tree)

    def _is_release(self, version: str) -> bool:
        if versions.is_one(version) and versions.commit_in(version) == version:
            # Digits alone can be the time of a release as well as a commit.
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
        recorded: How a project records it where that is neither, as plain Copier does.
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
        """Return the versions there are, from the oldest to the newest."""
        heads = Git(self.bundle.parent).tell("read the releases", "bundle", "list-heads", str(self.bundle))
        names = (versions.plain(line.rpartition("/")[2]) for line in heads.splitlines())
        return versions.in_order(name for name in names if versions.tree_in(name) is None)

    def bring(self, store: Store, version: str) -> None:  # noqa: ARG002 - it is all or nothing
        """Put all versions into the store."""
        take_bundle(store, self.name, self.bundle)

    def contains(self, store: Store, version: str, older: str) -> bool:  # noqa: ARG002 - there is one line of releases
        """Tell whether the history of a release holds that of another: there is one line of them."""
        return True


@dataclass(frozen=True, slots=True)
class ByManifest:
    """Releases of a checkout of the tool: the commits that change the version in its manifest."""

    name: str
    checkout: Path

    def known(self) -> tuple[str, ...]:
        """Return the versions there are, from the oldest to the newest."""
        return versions.in_order(release.version for release in releases.read(self.checkout))

    def bring(self, store: Store, version: str) -> None:
        """Put a version into the store: all releases, or the unreleased one that is in the history."""
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

    def contains(self, store: Store, version: str, older: str) -> bool:  # noqa: ARG002 - there is one line of releases
        """Tell whether the history of a release holds that of another: there is one line of them."""
        return True

    def now(self, store: Store) -> str:
        """Put the work tree into the store as it stands, and name it."""
        tree = store.add(self.checkout)
        try:
            return releases.version_of(self.checkout, store.git, tree)
        except NoHistoryError:
            # An archive or a shallow clone can still make projects; only its past is not here.
            return versions.unreleased(releases.manifest_version(self.checkout), 0, tree)


@dataclass(frozen=True, slots=True)
class ByTag:
    """Releases of a fork: the tags of a git repository, here or elsewhere."""

    name: str
    place: str

    def known(self) -> tuple[str, ...]:
        """Return the versions there are, from the oldest to the newest."""
        return versions.in_order(versions.plain(tag) for tag in self._tags())

    def bring(self, store: Store, version: str) -> None:
        """Put a version into the store: a tag, what is in the history, or whatever else git fetches under that name."""
        if self._is_plain_folder:
            return
        tags = {versions.plain(tag): tag for tag in self._tags() if versions.is_one(tag)}
        wanted = f"refs/tags/{tags[version]}" if version in tags else version
        kept = f"refs/releases/{_key(self.name)}/v{version}"
        try:
            store.take(self.place, [f"+{wanted}:{kept}"], settings=_users_git())
        except GitFailedError:
            if version in tags:
                raise
            digits, tree = versions.commit_in(version), versions.tree_in(version)
            if digits or tree:
                self._bring_from_history(store, digits, tree, kept)

    def contains(self, store: Store, version: str, older: str) -> bool:
        """Tell whether the history of a release holds that of another; what is no release counts as held.

        A fork's repository can have tags of its upstream, whose releases lack what is the fork's own.
        """
        tags = {versions.plain(tag): tag for tag in self._tags()}
        if version not in tags or older not in tags:
            return True
        with tempfile.TemporaryDirectory(dir=store.workspace()) as folder:
            clone = Git(Path(folder)).having(GIT_DIR=Path(folder) / "clone.git")
            clone.tell("make a repository", "init", "--quiet", "--bare")
            wanted = [f"+refs/tags/{tags[name]}:refs/{place}" for name, place in ((version, "new"), (older, "old"))]
            # The commits are enough.
            fetch = ("fetch", "--quiet", "--no-tags", "--filter=tree:0", "--", self.place, *wanted)
            clone.tell(f"fetch from {self.place}", *fetch)
            return clone.ask("merge-base", "--is-ancestor", "refs/old", "refs/new").returncode == 0

    def _bring_from_history(self, store: Store, digits: str | None, tree: str | None, kept: str) -> None:
        """Put a commit into the store that only the first digits of its name or its tree are known of.

        No server is asked by these, so all of the history is fetched.
        """
        with tempfile.TemporaryDirectory(dir=store.workspace()) as folder:
            clone = Git(Path(folder)).having(GIT_DIR=Path(folder) / "clone.git")
            clone.tell("make a repository", "init", "--quiet", "--bare")
            # Not all that a forge keeps: its refs for requests can be more than the history.
            wanted = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
            clone.tell(f"fetch from {self.place}", "fetch", "--quiet", "--", self.place, *wanted)
            if digits is not None:
                said = clone.ask("rev-parse", "--verify", "--quiet", f"{digits}^{{commit}}")
                commit = os.fsdecode(said.stdout).strip() if said.returncode == 0 else None
            else:
                commit = releases.with_tree(clone, str(tree))
            if commit is not None:
                clone.tell("name a commit", "update-ref", "refs/wanted", commit)
                store.take(str(Path(folder) / "clone.git"), [f"+refs/wanted:{kept}"], settings=clone)

    def now(self, store: Store) -> str:
        """Put the folder into the store as it stands, and name it."""
        root = Path(self.place)
        tree = store.add(root)
        git = Git(root)
        nearest = git.ask("describe", "--tags", "--abbrev=0", "--match", "v[0-9]*", "--match", "[0-9]*")
        tag = os.fsdecode(nearest.stdout).strip()
        if not is_repository(root) or nearest.returncode != 0 or not versions.is_one(tag):
            return versions.unreleased("0", 0, tree)
        # Of several on one commit, git names whichever it likes.
        same = git.tell("read the tags", "tag", "--points-at", f"{tag}^{{commit}}").splitlines()
        tags = {versions.plain(each): each for each in same if versions.is_one(each)}
        tag = tags[versions.newest(tags) or versions.plain(tag)]
        released = git.tell("read a release", "ls-tree", tag, "--", *releases.PARTS)
        if released == store.git.tell("read a tree", "ls-tree", tree):
            return versions.plain(tag)
        commits = git.tell("count commits", "rev-list", "--count", f"{tag}..HEAD", "--", *releases.PARTS)
        return versions.unreleased(versions.plain(tag), int(commits), tree)

    @property
    def _is_plain_folder(self) -> bool:
        return Path(self.place).is_dir() and not is_repository(Path(self.place))

    def _tags(self) -> tuple[str, ...]:
        if self._is_plain_folder:
            return ()
        git = _users_git()
        done = git.ask("ls-remote", "--tags", "--refs", "--", self.place)
        if done.returncode != 0:
            raise UnreachedError(self.place, last_words(done))
        names = (line.partition("\t")[2] for line in os.fsdecode(done.stdout).splitlines())
        # A name with a slash is the release of something else in the same repository.
        return tuple(name.removeprefix("refs/tags/") for name in names)


def is_repository(folder: Path) -> bool:
    """Tell whether a folder is a git repository, or the root of one's work tree, and not only inside of one."""
    done = Git(folder).ask("rev-parse", "--is-bare-repository", "--absolute-git-dir")
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
    store.take(str(bundle), [f"+refs/tags/*:refs/releases/{_key(name)}/*"])


def _users_git() -> Git:
    """Return git with the user's settings, for places that are named in full."""
    try:
        return Git(Path.cwd())
    except FileNotFoundError:
        # The current folder was deleted, which is no reason not to go on elsewhere.
        return Git(Path(__file__).parent)


def _key(name: str) -> str:
    return name if name == "scaffold" else sha256(name.encode()).hexdigest()[:12]
