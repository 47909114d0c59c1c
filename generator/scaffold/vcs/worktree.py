"""The git work tree that a project lives in, and trees of it: as it stands, and as it would be if only rendered."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from scaffold.errors import NotARepositoryError, RefusedRepositoryError
from scaffold.vcs.git import Git, last_words, split
from scaffold.vcs.settings import UNDISTURBED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# What the user's git does to files on their way in stays: line endings and filters make the same of a rendering as
# of the project. What only depends on where the folder lies does not.
_ADDING = (
    *UNDISTURBED,
    "core.safecrlf=false",
    "core.sparseCheckout=false",
    "core.untrackedCache=false",
    "core.ignoreCase=false",
    *(("core.fileMode=true", "core.symlinks=true") if os.name == "posix" else ()),
)
# What lies in the project itself is read as the user's git would read it.
_READING = (
    "core.fsmonitor=false",
    "core.safecrlf=false",
    "core.sparseCheckout=false",
    "advice.addEmbeddedRepo=false",
)
_ATTRIBUTES = ".gitattributes"
# The mode of its entry in an index.
_SUBMODULE = "160000 "


@dataclass(frozen=True)
class WorkTree:
    """The work tree that a project lives in.

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
    def where(self) -> str:
        """The project, as git is told of it."""
        return f":(literal){self.prefix}" if self.prefix else "."

    def stands(self) -> str:
        """Return the tree of what is on disk: what is tracked, and what is not and not ignored either.

        Raises:
            GitFailedError: Git refused.
        """
        git = self.unveiled()
        # A repository inside that has no commit cannot be added, and is none of the project's files.
        git.ask("add", "--all", "--ignore-errors", "--", self.where)
        if self.prefix:
            # Elsewhere in the repository a merge may be under way, of which git makes no tree.
            outside = (".", f":(exclude,literal){self.prefix}")
            conflicts = split(git.tell("look for conflicts", "ls-files", "--unmerged", "-z", "--", *outside))
            names = os.fsencode("\0".join(entry.partition("\t")[2] for entry in conflicts))
            git.tell("leave out conflicts", "update-index", "-z", "--force-remove", "--stdin", stdin=names)
        return git.tell("read the project", "write-tree")

    def unveiled(self) -> Git:
        """Return git with a copy of the index in which the project's files are not to be overlooked.

        What a sparse checkout left out stays so.

        Raises:
            GitFailedError: Git refused.
        """
        index = self._index()
        place = self.git.ask("rev-parse", "--path-format=absolute", "--git-path", "index")
        if place.returncode == 0:
            real = Path(os.fsdecode(place.stdout).removesuffix("\n"))
            if real.is_file():
                # With its time, by which git judges what may have changed unseen.
                shutil.copy2(real, index)
        git = self.git.having(*_READING, GIT_INDEX_FILE=index)
        listed = split(git.tell("look for overlooked files", "ls-files", "-v", "-z", "--", self.where))
        unchanging = [entry[2:] for entry in listed if entry[0].islower()]
        skipped = [entry[2:] for entry in listed if entry[0] in "Ss" and os.path.lexists(self.top / entry[2:])]
        for flag, names in (("--no-assume-unchanged", unchanging), ("--no-skip-worktree", skipped)):
            if names:
                given = os.fsencode("\0".join(names))
                git.tell("read overlooked files", "update-index", flag, "-z", "--stdin", stdin=given)
        return git

    def changed(self) -> list[str]:
        """Return the tracked files that differ from the last commit, those that git was told to overlook included.

        Raises:
            GitFailedError: Git refused.
        """
        # A file that git takes for unchanged, whatever is in it, would be overwritten.
        said = self.unveiled().tell(
            "look for changes", "status", "--porcelain=v1", "-z", "--untracked-files=no", "--ignore-submodules=dirty",
            "--no-renames",
        )  # fmt: skip
        return [entry[3:] for entry in split(said)]

    def git_path(self, name: str) -> Path:
        """Return where git keeps something that belongs to a work tree."""
        return Path(self.git.tell("find", "rev-parse", "--path-format=absolute", "--git-path", name))

    def rendered(self, write: Callable[[Path], None]) -> str:
        """Return the tree of the last commit with the project in it as it was rendered.

        Args:
            write: Writes the rendering into an empty folder.

        Raises:
            GitFailedError: Git refused.
        """
        folder = self.scratch.resolve() / f"rendering{next(self._numbers)}"
        place = folder / self.prefix
        place.mkdir(parents=True)
        git = self.git.having(*_ADDING, GIT_INDEX_FILE=self._index(), GIT_WORK_TREE=folder)
        if self.committed:
            # By what is there, git also tells which line endings are to be kept.
            git.tell("read the last commit", "read-tree", "HEAD")
            listed = split(git.tell("look for submodules", "ls-files", "--stage", "-z", "--", self.where))
            submodules = [entry.partition("\t")[2] for entry in listed if entry.startswith(_SUBMODULE)]
            # Below them, it would add nothing.
            names = os.fsencode("\0".join(submodules))
            git.tell("leave out submodules", "update-index", "-z", "--force-remove", "--stdin", stdin=names)
        write(place)
        beside = list(self._bring_attributes(folder))
        git.tell("add a rendering", "add", "--all", "--force", "--", self.where)
        if beside:
            literally = [f":(literal){name}" for name in beside]
            git.tell("leave out what was not rendered", "rm", "--cached", "--quiet", "--", *literally)
        return git.tell("make a tree", "write-tree")

    def _bring_attributes(self, folder: Path) -> Iterator[str]:
        """Put beside a rendering what the repository says of its files; yield what must not stay."""
        if not self.committed:
            return
        listed = self.git.tell("list attributes", "ls-files", "-z", "--", f":(glob)**/{_ATTRIBUTES}")
        for name in split(listed):
            inside = name.startswith(self.prefix)
            around = self.prefix.startswith(str(PurePosixPath(name).parent) + "/") or name == _ATTRIBUTES
            place = folder / name
            # A link of the rendering may lead anywhere.
            plain = place.parent.is_dir() and place.parent.resolve() == place.parent
            if (inside or around) and plain and not os.path.lexists(place):
                content = self.git.ask("cat-file", "blob", f"HEAD:{name}")
                if content.returncode == 0:
                    place.write_bytes(content.stdout)
                    if inside:
                        yield name

    def _index(self) -> Path:
        return self.scratch / f"index{next(self._numbers)}"


