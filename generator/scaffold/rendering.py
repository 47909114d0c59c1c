"""Renders a source of templates with answers into a folder. The only module that imports Copier."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import copier
from copier.errors import CopierError
from jinja2 import TemplateError, TemplateSyntaxError

from scaffold.errors import BrokenTemplateError, WriteFailedError
from scaffold.project import ANSWERS_FILE
from scaffold.source import PARTS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from scaffold.source import Source


def render(source: Source, answers: Mapping[str, Any], destination: Path, workspace: Path) -> None:
    """Write the project that the answers describe.

    Args:
        source: Templates to render.
        answers: Answers to all questions that apply.
        destination: Folder to write; it must not exist.
        workspace: Existing folder for temporary files; the caller removes it.

    Raises:
        BrokenTemplateError: The template itself is at fault.
        WriteFailedError: The system refused to write.
    """
    root = _plain_folder(source, workspace)
    data = {**answers, "_scaffold_origin": source.record}
    with _explained(root), _temporary_files_in(workspace):
        copier.run_copy(
            str(root),
            destination,
            data=data,
            # The user's settings of Copier would change the result.
            settings=copier.Settings(),
            defaults=True,
            overwrite=True,
            quiet=True,
            cleanup_on_error=False,
        )
        _make_writable(destination)
    if not (destination / ANSWERS_FILE).is_file():
        raise BrokenTemplateError(ANSWERS_FILE, "it is not rendered, so the project would not know what made it")


def _plain_folder(source: Source, workspace: Path) -> Path:
    # Copier would clone a git repository and take its latest tag, or warn that it is dirty; a checkout is
    # rendered as it stands.
    if not (source.root / ".git").exists():
        return source.root
    plain = workspace / "source"
    plain.mkdir()
    for part in PARTS:
        origin = source.root / part
        if origin.is_dir():
            shutil.copytree(
                origin, plain / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__", "*.py[co]")
            )
        elif origin.exists():
            shutil.copy2(origin, plain / part)
    return plain


def _make_writable(destination: Path) -> None:
    # A package may be installed read-only, but a project must be writable.
    for folder, _, names in os.walk(destination):
        for name in names:
            path = os.path.join(folder, name)  # noqa: PTH118 - a Path per file costs more than the call
            mode = os.lstat(path).st_mode
            if stat.S_ISREG(mode) and not mode & stat.S_IWUSR:
                os.chmod(path, stat.S_IMODE(mode) | stat.S_IWUSR)  # noqa: PTH101


@contextmanager
def _temporary_files_in(folder: Path) -> Iterator[None]:
    # An interrupt can leave Copier's temporary folders behind; inside ours, they are removed with it.
    before = tempfile.tempdir
    tempfile.tempdir = str(folder)
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def _explained(root: Path) -> Iterator[None]:
    try:
        yield
    except TemplateSyntaxError as error:
        where = f"{_relative(error.filename or error.name or 'copier.yml', root)}, line {error.lineno}"
        raise BrokenTemplateError(where, error.message or "syntax error") from error
    except TemplateError as error:
        raise BrokenTemplateError(_place(error.__traceback__, root), str(error)) from error
    except CopierError as error:
        raise BrokenTemplateError("copier.yml", " ".join(str(error).split())) from error
    except UnicodeError as error:
        raise BrokenTemplateError(_place(error.__traceback__, root), str(error)) from error
    except OSError as error:
        if isinstance(error, FileNotFoundError) and Path(error.filename or "").is_relative_to(root):
            raise BrokenTemplateError(_relative(error.filename, root), "it is not there") from error
        raise WriteFailedError(error.filename or "the project", error.strerror or str(error)) from error


def _place(traceback: TracebackType | None, root: Path) -> str:
    # Jinja adds frames with the name and line of the template to the traceback; the last one is where it failed.
    place = "a template"
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if Path(name).is_relative_to(root):
            place = f"{_relative(name, root)}, line {traceback.tb_lineno}"
        elif name == "<template>":
            place = f"copier.yml or a file name, line {traceback.tb_lineno} of the expression"
        traceback = traceback.tb_next
    return place


def _relative(name: str, root: Path) -> str:
    path = Path(name)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else name
