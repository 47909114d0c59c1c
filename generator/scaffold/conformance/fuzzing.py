"""Requests generated from an OpenAPI document by schemathesis, as a child process with a report."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

EXAMPLES = 25
"""Cases an operation and phase: 25 find what 100 find, in an eighth of the time."""
TIMEOUT = 240.0

#: Not to be called, or not with the token that the run needs to the end.
_LEFT_OUT = ("logout", "changePassword", "getMetrics", "getDocs")
#: Checks of schemathesis that this contract knowingly answers otherwise.
_EXCLUDED = (
    # Rules beyond JSON Schema (common passwords, control characters, products that exist) refuse valid data.
    "positive_data_acceptance",
    # Unknown query parameters are left to the framework (contract §9).
    "negative_data_rejection",
)


def fuzz(document: Mapping[str, Any], url: str, token: str) -> list[str]:
    """Run schemathesis against a service.

    Args:
        document: OpenAPI document that the requests are made from.
        url: Address of the service.
        token: Access token that every request carries; administrators get furthest.

    Returns:
        Each kind of failure with its operations; the last entry shows what schemathesis saw of them.

    Raises:
        AssertionError: schemathesis did not run to its end.
    """
    with tempfile.TemporaryDirectory(prefix="scaffold-fuzz-") as folder:
        location, report = Path(folder) / "openapi.json", Path(folder) / "report.json"
        location.write_text(json.dumps(document), encoding="utf-8")
        command = [
            sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", str(location),
            "--url", url, "--header", f"Authorization: Bearer {token}", "--phases", "examples,coverage,fuzzing,stateful",
            "--max-examples", str(EXAMPLES), "--seed", "1", "--exclude-checks", ",".join(_EXCLUDED), "--no-color",
            "--continue-on-failure", "--suppress-health-check", "all", "--warnings", "off", "--report", "json",
            "--report-json-path", str(report), "--no-shrink",
        ]  # fmt: skip
        for operation in _LEFT_OUT:
            command += ["--exclude-operation-id", operation]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        assert report.exists(), (
            f"schemathesis ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        )
        failures = [_line(failure) for failure in json.loads(report.read_text(encoding="utf-8")).get("failures", [])]
        return [*failures, _seen(done.stdout)] if failures else []


def _line(failure: Mapping[str, Any]) -> str:
    return f"{failure['title']}: {', '.join(failure['operations'])}"


def _seen(output: str) -> str:
    """The part of the output that shows requests and replies."""
    return output.partition(" FAILURES ")[2].partition(" SUMMARY ")[0].strip("= \n")[:6000]
