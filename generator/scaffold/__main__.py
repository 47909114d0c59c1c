"""Starts the command: `scaffold`, or `python -m scaffold`."""

import gc
import signal
import sys

from scaffold.errors import ExitCode


def main() -> None:
    """Run the command line and end the process with its exit code."""
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
    except KeyboardInterrupt:
        code = ExitCode.CANCELLED
    sys.exit(code)


if __name__ == "__main__":
    main()
