"""A run cleans up after itself whatever happens, and takes nothing for a pass that is none."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scaffold import conformance
from scaffold.conformance import Outcome
from scaffold.conformance.errors import UnknownCheckError
from scaffold.conformance.plan import VARIABLE, Plan
from scaffold.conformance.plugin import EVENTS
from scaffold.errors import NotAProjectError

#: Seconds until something hangs, on a machine that has much else to do.
PATIENCE = 120

_NO_CHECK = """
import pytest
from scaffold.conformance.registry import check

@check("ZZZ01", "It is skipped.", source="none")
def check_skipped():
    pytest.skip("not today")

@check("ZZZ02", "It is expected to fail.", source="none")
@pytest.mark.xfail
def check_expected():
    raise AssertionError

@check("ZZZ03", "It passes.", source="none")
def check_passes():
    pass
"""


def test_a_skip_is_a_failure(tmp_path: Path) -> None:
    module = tmp_path / "odd.py"
    module.write_text(_NO_CHECK)
    plan = Plan(folder=str(tmp_path), answers={}, selected=("ZZZ01", "ZZZ02", "ZZZ03"), url="http://127.0.0.1:9")
    reading, writing = os.pipe()
    command = [
        sys.executable, "-m", "pytest", "-c", os.devnull, "-p", "no:cacheprovider", "-p", "scaffold.conformance.plugin",
        "-p", "scaffold.conformance.fixtures", "-o", "python_files=*.py", "-o", "python_functions=check_*", str(module),
    ]  # fmt: skip
    environment = {
        **os.environ,
        VARIABLE: str(plan.write()),
        EVENTS: str(writing),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    subprocess.run(command, env=environment, pass_fds=(writing,), check=False, capture_output=True)
    os.close(writing)
    with os.fdopen(reading) as stream:
        events = [json.loads(line) for line in stream]
    passed = {
        event["check"]: event["passed"] for event in events if event["event"] == "case" and event["phase"] == "call"
    }
    assert passed == {"ZZZ01": False, "ZZZ02": False, "ZZZ03": True}


def test_what_a_run_lacks_is_listed_as_untested() -> None:
    result = conformance.run(url="http://127.0.0.1:9", only=["OPS01", "SES10"])
    assert {check.outcome for check in result.checks} == {Outcome.UNTESTED}
    assert all(check.reason and check.reason.startswith("needs ") for check in result.checks)
    assert not result.ok


def test_a_service_that_does_not_answer_fails_its_checks() -> None:
    result = conformance.run(url="http://127.0.0.1:9", only=["REST01"])
    (check,) = result.checks
    assert check.outcome is Outcome.FAILED
    assert "ConnectError" in (check.report or "")


def test_parts_that_were_left_out_are_not_applicable() -> None:
    result = conformance.run(url="http://127.0.0.1:9", only=["TX01"], answers={"sample": False})
    assert [check.outcome for check in result.checks] == [Outcome.NOT_APPLICABLE]


def test_an_unknown_check_is_named_with_the_nearest() -> None:
    with pytest.raises(UnknownCheckError, match="sesions") as caught:
        conformance.run(url="http://127.0.0.1:9", only=["sesions"])
    assert "sessions" in caught.value.hint


def test_a_folder_that_is_no_project_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAProjectError):
        conformance.run(tmp_path)


def _services(project: Path) -> list[int]:
    """Processes that run in the project's folder."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cwd").resolve() == project.resolve():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def _wait(condition: object, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_an_interrupted_run(honest_project: Path, tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "scaffold", "verify", str(honest_project), "--only", "sessions", "--only", "jwt"]
    run = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert _wait(lambda: _services(honest_project), PATIENCE), "no service was started"
        time.sleep(1)
        run.send_signal(number)
        run.wait(PATIENCE)
        assert _wait(lambda: not _services(honest_project), PATIENCE), "a service outlived the run"
    finally:
        run.kill()
        run.wait()
    if number is not signal.SIGKILL:
        assert run.returncode == 130
        assert list(tmp_path.iterdir()) == []
