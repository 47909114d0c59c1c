"""The output of --json fits the schemas that ship with the package, and nothing else is on stdout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

import scaffold

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke, Outcome

SCHEMAS = {
    path.stem: json.loads(path.read_text()) for path in (Path(scaffold.__file__).parent / "schemas").glob("*.json")
}
REGISTRY: Registry[Any] = Registry().with_resources(
    [(schema["$id"], Resource.from_contents(schema)) for schema in SCHEMAS.values()]
)
COMMANDS = ("new", "list", "doctor", "verify", "explain")


def _check(name: str, outcome: Outcome) -> dict[str, Any]:
    envelope = outcome.envelope
    validator = Draft202012Validator(
        SCHEMAS[name], registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    validator.validate(envelope)
    assert envelope["exit_code"] == outcome.code
    return envelope


@pytest.mark.parametrize("name", [*COMMANDS, "envelope"])
def test_each_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("flags", [[], ["--dry-run"], ["--no-git"], ["--setup"]], ids=str)
def test_new(flags: list[str], work: Path, small: Path, invoke: Invoke) -> None:
    result = _check("new", invoke("new", "pot", "-s", "tea", *flags, "--template", small, "--json"))["result"]

    assert result["path"] == str(work / "pot")
    assert result["dry_run"] == ("--dry-run" in flags)
    assert "README.md" in result["files"]


def test_new_with_a_failed_setup_has_both_result_and_error(work: Path, small: Path, invoke: Invoke) -> None:
    (small / "templates" / "tea" / "fail-setup").touch()

    envelope = _check("new", invoke("new", "pot", "-s", "tea", "--setup", "--template", small, "--json"))

    assert envelope["result"]["setup"] == "failed"
    assert envelope["error"]["code"] == "setup-failed"
    assert (work / "pot").is_dir()


def test_list(small: Path, invoke: Invoke) -> None:
    result = _check("list", invoke("list", "--template", small, "--json"))["result"]

    assert [stack["name"] for stack in result["stacks"]] == ["tea", "coffee"]


def test_doctor(small: Path, invoke: Invoke) -> None:
    envelope = _check("doctor", invoke("doctor", "--template", small, "--json"))

    assert envelope["exit_code"] == 5
    assert envelope["error"]["code"] == "missing-tool"
    assert [stack["name"] for stack in envelope["result"]["stacks"]] == ["tea", "coffee"]


def test_explain(work: Path, small: Path, invoke: Invoke) -> None:
    invoke("new", "pot", "-s", "tea", "--template", small)

    result = _check("explain", invoke("explain", work / "pot" / "README.md", "--template", small, "--json"))["result"]

    assert result["template"] == "templates/tea/README.md.jinja"


@pytest.mark.parametrize("command", COMMANDS)
def test_failures(command: str, invoke: Invoke) -> None:
    outcome = invoke(command, "--no-such-flag", "--json")

    assert outcome.code == 2
    assert outcome.err == ""
    assert _check(command, outcome)["error"]["code"] == "usage"
