"""Temporary folders, and moving a finished folder to its target in one step."""

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
from scaffold.files.signals import defer_interrupts, ignore_interrupts

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_target(target: Path) -> None:
    """Make sure that a new project can be written to a target.

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
    base = nearest_existing(target.parent)
    if not base.is_dir():
        return f"{base} is not a folder"
    return "" if os.access(base, os.W_OK | os.X_OK) else f"{base} is not writable"


@contextmanager
def workspace(place: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder, in the system's place for these or in another; it is removed afterwards."""
    folder: Path | None = None
    try:
        with defer_interrupts():
            folder = _temporary_folder(place, "scaffold-")
            # If an interrupt hits the clean-up itself, the exit handler does it.
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
        yield folder
    finally:
        with defer_interrupts():
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)


def publish(made: Path, target: Path, *, last: bool) -> None:
    """Move a finished folder to its target in one step.

    Args:
        made: The folder.
        target: Where to.
        last: Whether this is the last step, after which interrupts are ignored.

    Raises:
        TargetNotEmptyError: The target was filled in the meantime.
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
        with defer_interrupts():
            sibling = _temporary_folder(nearest_existing(target.parent), f".{target.name}.scaffold-")
            atexit.register(shutil.rmtree, sibling, ignore_errors=True)
        copy = sibling / target.name
        shutil.copytree(made, copy, symlinks=True)
        _move(copy, target, last=last)
    finally:
        with defer_interrupts():
            if sibling is not None:
                shutil.rmtree(sibling, ignore_errors=True)


def _move(made: Path, target: Path, *, last: bool) -> None:
    with defer_interrupts():
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
            ignore_interrupts()


def nearest_existing(path: Path) -> Path:
    """Return a path if it exists, else its nearest parent that does."""
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _temporary_folder(parent: Path | None, prefix: str) -> Path:
    try:
        return Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    except OSError as error:
        place = parent or "temporary files"
        raise WriteFailedError(place, error.strerror or str(error)) from error


def _first_reason(error: OSError) -> str:
    # shutil.Error holds triples of source, destination and reason.
    collected = error.args[0] if error.args else None
    return str(collected[0][-1]) if isinstance(collected, list) and collected else str(error)
