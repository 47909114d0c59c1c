"""The git work tree that a project is in, and git trees of its current and of its rendered state."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from scaffold.errors import NotARepositoryError, RefusedRepositoryError
from scaffold.vcs.git import Git, failure_reason, split
from scaffold.vcs.settings import NEUTRAL_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# The user's line endings and filters apply to a rendering as to the project. Settings that depend on the folder or on
# the file system do not.
_ADDING = (
    *NEUTRAL_SETTINGS,
    "core.safecrlf=false",
    "core.sparseCheckout=false",
    "core.untrackedCache=false",
    "core.ignoreCase=false",
    *(("core.fileMode=true", "core.symlinks=true") if os.name == "posix" else ()),
)
# The project itself is read with the user's settings.
_READING = (
    "core.fsmonitor=false",
    "core.safecrlf=false",
    "core.sparseCheckout=false",
    "advice.addEmbeddedRepo=false",
)
_ATTRIBUTES = ".gitattributes"
# The mode of a submodule in an index.
_SUBMODULE = "160000 "


@dataclass(frozen=True)
class WorkTree:
    """The work tree that a project is in.

    Attributes:
        top: Its root.
        prefix: Where in it the project is: nothing, or a path that ends with a slash.
        git: Git for it.
        committed: Whether there is a commit.
        scratch: A folder for indexes and renderings; the caller removes it.
    """

    top: Path
    prefix: str
    git: Git
    committed: bool
    scratch: Path
    _numbers: Iterator[int] = field(default_factory=count)

    @property
    def pathspec(self) -> str:
        """The pathspec of the project."""
        return f":(literal){self.prefix}" if self.prefix else "."

    def snapshot(self) -> str:
        """Return the tree of what is on disk, untracked files included and ignored ones left out.

        Raises:
            GitFailedError: Git refused.
        """
        git = self.with_index_copy()
        # Ignore errors: a nested repository without a commit cannot be added.
        git.run("add", "--all", "--ignore-errors", "--", self.pathspec)
        if self.prefix:
            # Leave out conflicts elsewhere in the repository, with which git makes no tree.
            outside = (".", f":(exclude,literal){self.prefix}")
            conflicts = split(git.output("look for conflicts", "ls-files", "--unmerged", "-z", "--", *outside))
            names = os.fsencode("\0".join(entry.partition("\t")[2] for entry in conflicts))
            git.output("leave out conflicts", "update-index", "-z", "--force-remove", "--stdin", stdin=names)
        return git.output("read the project", "write-tree")

    def with_index_copy(self) -> Git:
        """Return git with a copy of the index, without the flags assume-unchanged and skip-worktree.

        Files that a sparse checkout left out keep them.

        Raises:
            GitFailedError: Git refused.
        """
        index = self._index()
        place = self.git.run("rev-parse", "--path-format=absolute", "--git-path", "index")
        if place.returncode == 0:
            real = Path(os.fsdecode(place.stdout).removesuffix("\n"))
            if real.is_file():
                # Keep its time, which git compares with those of the files.
                shutil.copy2(real, index)
        git = self.git.configured(*_READING, GIT_INDEX_FILE=index)
        listed = split(git.output("look for overlooked files", "ls-files", "-v", "-z", "--", self.pathspec))
        unchanging = [entry[2:] for entry in listed if entry[0].islower()]
        skipped = [entry[2:] for entry in listed if entry[0] in "Ss" and os.path.lexists(self.top / entry[2:])]
        for flag, names in (("--no-assume-unchanged", unchanging), ("--no-skip-worktree", skipped)):
            if names:
                given = os.fsencode("\0".join(names))
                git.output("read overlooked files", "update-index", flag, "-z", "--stdin", stdin=given)
        return git

    def changed(self) -> list[str]:
        """Return the tracked files that differ from the last commit, even those with the flag assume-unchanged.

        Raises:
            GitFailedError: Git refused.
        """
        # Otherwise a merge would overwrite them.
        said = self.with_index_copy().output(
            "look for changes", "status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=dirty",
            "--no-renames",
        )  # fmt: skip
        return [entry[3:] for entry in split(said)]

    def git_path(self, name: str) -> Path:
        """Return the path of a file in the git folder of the work tree."""
        return Path(self.git.output("find", "rev-parse", "--path-format=absolute", "--git-path", name))

    def rendered(self, write: Callable[[Path], None]) -> str:
        """Return the tree of the last commit with the project replaced by a rendering.

        Args:
            write: Writes the rendering into an empty folder.

        Raises:
            GitFailedError: Git refused.
        """
        folder = self.scratch.resolve() / f"rendering{next(self._numbers)}"
        place = folder / self.prefix
        place.mkdir(parents=True)
        git = self.git.configured(*_ADDING, GIT_INDEX_FILE=self._index(), GIT_WORK_TREE=folder)
        if self.committed:
            # Git takes line endings from files in the index.
            git.output("read the last commit", "read-tree", "HEAD")
            listed = split(git.output("look for submodules", "ls-files", "--stage", "-z", "--", self.pathspec))
            submodules = [entry.partition("\t")[2] for entry in listed if entry.startswith(_SUBMODULE)]
            # Git adds no files below submodules.
            names = os.fsencode("\0".join(submodules))
            git.output("leave out submodules", "update-index", "-z", "--force-remove", "--stdin", stdin=names)
        write(place)
        beside = list(self._add_attributes(folder))
        git.output("add a rendering", "add", "--all", "--force", "--", self.pathspec)
        if beside:
            literally = [f":(literal){name}" for name in beside]
            git.output("leave out what was not rendered", "rm", "--cached", "--quiet", "--", *literally)
        return git.output("make a tree", "write-tree")

    def _add_attributes(self, folder: Path) -> Iterator[str]:
        """Add the repository's .gitattributes to a rendering; yield those to remove from the index again."""
        if not self.committed:
            return
        listed = self.git.output("list attributes", "ls-files", "-z", "--", f":(glob)**/{_ATTRIBUTES}")
        for name in split(listed):
            inside = name.startswith(self.prefix)
            around = self.prefix.startswith(str(PurePosixPath(name).parent) + "/") or name == _ATTRIBUTES
            place = folder / name
            # Do not follow links of the rendering.
            plain = place.parent.is_dir() and place.parent.resolve() == place.parent
            if (inside or around) and plain and not os.path.lexists(place):
                content = self.git.run("cat-file", "blob", f"HEAD:{name}")
                if content.returncode == 0:
                    place.write_bytes(content.stdout)
                    if inside:
                        yield name

    def _index(self) -> Path:
        return self.scratch / f"index{next(self._numbers)}"


