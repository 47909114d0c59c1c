"""The cache of templates: a bare repository and a few folders in the user's cache folder.

It keeps every version that a project on this machine was made from, so that the project can be updated from it.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.errors import CacheUnusableError, GitFailedError, WriteFailedError
from scaffold.files.locks import lock
from scaffold.files.signals import defer_interrupts
from scaffold.history import releases
from scaffold.vcs.git import Git, isolated_git

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

_MONTH_SECONDS = 30 * 24 * 3600
_DAY_SECONDS = 24 * 3600


@dataclass(frozen=True, slots=True)
class Store:
    """The cache: git trees of templates and of renderings."""

    root: Path

    @property
    def git(self) -> Git:
        """The repository."""
        hint = f"if this happens again, remove {self.root}: it is a cache, and is made again"
        return isolated_git(self.root, hint=hint).configured("gc.auto=0", GIT_DIR=self.root / "templates.git")

    @property
    def objects(self) -> Path:
        """Where the repository keeps its objects."""
        return self.root / "templates.git" / "objects"

    def workspace(self) -> Path:
        """Return a folder for temporary files, after removing what is older than a day.

        Raises:
            CacheUnusableError: It cannot be written.
        """
        place = self._subfolder("work")
        _sweep(place, _DAY_SECONDS)
        return place

    def tree(self, name: str) -> str | None:
        """Return the tree that is kept under a name."""
        done = self.git.run("rev-parse", "--verify", "--quiet", f"refs/{name}^{{tree}}")
        return os.fsdecode(done.stdout).strip() if done.returncode == 0 else None

    def tree_by_digits(self, digits: str) -> str | None:
        """Return the unreleased tree whose name begins with some digits."""
        found = self.git.output("find a tree", "for-each-ref", "--format=%(objectname)", f"refs/tips/{digits}*").split()
        return found[0] if found else None

    def names(self, folder: str) -> list[str]:
        """Return the names of kept trees that begin with a folder."""
        listed = self.git.output("list what is kept", "for-each-ref", "--format=%(refname)", f"refs/{folder}/")
        return [name.removeprefix(f"refs/{folder}/") for name in listed.splitlines()]

    def keep(self, name: str, tree: str) -> None:
        """Keep a tree under a name."""
        self.git.output("keep a tree", "update-ref", f"refs/{name}", tree)

    def forget(self, names: Iterable[str]) -> None:
        """Remove names, and prune old objects that no other name refers to.

        Raises:
            GitFailedError: Git refused.
        """
        given = "".join(f"delete refs/{name}\n" for name in names)
        self.git.output("forget trees", "update-ref", "--stdin", stdin=os.fsencode(given))
        # Recent objects may belong to a process that has not named them yet.
        with self._exclusively():
            self.git.output("free room", "prune", f"--expire={_MONTH_SECONDS}.seconds.ago")

    def text(self, name: str, tree: str) -> str | None:
        """Return a file of a tree as text, if there is one."""
        done = self.git.run("cat-file", "blob", f"{tree}:{name}")
        return done.stdout.decode(errors="replace") if done.returncode == 0 else None

    def fetch(self, place: str, names: Sequence[str], *, settings: Git | None = None) -> None:
        """Fetch from another repository or a bundle.

        Args:
            place: Path or URL.
            names: What to fetch, as git's refspecs.
            settings: Git with the user's settings, for places that need them.

        Raises:
            CacheUnusableError: What is here already is damaged.
            GitFailedError: Git refused.
        """
        git = self.git if settings is None else settings.configured("gc.auto=0", GIT_DIR=self.root / "templates.git")
        shallow = () if settings is None else ("--depth=1",)
        try:
            with self._exclusively():
                git.output(f"fetch from {place}", "fetch", "--quiet", "--no-tags", *shallow, "--", place, *names)
        except GitFailedError as error:
            ours = self.root / "templates.git"
            if str(ours) not in error.output:
                raise
            # Our own repository is at fault, not the other one.
            raise CacheUnusableError(ours, error.output, cache=self.root) from error

    def add(self, root: Path) -> str:
        """Add the current templates of a folder, and return their tree.

        Raises:
            WriteFailedError: The cache cannot be written.
        """
        # Reuse the last index, so that git does not read unchanged files again.
        mark = f"{root}\0{[part for part in releases.PARTS if (root / part).exists()]}"
        kept = self.root / "indexes" / sha256(mark.encode(errors="surrogateescape")).hexdigest()[:12]
        with tempfile.TemporaryDirectory(dir=self.workspace()) as folder:
            index = Path(folder) / "index"
            with suppress(OSError):
                # Keep its time, which git compares with those of the files.
                shutil.copy2(kept, index)
            try:
                with self._shared():
                    tree = releases.add(self.git.configured(GIT_WORK_TREE=root, GIT_INDEX_FILE=index), root)
            except GitFailedError as error:
                raise WriteFailedError(self.root, error.output) from error
            with suppress(OSError):
                kept.parent.mkdir(exist_ok=True)
                index.replace(kept)
        self.keep(f"tips/{tree}", tree)
        return tree

    def add_folder(self, folder: Path) -> str:
        """Add a whole folder, and return its tree.

        Raises:
            GitFailedError: Git refused.
        """
        with tempfile.TemporaryDirectory(dir=self.workspace()) as beside:
            git = self.git.configured(GIT_WORK_TREE=folder, GIT_INDEX_FILE=Path(beside) / "index")
            with self._shared():
                git.output("add a rendering", "add", "--all", "--force", "--", ".")
                return git.output("make a tree", "write-tree")

    def folder(self, tree: str) -> Path:
        """Return a folder with the content of a tree.

        Raises:
            CacheUnusableError: It cannot be written.
            GitFailedError: Git refused.
        """
        trees = self._subfolder("trees")
        place = trees / tree
        # A damaged folder would make damaged projects.
        if place.is_dir() and self.add_folder(place) == tree:
            with suppress(OSError):
                os.utime(place)
            return place
        _sweep(trees, _MONTH_SECONDS)
        with tempfile.TemporaryDirectory(dir=self.workspace()) as beside:
            made = Path(beside) / tree
            made.mkdir()
            self.write(tree, made)
            with suppress(OSError):
                place.rename(Path(beside) / "damaged")
            # Another process may have done the same.
            with suppress(OSError):
                made.rename(place)
        if not place.is_dir():
            raise CacheUnusableError(place, "no folder can be put there", cache=self.root)
        return place

    def write(self, tree: str, folder: Path) -> None:
        """Write a tree into an empty folder, byte for byte.

        Raises:
            GitFailedError: Git refused.
        """
        with tempfile.TemporaryDirectory(dir=self.workspace()) as beside:
            git = self.git.configured(GIT_WORK_TREE=folder, GIT_INDEX_FILE=Path(beside) / "index")
            git.output("read a tree", "read-tree", tree)
            git.output("write a tree", "checkout-index", "--all")

    def remember_place(self, mark: str, place: Path) -> None:
        """Remember the folder of templates that projects record by a digest.

        Raises:
            CacheUnusableError: It cannot be written.
        """
        noted = self._subfolder("places") / mark
        try:
            _write(noted, os.fsencode(place))
        except OSError as error:
            raise CacheUnusableError(noted, error.strerror or str(error), cache=self.root) from error

    def place(self, mark: str) -> Path | None:
        """Return the folder of templates that projects record by a digest."""
        try:
            place = Path(os.fsdecode((self.root / "places" / mark).read_bytes()))
        except OSError:
            return None
        # A truncated file is no absolute path.
        return place if place.is_absolute() else None

    def _subfolder(self, name: str) -> Path:
        """Return a folder of the cache, made if needed."""
        place = self.root / name
        try:
            place.mkdir(exist_ok=True)
        except OSError as error:
            raise CacheUnusableError(place, error.strerror or str(error), cache=self.root) from error
        if not os.access(place, os.W_OK | os.X_OK):
            raise CacheUnusableError(place, "it is not writable", cache=self.root)
        return place

    def _exclusively(self) -> AbstractContextManager[None]:
        """Keep out all other writers: git fails if two processes fetch or prune at once."""
        return self._locked(exclusive=True)

    def _shared(self) -> AbstractContextManager[None]:
        """Allow other processes to add as well, but not to fetch or prune."""
        return self._locked(exclusive=False)

    @contextmanager
    def _locked(self, *, exclusive: bool) -> Iterator[None]:
        place = self.root / "lock"
        try:
            file = place.open("w")
        except OSError as error:
            raise CacheUnusableError(place, error.strerror or str(error), cache=self.root) from error
        with file:
            lock(file, exclusive=exclusive)
            yield


def open_store() -> Store:
    """Return the store of this user; a temporary one if the user's cache cannot be written.

    Raises:
        MissingToolError: There is no git.
        CacheUnusableError: It cannot be repaired.
        GitFailedError: Git refused.
    """
    from platformdirs import user_cache_path  # noqa: PLC0415 - most commands do without

    root = user_cache_path("scaffold")
    try:
        root.mkdir(parents=True, exist_ok=True)
        writable = os.access(root, os.W_OK | os.X_OK)
    except OSError:
        writable = False
    if not writable:
        root = Path(tempfile.mkdtemp(prefix="scaffold-"))
        atexit.register(shutil.rmtree, root, ignore_errors=True)
    store = Store(root)
    repository = root / "templates.git"
    if not repository.exists():
        with tempfile.TemporaryDirectory(dir=store.workspace()) as folder:
            made = Path(folder) / "templates.git"
            _make(made)
            # Another process may have done the same.
            with defer_interrupts(), suppress(OSError):
                made.rename(repository)
    elif not _is_whole(repository):
        try:
            # Repair it: its objects may exist nowhere else.
            (repository / "HEAD").unlink(missing_ok=True)
            _make(repository)
        except (OSError, GitFailedError) as error:
            raise CacheUnusableError(repository, str(error), cache=root) from error
    return store


def _is_whole(repository: Path) -> bool:
    """Tell whether git recognises a repository, and its attributes file is there."""
    try:
        head = (repository / "HEAD").read_bytes()
    except OSError:
        return False
    folders = all((repository / name).is_dir() for name in ("objects", "refs"))
    files = all((repository / name).is_file() for name in ("config", "info/attributes"))
    return head.startswith(b"ref: refs/") and folders and files


def _make(repository: Path) -> None:
    isolated_git(repository.parent).output("make a repository", "init", "--quiet", "--bare", str(repository))
    (repository / "info").mkdir(exist_ok=True)
    (repository / "info" / "attributes").write_text(releases.AS_IT_IS, encoding="utf-8")


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    beside.write_bytes(content)
    beside.replace(path)


def _sweep(folder: Path, seconds: float) -> None:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            # Another process may have removed it.
            with suppress(FileNotFoundError):
                if time.time() - entry.stat(follow_symlinks=False).st_mtime > seconds:
                    shutil.rmtree(entry.path, ignore_errors=True)
