"""The one place that writes to the terminal: results to stdout, everything else to stderr."""

from __future__ import annotations

import json
import os
import re
import sys
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scaffold.errors import OutputFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from rich.console import Console as RichConsole
    from rich.console import RenderableType

    from scaffold.errors import ScaffoldError

#: Raised when a reader of the JSON output has to change.
ENVELOPE_VERSION = 1
# How Python represents bytes that are not UTF-8, for example in file names.
_NO_CHARACTER = re.compile("[\ud800-\udfff]")


class Console:
    """Shows results as text for people or as JSON for programs, and failures in the same form."""

    def __init__(self, *, json_wanted: bool = False) -> None:
        """Choose the form of the output."""
        self.json = json_wanted
        # Escape characters that the encoding of stdout lacks, rather than fail on them.
        if isinstance(sys.stdout, TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        # sys.stderr is None where the caller has closed the descriptor.
        if sys.stderr is None:
            sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process lives

    @property
    def interactive(self) -> bool:
        """Whether there is a person to ask."""
        return not self.json and not os.environ.get("CI") and sys.stdin.isatty() and sys.stderr.isatty()

    def show(
        self,
        command: str,
        data: Callable[[], Mapping[str, Any]],
        text: Callable[[], Iterable[RenderableType | bytes]],
        *,
        failure: ScaffoldError | None = None,
        exit_code: int = 0,
    ) -> None:
        """Write the result of a command, once, in the form wanted.

        Args:
            command: Name of the command.
            data: Makes the form for programs.
            text: Makes the form for people; bytes are written as they are, for other programs to read.
            failure: What went wrong although there is a result.
            exit_code: What the result means, where nothing went wrong.
        """
        if self.json:
            self._write_json(command, data(), failure, exit_code)
            return
        self.print_text(text)
        if failure is not None:
            self._explain(failure)

    def check(self) -> None:
        """Make sure, before anything is done, that the result can be written.

        Raises:
            OutputFailedError: The caller has closed standard output.
        """
        if sys.stdout is None:
            reason = "it is closed"
            raise OutputFailedError(reason)

    def print_text(self, text: Callable[[], Iterable[RenderableType | bytes]]) -> None:
        """Write the first part of a result as text; nothing with --json."""
        if self.json:
            return
        with writing_result():
            out = _rich(stderr=False)
            for part in text():
                sys.stdout.flush()
                if isinstance(part, bytes):
                    sys.stdout.buffer.write(part)
                    continue
                out.print(part, soft_wrap=isinstance(part, str) or not out.is_terminal)
            sys.stdout.flush()

    def fail(self, command: str, error: ScaffoldError) -> None:
        """Report the failure of a command, and what to do about it."""
        if self.json and not isinstance(error, OutputFailedError):
            self._write_json(command, None, error)
        else:
            self._explain(error)

    def note(self, message: str) -> None:
        """Write a message to stderr."""
        sys.stderr.write(f"{message}\n")

    @contextmanager
    def progress(self, label: str) -> Iterator[None]:
        """Show a spinner during the block, if stderr is a terminal."""
        if not self._animated:
            yield
            return
        with _rich(stderr=True).status(label):
            yield

    @contextmanager
    def bar(self, label: str) -> Iterator[Callable[[int, int, str], None]]:
        """Show a progress bar, if stderr is a terminal; yields the function that advances it (done, total, label)."""
        if not self._animated:
            yield lambda *_: None
            return
        from rich.progress import Progress  # noqa: PLC0415 - Rich takes as long to import as Typer itself

        with Progress(console=_rich(stderr=True), transient=True) as progress:
            task = progress.add_task(label, total=None)

            def advance(done: int, total: int, what: str) -> None:
                progress.update(task, completed=done, total=total, description=f"{label} {what}")

            yield advance

    @property
    def _animated(self) -> bool:
        return not self.json and not os.environ.get("CI") and sys.stderr.isatty()

    def _write_json(
        self, command: str, result: Mapping[str, Any] | None, error: ScaffoldError | None, exit_code: int = 0
    ) -> None:
        envelope = {
            "version": ENVELOPE_VERSION,
            "command": command,
            "exit_code": int(error.exit_code) if error else exit_code,
            "result": result,
            "error": {"code": error.code, "message": error.message, "hint": error.hint or None} if error else None,
        }
        plain = (sys.stdout.encoding or "").lower().replace("-", "") != "utf8"
        document = _NO_CHARACTER.sub(
            "\N{REPLACEMENT CHARACTER}", json.dumps(envelope, indent=2, ensure_ascii=False, default=str)
        )
        with writing_result():
            sys.stdout.write((json.dumps(json.loads(document), indent=2) if plain else document) + "\n")
            sys.stdout.flush()

    def _explain(self, error: ScaffoldError) -> None:
        from rich.text import Text  # noqa: PLC0415 - Rich takes as long to import as Typer itself

        out = _rich(stderr=True)
        line = Text.assemble(("error", "bold red"), (f"[{error.code}]", "dim"), f": {error.message}")
        out.print(line, soft_wrap=True)
        if error.hint:
            out.print(Text.assemble(("hint", "bold cyan"), f": {error.hint}"), soft_wrap=True)


@contextmanager
def writing_result() -> Iterator[None]:
    """Explain why a result could not be written; a reader that closes the pipe is no failure.

    Raises:
        OutputFailedError: The system refused to write.
    """
    try:
        yield
    except (OSError, SystemExit) as error:
        # When the reader closes the pipe, Rich raises SystemExit, but the exit code of the command counts. The rest of
        # Python's buffer would fail again when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, OSError) and not isinstance(error, BrokenPipeError):
            raise OutputFailedError(error.strerror or str(error)) from error


def _rich(*, stderr: bool) -> RichConsole:
    from rich.console import Console as RichConsole  # noqa: PLC0415 - Rich takes as long to import as Typer itself

    return RichConsole(stderr=stderr, highlight=False)
