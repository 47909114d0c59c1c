"""Makes a folder aside and puts it into its place in one step, so that nobody ever sees half of it."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.errors import ScaffoldError, TargetNotEmptyError, TargetUnusableError, WriteFailedError
from scaffold.interruption import deferred

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_target(target: Path) -> None:
    """Make sure that a new project can be put at that place.

    Raises:
        TargetNotEmptyError: It is taken.
        TargetUnusableError: It is no folder, or its parent is not there or not writable.
    """
    parent = target.parent
    if not parent.is_dir():
        message = f"{parent} is not a folder" if parent.exists() else f"{parent} does not exist"
        raise TargetUnusableError(message, hint="make it first, or choose another place with --output")
    if target.is_symlink() and not target.exists():
        message = f"{target} is a symbolic link to nowhere"
        raise TargetUnusableError(message, hint="choose another place with --output")
    if target.exists():
        if not target.is_dir():
            message = f"{target} exists and is not a folder"
            raise TargetUnusableError(message, hint="choose another place with --output")
        found = sorted(entry.name for entry in target.iterdir())
        if found:
            raise TargetNotEmptyError(target, found)
    if not os.access(parent, os.W_OK | os.X_OK):
        message = f"{parent} is not writable"
        raise TargetUnusableError(message, hint="choose another place with --output")


@contextmanager
def workspace() -> Iterator[Path]:
    """Lend a folder in the system's place for temporary files; it is gone afterwards."""
    folder: Path | None = None
    try:
        with deferred():
            folder = _temporary_folder(None, "scaffold-")
            # An interrupt may hit the cleaning up itself; then the end of the process does it.
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        yield folder
    finally:
        with deferred():
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


def publish(made: Path, target: Path) -> None:
    """Move a finished folder to its place in one step.

    Raises:
        TargetNotEmptyError: Somebody else was faster.
        WriteFailedError: The system refused to write.
    """
    try:
        if made.stat().st_dev == target.parent.stat().st_dev:
            with deferred():
                made.rename(target)
            return
    except OSError as error:
        # The same device can still be two mounts.
        if error.errno != errno.EXDEV:
            raise _refused(error, target) from error
    _publish_across(made, target)


def _publish_across(made: Path, target: Path) -> None:
    sibling: Path | None = None
    try:
        with deferred():
            sibling = _temporary_folder(target.parent, f".{target.name}.scaffold-")
            atexit.register(shutil.rmtree, sibling, ignore_errors=True)
        copy = sibling / target.name
        shutil.copytree(made, copy, symlinks=True)
        with deferred():
            copy.rename(target)
    except (OSError, shutil.Error) as error:
        raise _refused(error, target) from error
    finally:
        with deferred():
            if sibling is not None:
                shutil.rmtree(sibling, ignore_errors=True)


def _temporary_folder(parent: Path | None, prefix: str) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        place = parent or "temporary files"
        raise WriteFailedError(place, error.strerror or str(error)) from error


def _refused(error: OSError, target: Path) -> ScaffoldError:
    if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
        return TargetNotEmptyError(target, sorted(entry.name for entry in target.iterdir()))
    return WriteFailedError(target, error.strerror or _first_reason(error))


def _first_reason(error: OSError) -> str:
    # shutil.Error collects triples of source, destination and reason.
    collected = error.args[0] if error.args else None
    return str(collected[0][-1]) if isinstance(collected, list) and collected else str(error)