def open_work_tree(root: Path, scratch: Path) -> WorkTree:
    """Return the work tree that a project is in.

    Raises:
        NotARepositoryError: It is in none.
        RefusedRepositoryError: It is in one that git does not open.
        MissingToolError: There is no git.
    """
    git = Git(root)
    done = git.run("rev-parse", "--show-toplevel")
    if done.returncode != 0:
        reason = failure_reason(done)
        raise NotARepositoryError(root) if "not a git repository" in reason else RefusedRepositoryError(root, reason)
    # One call each, as a path may contain a line feed.
    top = os.fsdecode(done.stdout).removesuffix("\n")
    directory = git.output("find the repository", "rev-parse", "--absolute-git-dir")
    prefix = git.output("find the project", "rev-parse", "--show-prefix")
    at_top = Git(Path(top)).configured(GIT_DIR=directory, GIT_WORK_TREE=top)
    committed = at_top.succeeds("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return WorkTree(Path(top), prefix, at_top, committed, scratch)


def open_read_only(root: Path, scratch: Path, objects: Path) -> WorkTree:
    """Return the work tree that a project is in, for reading only; a temporary one for a project without git.

    Args:
        root: The project.
        scratch: A folder for indexes and renderings; the caller removes it.
        objects: A further folder of objects, which has those of renderings.

    Raises:
        MissingToolError: There is no git.
        GitFailedError: Git refused.
    """
    try:
        found = open_work_tree(root, scratch)
        of_project = found.git.output(
            "find the objects", "rev-parse", "--path-format=absolute", "--git-path", "objects"
        )
        known = os.pathsep.join((_quoted(objects), _quoted(of_project)))
    except NotARepositoryError:
        stand_in = scratch / "stand-in.git"
        git = Git(root).configured(GIT_DIR=stand_in, GIT_WORK_TREE=root)
        Git(scratch).output("make a repository", "init", "--quiet", "--bare", str(stand_in))
        found = WorkTree(root, "", git, committed=False, scratch=scratch)
        known = _quoted(objects)
    ours = scratch / "objects"
    ours.mkdir()
    git = found.git.configured(GIT_OBJECT_DIRECTORY=ours, GIT_ALTERNATE_OBJECT_DIRECTORIES=known)
    return WorkTree(found.top, found.prefix, git, found.committed, scratch)


def _quoted(path: str | Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