def around(root: Path, scratch: Path) -> WorkTree:
    """Return the work tree that a project is in.

    Raises:
        NotARepositoryError: It is in none.
        RefusedRepositoryError: It is in one that git does not open.
        MissingToolError: There is no git.
    """
    git = Git(root)
    done = git.ask("rev-parse", "--show-toplevel")
    if done.returncode != 0:
        reason = last_words(done)
        raise NotARepositoryError(root) if "not a git repository" in reason else RefusedRepositoryError(root, reason)
    # Asked one by one: a line feed may be in any of them.
    top = os.fsdecode(done.stdout).removesuffix("\n")
    directory = git.tell("find the repository", "rev-parse", "--absolute-git-dir")
    prefix = git.tell("find the project", "rev-parse", "--show-prefix")
    at_top = Git(Path(top)).having(GIT_DIR=directory, GIT_WORK_TREE=top)
    committed = at_top.holds("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    return WorkTree(Path(top), prefix, at_top, committed, scratch)


def observed(root: Path, scratch: Path, objects: Path) -> WorkTree:
    """Return the work tree that a project is in, or a stand-in for a project without one; nothing in it is written.

    Args:
        root: The project.
        scratch: A folder for indexes and renderings; the caller removes it.
        objects: Where git finds further objects, such as those of renderings.

    Raises:
        MissingToolError: There is no git.
        GitFailedError: Git refused.
    """
    try:
        found = around(root, scratch)
        of_project = found.git.tell("find the objects", "rev-parse", "--path-format=absolute", "--git-path", "objects")
        known = os.pathsep.join((_quoted(objects), _quoted(of_project)))
    except NotARepositoryError:
        stand_in = scratch / "stand-in.git"
        git = Git(root).having(GIT_DIR=stand_in, GIT_WORK_TREE=root)
        Git(scratch).tell("make a repository", "init", "--quiet", "--bare", str(stand_in))
        found = WorkTree(root, "", git, committed=False, scratch=scratch)
        known = _quoted(objects)
    ours = scratch / "objects"
    ours.mkdir()
    git = found.git.having(GIT_OBJECT_DIRECTORY=ours, GIT_ALTERNATE_OBJECT_DIRECTORIES=known)
    return WorkTree(found.top, found.prefix, git, found.committed, scratch)


def _quoted(path: str | Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
