"""Starts the command: `scaffold`, or `python -m scaffold`."""

import gc
import os
import signal
import sys

from scaffold.errors import ExitCode
from scaffold.files.signals import ignore_interrupts


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.getfilesystemencoding() == "ascii":
        # With PYTHONUTF8=0 in the C locale, answers beyond ASCII arrive as bytes that cannot be written out again. The
        # interpreter's -X option overrides the variable.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", "-m", "scaffold", *sys.argv[1:]])  # noqa: S606
    # Most commands end before a collection would free anything; the imports alone trigger dozens.
    gc.disable()
    # SIGTERM and SIGHUP cancel like Ctrl-C: the same clean-up, the same exit code.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # A signal that the caller ignores (as nohup does) stays ignored.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        from scaffold.cli import run  # noqa: PLC0415 - so that Ctrl-C during the imports is caught as well

        code = run(sys.argv[1:])
        ignore_interrupts()
    except KeyboardInterrupt:
        ignore_interrupts()
        code = ExitCode.CANCELLED
    sys.exit(code)


if __name__ == "__main__":
    main()
