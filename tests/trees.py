"""Snapshots of projects, to be compared with each other."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def contents(root: Path) -> dict[str, bytes]:
    """Return what is in each file below a folder, and where each link leads; nothing of git's own."""
    return {name: content for name, (content, _) in snapshot(root).items()}


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    """Return the content and the mode of each file and link below a folder; nothing of git's own."""
    found = {}
    for folder, folders, names in os.walk(root):
        if ".git" in folders:
            folders.remove(".git")
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
        for name in {*names, *links} - {".git"}:
            path = root / folder / name
            content = os.fsencode(path.readlink()) if path.is_symlink() else path.read_bytes()
            found[path.relative_to(root).as_posix()] = (content, path.lstat().st_mode)
    return found
