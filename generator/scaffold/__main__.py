"""Starts the command: `scaffold`, or `python -m scaffold`."""

import gc
import os
import signal
import sys

from scaffold.errors import ExitCode
from scaffold.files.signals import ignore


def main() -> None:
    """Run the command line and end the process with its exit code."""
    if sys.getfilesystemencoding() == "ascii":
        # PYTHONUTF8=0 in the C locale: answers beyond ASCII would arrive as bytes that nothing can write. The option of
        # the interpreter wins over the variable.
        os.execv(sys.executable, [sys.executable, "-X", "utf8", "-m", "scaffold", *sys.argv[1:]])  # noqa: S606
    # Most commands end before a collection would free anything; the imports alone trigger dozens.
    gc.disable()
    # A polite request to end is a cancellation like Ctrl-C: the same cleaning up, the same exit code.
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # What the caller has chosen to ignore (nohup, for one) stays ignored.
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    try:
        from scaffold.cli import run  # noqa: PLC0415 - so that Ctrl-C during the imports is caught as well

        code = run(sys.argv[1:])
        ignore()
    except KeyboardInterrupt:
        ignore()
        code = ExitCode.CANCELLED
    sys.exit(code)


if __name__ == "__main__":
    main()
