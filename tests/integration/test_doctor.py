"""`scaffold doctor`: what is here, what is missing, and how to get it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke


def test_a_missing_tool_has_an_exit_code_and_a_way_to_get_it(small: Path, invoke: Invoke) -> None:
    outcome = invoke("doctor", "--stack", "coffee", "--template", small)

    assert outcome.code == 5
    assert "Grinder" in outcome.out
    assert "missing" in outcome.out
    assert "buy a grinder" in outcome.out
    assert "error[missing-tool]: missing or too old: Grinder" in outcome.err


def test_what_only_verify_needs_is_named_and_harmless(small: Path, invoke: Invoke) -> None:
    outcome = invoke("doctor", "--stack", "tea", "--template", small)

    assert outcome.code == 0
    assert "7.1" in outcome.out
    assert "scaffold verify with size=large only" in outcome.out
    assert "buy a jug" in outcome.out


def test_a_project_is_asked_only_for_what_its_answers_need(work: Path, small: Path, invoke: Invoke) -> None:
    invoke("new", "pot", "-s", "tea", "--template", small)
    invoke("new", "jug", "-s", "tea", "-d", "size=large", "--template", small)

    assert "Jug" not in invoke("doctor", work / "pot", "--template", small).out
    assert "Jug" in invoke("doctor", work / "jug" / "brew", "--template", small).out


def test_too_old_is_as_good_as_missing(small: Path, invoke: Invoke) -> None:
    file = small / "templates" / "tea" / "toolchain.yml"
    file.write_text(file.read_text().replace('at_least: "1.0"', 'at_least: "7.10"'))

    outcome = invoke("doctor", "--stack", "tea", "--template", small)

    assert outcome.code == 5
    assert "7.1 (older than 7.10)" in outcome.out


def test_the_real_stacks_say_what_they_need(invoke: Invoke) -> None:
    stacks = invoke("doctor", "--json").envelope["result"]["stacks"]

    for stack in stacks:
        tools = {tool["name"]: tool for tool in stack["tools"]}
        assert {"make", "git"} <= set(tools)
        assert tools["PostgreSQL server"]["needed_for"] == "verify"
        assert tools["PostgreSQL server"]["options"] == ["database=postgresql"]
        assert tools["make"]["state"] == "ok"
        assert all(tool["install"] for tool in tools.values())
