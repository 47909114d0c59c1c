"""Makes a folder aside and puts it into its place in one step, so that nobody ever sees half of it."""

from __future__ import annotations

import atexit
import errno
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from scaffold.errors import TargetNotEmptyError, TargetUnusableError, WriteFailedError
from scaffold.files.signals import deferred, ignore

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_target(target: Path) -> None:
    """Make sure that a new project can be put at that place.

    Raises:
        TargetNotEmptyError: It is taken.
        TargetUnusableError: It is no folder, or cannot be made where it is wanted.
    """
    try:
        reason = _objection(target)
    except OSError as error:
        reason = f"{target} cannot be used: {error.strerror}"
    if reason:
        raise TargetUnusableError(reason, hint="choose another place with --output")
    if target.exists() and (found := sorted(entry.name for entry in target.iterdir())):
        raise TargetNotEmptyError(target, found)


def _objection(target: Path) -> str:
    if target.is_symlink() and not target.exists():
        return f"{target} is a symbolic link to nowhere"
    if target.exists() and not target.is_dir():
        return f"{target} exists and is not a folder"
    base = ground(target.parent)
    if not base.is_dir():
        return f"{base} is not a folder"
    return "" if os.access(base, os.W_OK | os.X_OK) else f"{base} is not writable"


@contextmanager
def workspace(place: Path | None = None) -> Iterator[Path]:
    """Lend a folder, in the system's place for temporary files or in another; it is gone afterwards."""
    folder: Path | None = None
    try:
        with deferred():
            folder = _temporary_folder(place, "scaffold-")
            # An interrupt may hit the cleaning up itself; then the end of the process does it.
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        yield folder
    finally:
        with deferred():
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


def publish(made: Path, target: Path, *, last: bool) -> None:
    """Move a finished folder to its place in one step.

    Args:
        made: The folder.
        target: Its place.
        last: Whether there is nothing left to do then that an interrupt may cut short.

    Raises:
        TargetNotEmptyError: Somebody else was faster.
        WriteFailedError: The system refused to write.
    """
    try:
        try:
            _move(made, target, last=last)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            _move_across(made, target, last=last)
    except (OSError, shutil.Error) as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:
            raise TargetNotEmptyError(target, sorted(entry.name for entry in target.iterdir())) from error
        raise WriteFailedError(target, error.strerror or _first_reason(error)) from error


def _move_across(made: Path, target: Path, *, last: bool) -> None:
    sibling: Path | None = None
    try:
        with deferred():
            sibling = _temporary_folder(ground(target.parent), f".{target.name}.scaffold-")
            atexit.register(shutil.rmtree, sibling, ignore_errors=True)
        copy = sibling / target.name
        shutil.copytree(made, copy, symlinks=True)
        _move(copy, target, last=last)
    finally:
        with deferred():
            if sibling is not None:
                shutil.rmtree(sibling, ignore_errors=True)


def _move(made: Path, target: Path, *, last: bool) -> None:
    with deferred():
        missing = [folder for folder in target.parents if not folder.exists()]
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            made.rename(target)
        except OSError:
            for folder in missing:
                with suppress(OSError):
                    folder.rmdir()
            raise
        if last:
            ignore()


def ground(path: Path) -> Path:
    """Return the nearest folder on the way to a path that is there already."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _temporary_folder(parent: Path | None, prefix: str) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        place = parent or "temporary files"
        raise WriteFailedError(place, error.strerror or str(error)) from error


def _first_reason(error: OSError) -> str:
    # shutil.Error collects triples of source, destination and reason.
    collected = error.args[0] if error.args else None
    return str(collected[0][-1]) if isinstance(collected, list) and collected else str(error)
