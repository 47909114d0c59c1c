"""Tells thousands of the stories of test_properties.py: `python tests/update/long_run.py [--examples 2000]`.

It goes on where it was stopped: what is done is noted in build/long-run.json after every hundred. A story that
fails ends it; pytest prints how to tell it again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTED = ROOT / "build" / "long-run.json"
AT_ONCE = 100


def main() -> None:
    """Go on until all are told."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=2000)
    wanted = parser.parse_args().examples
    done = json.loads(NOTED.read_text(encoding="utf-8"))["done"] if NOTED.is_file() else 0
    while done < wanted:
        told = subprocess.run(
            [
                sys.executable, "-m", "pytest", "--quiet", "tests/update/test_properties.py",
                "-p", "no:cacheprovider",
            ],
            cwd=ROOT,
            env={**os.environ, "SCAFFOLD_EXAMPLES": str(AT_ONCE), "SCAFFOLD_SEED": str(done)},
            check=False,
        )  # fmt: skip
        if told.returncode != 0:
            sys.exit(told.returncode)
        done += AT_ONCE
        NOTED.parent.mkdir(exist_ok=True)
        NOTED.write_text(json.dumps({"done": done}) + "\n", encoding="utf-8")
        sys.stderr.write(f"{done} of {wanted}\n")


if __name__ == "__main__":
    main()
