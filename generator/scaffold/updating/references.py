"""Finds references in the user's own files to folders that a merge removes."""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from scaffold.vcs.git import split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scaffold.vcs.git import Git


def dangling(git: Git, before: str, result: str, owned: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield the user's own files that refer to a removed folder, with the folder.

    A folder is named by its last part beside a separator, as in `shop.orders.models`, `./orders/service.ts` or
    `import orders`.

    Args:
        git: Git in the repository.
        before: The tree before the merge.
        result: The tree that comes of it.
        owned: Files of the result that are not the template's.
    """
    gone = sorted(_folders(git, before) - _folders(git, result))
    tops = [folder for folder in gone if str(PurePosixPath(folder).parent) not in gone]
    wanted = tuple(f":(literal){path}" for path in sorted(owned))
    for folder in tops if wanted else ():
        name = re.escape(PurePosixPath(folder).name)
        pattern = rf"(['\"./]|import ){name}([^A-Za-z0-9_]|$)|(^|[^A-Za-z0-9_]){name}[./]"
        found = git.run("grep", "-z", "--name-only", "-I", "--extended-regexp", "-e", pattern, result, "--", *wanted)
        for line in split(os.fsdecode(found.stdout)):
            yield line.partition(":")[2], folder


def _folders(git: Git, tree: str) -> set[str]:
    return set(split(git.output("list folders", "ls-tree", "-r", "-d", "-z", "--name-only", tree)))
