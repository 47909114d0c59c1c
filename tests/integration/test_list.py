"""`scaffold list`: what there is, and only what the evidence shows is called proven."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from scaffold import evidence
from scaffold.conformance import digests
from scaffold.source import find_source

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke


def _record(small: Path, *, passed: int = 12, failed: int = 0, **changes: Any) -> None:
    templates = find_source(small)
    of_suite = digests.groups()
    first, *others = of_suite
    groups = {first: evidence.Group(passed, failed, 3, of_suite[first])}
    row: dict[str, Any] = {
        "answers": {"size": "small"}, "seconds": 1.25,
        "groups": groups | {name: evidence.Group(0, 0, 0, of_suite[name]) for name in others},
        "servers": {"kettle": "2.0"}, "date": "2026-11-23", "version": "0.1.0",
        "digest": evidence.digest(templates, "tea"),
        "rendered": evidence.rendered_digest(templates, "tea", {"size": "small"}),
        "suite": digests.rest(),
    }  # fmt: skip
    evidence.record(templates.evidence / "tea.json", evidence.Row(**(row | changes)))


def _state(invoke: Invoke, small: Path) -> str:
    stacks = invoke("list", "--template", small, "--json").envelope["result"]["stacks"]
    return str(next(stack["state"] for stack in stacks if stack["name"] == "tea"))


def test_shows_options_with_values_and_defaults(small: Path, invoke: Invoke) -> None:
    stacks = invoke("list", "--template", small, "--json").envelope["result"]["stacks"]
    tea, coffee = ({option["key"]: option for option in stack["options"]} for stack in stacks)

    assert list(tea) == ["project_name", "owner", "size", "strength", "extras", "leaf"]
    assert list(coffee) == ["project_name", "owner", "size", "strength", "extras"]
    assert [value["value"] for value in tea["size"]["values"]] == ["small", "large"]
    assert tea["size"]["default"] == "small"
    assert tea["strength"]["default"] == 3
    assert tea["extras"]["default"] is False
    assert tea["owner"]["default"] is None
    assert tea["owner"]["derived_from"] == ["project_name"]


def test_text_names_everything(small: Path, invoke: Invoke) -> None:
    out = invoke("list", "--template", small).out

    for word in ("tea", "coffee", "not proven", "size", "small large", "from project_name", "(needed)"):
        assert word in out


def test_without_evidence_nothing_is_proven(small: Path, invoke: Invoke) -> None:
    assert _state(invoke, small) == "not proven"


def test_green_on_these_very_sources_is_proven(small: Path, invoke: Invoke) -> None:
    _record(small)

    assert _state(invoke, small) == "proven"
    assert "12 checks passed on 2026-11-23, kettle 2.0" in invoke("list", "--template", small).out


def test_a_change_of_what_is_rendered_makes_it_stale(small: Path, invoke: Invoke) -> None:
    _record(small)
    with (small / "templates/tea/plain.txt").open("a") as file:
        file.write("more\n")

    assert _state(invoke, small) == "stale"
    assert "last green at v0.1.0" in invoke("list", "--template", small).out


@pytest.mark.parametrize("changed", ["copier.yml", "templates/coffee/cup.txt", "contract/new"])
def test_a_change_that_the_project_does_not_see_leaves_it_proven(changed: str, small: Path, invoke: Invoke) -> None:
    _record(small)
    with (small / changed).open("a") as file:
        file.write("\n")

    assert _state(invoke, small) == "proven"


def test_another_stack_s_change_leaves_it_proven(small: Path, invoke: Invoke) -> None:
    _record(small)
    (small / "templates" / "coffee" / "cup.txt").write_text("larger cup\n")

    assert _state(invoke, small) == "proven"


@pytest.mark.parametrize("changes", [{"failed": 1}, {"passed": 0}])
def test_red_or_empty_is_not_proven(changes: dict[str, int], small: Path, invoke: Invoke) -> None:
    _record(small, **changes)

    assert _state(invoke, small) == "not proven"


def test_a_changed_group_of_checks_is_due_alone(small: Path, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    _record(small)
    of_suite = digests.groups()
    last = list(of_suite)[-1]
    monkeypatch.setattr(digests, "groups", lambda: of_suite | {last: "0" * 64, "new_group": "0" * 64})
    monkeypatch.setattr(evidence, "digest", lambda *_: "0" * 64)

    stacks = invoke("list", "--template", small, "--json").envelope["result"]["stacks"]
    (row,) = next(stack["rows"] for stack in stacks if stack["name"] == "tea")
    assert (row["state"], row["due"]) == ("stale", ["new_group", last] if last > "new_group" else [last, "new_group"])


def test_one_stale_row_takes_the_claim_from_the_stack(small: Path, invoke: Invoke) -> None:
    _record(small)
    _record(small, answers={"size": "large"}, digest="0" * 64)

    assert _state(invoke, small) == "stale"


def test_a_new_run_replaces_the_row_with_the_same_answers(small: Path) -> None:
    _record(small, failed=2)
    _record(small, answers={"size": "large"})
    _record(small, passed=13)

    rows = json.loads((small / "docs" / "evidence" / "tea.json").read_text())["rows"]
    first, *_ = digests.groups()
    shown = [(row["answers"]["size"], row["groups"][first]["passed"], row["groups"][first]["failed"]) for row in rows]
    assert shown == [("large", 12, 0), ("small", 13, 0)]
