"""The output of --json fits the schemas that ship with the package, and nothing else is on stdout."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from jsonschema import Draft202012Validator

import scaffold

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke, Outcome

SCHEMAS = {
    path.stem: json.loads(path.read_text()) for path in (Path(scaffold.__file__).parent / "schemas").glob("*.json")
}
COMMANDS = ("new", "list", "status", "diff", "update", "set", "doctor", "verify", "explain")


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


def _check(name: str, outcome: Outcome) -> dict[str, Any]:
    envelope = outcome.envelope
    # No registry: each schema is usable alone.
    validator = Draft202012Validator(SCHEMAS[name], format_checker=Draft202012Validator.FORMAT_CHECKER)
    validator.validate(envelope)
    assert envelope["exit_code"] == outcome.code
    return envelope


@pytest.mark.parametrize("name", [*COMMANDS, "envelope"])
def test_each_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_the_same_envelope(name: str) -> None:
    shared, of_command = ({**SCHEMAS[of]["properties"]} for of in ("envelope", name))

    assert of_command.pop("command")["const"] == name
    for properties in (shared, of_command):
        properties.pop("command", None)
        properties.pop("result")
    assert of_command == shared
    assert SCHEMAS[name]["$defs"]["Error"] == SCHEMAS["envelope"]["$defs"]["Error"]


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


def _pot(work: Path, small: Path, invoke: Invoke) -> Path:
    assert invoke("new", "pot", "-s", "tea", "--template", small).code == 0
    (work / "pot/plain.txt").write_text("mine\n")
    (work / "pot/brew").unlink()
    (work / "pot/new.bin").write_bytes(b"\0\1")
    return work / "pot"


@pytest.mark.parametrize(("flags", "code"), [([], 0), (["--exit-code"], 4)], ids=str)
def test_status(flags: list[str], code: int, work: Path, small: Path, invoke: Invoke) -> None:
    envelope = _check("status", invoke("status", _pot(work, small, invoke), *flags, "--json"))

    assert envelope["exit_code"] == code
    assert envelope["error"] is None
    assert envelope["result"]["drift"] == {"untouched": 4, "edited": 1, "deleted": 1, "added": 1, "moved": 0}


@pytest.mark.parametrize(
    ("flags", "code"), [([], 0), (["--stat"], 0), (["--exit-code"], 4), (["--template"], 0)], ids=str
)
def test_diff(flags: list[str], code: int, work: Path, small: Path, invoke: Invoke) -> None:
    envelope = _check("diff", invoke("diff", _pot(work, small, invoke), *flags, "--json"))

    assert envelope["exit_code"] == code
    states = {file["path"]: file["state"] for file in envelope["result"]["files"]}
    assert states["plain.txt"] == ("untouched" if "--template" in flags else "edited")


@pytest.mark.parametrize("flags", [["--dry-run"], [], ["--branch", "other"]], ids=str)
def test_update_and_set(flags: list[str], work: Path, small: Path, invoke: Invoke) -> None:
    assert invoke("new", "pot", "-s", "tea", "--template", small).code == 0
    (small / "templates/tea/plain.txt").write_text("later\n")

    updated = _check("update", invoke("update", work / "pot", *flags, "--json"))["result"]
    assert updated["state"] == ("planned" if "--dry-run" in flags else "done")
    flags = ["more" if word == "other" else word for word in flags]
    chosen = _check("set", invoke("set", "extras=true", "--project", work / "pot", *flags, "--json"))["result"]
    assert chosen["title"] == "Set extras=true"
    assert "extras/biscuits.txt" in {change["path"] for change in chosen["changes"]}


@pytest.mark.parametrize("way_out", ["--abort", "--continue"])
def test_conflicts_and_the_ways_out(way_out: str, work: Path, small: Path, invoke: Invoke) -> None:
    pot = _pot(work, small, invoke)
    _git(pot, "add", "--all")
    _git(pot, "commit", "--quiet", "--message", "Work")
    (small / "templates/tea/plain.txt").write_text("theirs\n")

    envelope = _check("update", invoke("update", pot, "--json"))
    assert (envelope["exit_code"], envelope["error"]["code"]) == (3, "conflicts")
    assert envelope["result"]["state"] == "conflicts"
    assert envelope["result"]["conflicts"] == [{"path": "plain.txt", "kind": "contents"}]
    _git(pot, "checkout", "--theirs", "plain.txt")
    _git(pot, "add", "plain.txt")
    result = _check("update", invoke("update", pot, way_out, "--json"))["result"]
    assert result["state"] == ("done" if way_out == "--continue" else "aborted")


@pytest.mark.parametrize("command", COMMANDS)
def test_failures(command: str, invoke: Invoke) -> None:
    outcome = invoke(command, "--no-such-flag", "--json")

    assert outcome.code == 2
    assert outcome.err == ""
    assert _check(command, outcome)["error"]["code"] == "usage"
