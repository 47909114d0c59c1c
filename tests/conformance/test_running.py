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
from scaffold.conformance.plan import PLAN, Plan
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


_GROUPS = """
import os, time
from pathlib import Path
import pytest
from scaffold.conformance.registry import check

def note(group):
    time.sleep(0.05)
    with (Path(__file__).parent / group).open("a") as file:
        file.write(os.environ["PYTEST_XDIST_WORKER"] + "\\n")

@check("ZZZ01", "It shares a service.", source="none", shares="one")
@pytest.mark.parametrize("number", range(6))
def check_one(number):
    note("one")

@check("ZZZ02", "It shares another.", source="none", shares="two")
@pytest.mark.parametrize("number", range(6))
def check_two(number):
    note("two")

@check("ZZZ03", "It shares the first again.", source="none", shares="one")
@pytest.mark.parametrize("number", range(6))
def check_one_again(number):
    note("one")
"""


def _cases(folder: Path, source: str, selected: tuple[str, ...], *options: str) -> list[dict[str, object]]:
    """What pytest tells of the calls of a module of checks."""
    module = folder / "odd.py"
    module.write_text(source)
    plan = Plan(folder=str(folder), answers={}, selected=selected, url="http://127.0.0.1:9")
    reading, writing = os.pipe()
    command = [
        sys.executable, "-m", "pytest", "-c", os.devnull, "-p", "no:cacheprovider", "-p", "scaffold.conformance.plugin",
        "-p", "scaffold.conformance.fixtures", "-o", "python_files=*.py", "-o", "python_functions=check_*",
        *options, str(module),
    ]  # fmt: skip
    environment = {
        **os.environ,
        PLAN: str(plan.write()),
        EVENTS: str(writing),
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTHONPATH": str(folder),
    }
    subprocess.run(command, env=environment, pass_fds=(writing,), check=False, capture_output=True)
    os.close(writing)
    with os.fdopen(reading) as stream:
        events = [json.loads(line) for line in stream]
    return [event for event in events if event["event"] == "case" and event["phase"] == "call"]


def test_a_skip_is_a_failure(tmp_path: Path) -> None:
    cases = _cases(tmp_path, _NO_CHECK, ("ZZZ01", "ZZZ02", "ZZZ03"))
    assert {case["check"]: case["passed"] for case in cases} == {"ZZZ01": False, "ZZZ02": False, "ZZZ03": True}


def test_what_takes_longest_begins_first(tmp_path: Path) -> None:
    source = _GROUPS.replace('shares="two"', 'shares="two", long=True')
    cases = _cases(tmp_path, source, ("ZZZ01", "ZZZ02", "ZZZ03"))
    assert [case["check"] for case in cases[:7]] == [*["ZZZ02"] * 6, "ZZZ01"]


def test_checks_that_share_services_stay_together(tmp_path: Path) -> None:
    source = _GROUPS.replace('It shares the first again.", source="none"', 'It is long.", source="none", long=True')
    cases = _cases(tmp_path, source, ("ZZZ01", "ZZZ02", "ZZZ03"))
    assert [case["check"] for case in cases] == [*["ZZZ01"] * 6, *["ZZZ03"] * 6, *["ZZZ02"] * 6]


def test_checks_that_share_services_run_in_one_process(tmp_path: Path) -> None:
    """Two processes may each start what a group shares, and a limit of five is one of ten then."""
    cases = _cases(
        tmp_path, _GROUPS, ("ZZZ01", "ZZZ02", "ZZZ03"), "-p", "odd", "-p", "xdist", "-n", "2", "--dist", "loadscope"
    )
    assert len(cases) == 18
    one, two = ((tmp_path / group).read_text().split() for group in ("one", "two"))
    assert (len(one), len(set(one))) == (12, 1)
    assert (len(two), len(set(two))) == (6, 1)
    assert set(one) != set(two)


def test_checks_that_use_services_of_their_own_alone_may_run_anywhere() -> None:
    scopes = {check.id: check.scope for check in conformance.catalogue()}
    assert scopes["OPS11"] == "lifecycle::check_stop_with_idle_connections"
    assert scopes["RAT01"] == scopes["RAT02"] == "limits"


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
