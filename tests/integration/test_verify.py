"""`scaffold verify`: the shell around the suite; the suite itself is tested in tests/conformance."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from scaffold import conformance
from scaffold.conformance import CheckResult, Outcome, Progress, RunResult, digests

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke, Launch

PASSED = CheckResult("TEA-1", "tea", "the tea is hot", "RFC 2324", Outcome.PASSED, cases=2, duration=0.5)
FAILED = CheckResult(
    "TEA-2", "tea", "the cup is whole", "RFC 2324 §2", Outcome.FAILED, report="expected a cup\ngot shards"
)
ABSENT = CheckResult("JUG-1", "jug", "the jug pours", "RFC 7168", Outcome.NOT_APPLICABLE, reason="size=small")
UNTESTED = CheckResult("JUG-2", "jug", "the jug survives", "RFC 7168", Outcome.UNTESTED, reason="needs a jug")


class Suite:
    """Stands in for the suite; remembers how it was called."""

    def __init__(self, *checks: CheckResult) -> None:
        self.checks = checks
        self.called: dict[str, Any] = {}

    def run(self, project: Path | None = None, **arguments: Any) -> RunResult:
        self.called = {"project": project, **arguments}
        arguments["progress"](Progress(check="TEA-1", group="tea", passed=True, done=1, total=2))
        answers = {"stack": "tea", "project_name": "pot", "size": "small"}
        return RunResult("pot", "tea", answers, {"kettle": "2.0"}, self.checks, 1.26)


@pytest.fixture
def pot(work: Path, small: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SCAFFOLD_TEMPLATE", str(small))
    assert invoke("new", "pot", "-s", "tea").code == 0
    _makefile(work / "pot")
    return work / "pot"


def _makefile(pot: Path, *recipe: str) -> None:
    (pot / "Makefile").write_text("build:\n" + "".join(f"\t{line}\n" for line in recipe))


def _suite(monkeypatch: pytest.MonkeyPatch, *checks: CheckResult) -> Suite:
    suite = Suite(*checks)
    monkeypatch.setattr(conformance, "run", suite.run)
    monkeypatch.setattr(conformance, "reach", lambda _url: None)
    return suite


def test_green_is_0_and_counted(pot: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = _suite(monkeypatch, PASSED, ABSENT)

    outcome = invoke("verify", pot / "README.md", "--only", "tea", "--only", "JUG-1", "--workers", "2")

    assert outcome.code == 0
    assert suite.called["project"] == pot
    assert list(suite.called["only"]) == ["tea", "JUG-1"]
    assert suite.called["workers"] == 2
    assert ["all", "1", "0", "1", "0"] in [line.split() for line in outcome.out.splitlines()]
    assert "kettle 2.0" in outcome.out


def test_red_is_1_and_shows_what_to_mend(pot: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    _suite(monkeypatch, PASSED, FAILED, UNTESTED)

    outcome = invoke("verify", pot)

    assert outcome.code == 1
    assert "TEA-2" in outcome.out
    assert "the cup is whole" in outcome.out
    assert "  got shards" in outcome.out
    assert "untested JUG-2: needs a jug" in outcome.out
    assert outcome.err.startswith("error[checks-failed]: 1 of 2 checks failed")
    assert "--only TEA-2" in outcome.err


def test_nothing_run_proves_nothing(pot: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    _suite(monkeypatch, UNTESTED)

    assert invoke("verify", pot).code == 1


def test_a_url_is_handed_on_with_its_credentials(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    suite = _suite(monkeypatch, PASSED)
    monkeypatch.setenv("SCAFFOLD_ADMIN_PASSWORD", "secret")
    monkeypatch.setenv("SCAFFOLD_METRICS_TOKEN", "token")

    outcome = invoke("verify", "--url", "http://localhost:1", "--admin", "ada@example.com")

    assert outcome.code == 0
    assert suite.called["project"] is None
    assert suite.called["url"] == "http://localhost:1"
    assert suite.called["admin"].password == "secret"  # noqa: S105 - no real one
    assert suite.called["metrics_token"] == "token"  # noqa: S105 - no real one


def test_json_and_junit_hold_the_same(pot: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    _suite(monkeypatch, PASSED, FAILED, ABSENT)

    outcome = invoke("verify", pot, "--json", "--junit", "junit.xml")

    assert outcome.code == 1
    assert outcome.envelope["result"]["counts"] == {"passed": 1, "failed": 1, "not_applicable": 1, "untested": 0}
    assert outcome.envelope["error"]["code"] == "checks-failed"
    suite = ET.parse(pot.parent / "junit.xml").getroot()  # noqa: S314 - made here
    assert (suite.get("tests"), suite.get("failures")) == ("2", "1")


def test_a_recorded_run_proves_the_stack(
    pot: Path, small: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    _suite(monkeypatch, PASSED, ABSENT)
    monkeypatch.setattr(digests, "groups", lambda: dict.fromkeys({PASSED.group, ABSENT.group}, "0" * 64))

    assert invoke("verify", pot, "--record", small / "docs" / "evidence" / "tea.json").code == 0

    (row,) = json.loads((small / "docs" / "evidence" / "tea.json").read_text())["rows"]
    assert row["answers"] == {"size": "small"}
    counts = ("passed", "failed", "not_applicable")
    assert [sum(group[count] for group in row["groups"].values()) for count in counts] == [1, 0, 1]
    stacks = invoke("list", "--json").envelope["result"]["stacks"]
    assert stacks[0]["state"] == "proven"


def test_without_its_packages_it_says_which_to_install(pot: Path, launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pytest'] = sys.modules['httpx'] = None\n")

    outcome = launch("verify", pot, env={**os.environ, "PYTHONPATH": str(tmp_path)})

    assert outcome.code == 5
    assert "pip install 'scaffold-stacks[verify]'" in outcome.err


def test_builds_before_it_verifies(pot: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    _makefile(pot, "echo built > built.txt")
    _suite(monkeypatch, PASSED)

    assert invoke("verify", pot).code == 0

    assert (pot / "built.txt").read_text() == "built\n"


def test_what_cannot_be_built_is_not_verified(pot: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    _makefile(pot, "@echo src/app.ts is broken; exit 1")
    suite = _suite(monkeypatch, PASSED)

    outcome = invoke("verify", pot)

    assert outcome.code == 1
    assert suite.called == {}
    assert "src/app.ts is broken" in outcome.err
    assert f"error[build-failed]: `make build` fails in {pot}\n" in outcome.err
    assert "make setup" in outcome.err


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://nobody.invalid", "ftp://127.0.0.1"])
def test_an_address_where_nobody_answers_is_told_at_once(url: str, invoke: Invoke) -> None:
    started = time.monotonic()

    outcome = invoke("verify", "--url", url)

    assert outcome.code == 1
    assert outcome.err.startswith(f"error[unreachable]: nobody answers at {url}: ")
    assert "hint: is the service running" in outcome.err
    assert time.monotonic() - started < 30
