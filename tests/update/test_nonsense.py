"""Nonsense in a project, a cache that is damaged, and machines that lack something: an error says so, never a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.update.conftest import commit, git

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke, Outcome
    from tests.update.sources import Templates


def _record(project: Path, key: str, value: str) -> None:
    """Let a project record something else, as YAML."""
    answers = project / ".copier-answers.yml"
    lines = [line for line in answers.read_text().splitlines() if not line.startswith(f"{key}:")]
    answers.write_text("\n".join([*lines, f"{key}: {value}", ""]))
    commit(project)


def _error(outcome: Outcome) -> tuple[int, str]:
    return outcome.code, outcome.envelope["error"]["code"]


OPTION = "--upload-pack=touch pwned;x@y:"


def test_a_record_gives_git_no_options(project: Path, templates: Templates, invoke: Invoke) -> None:
    git(project, "remote", "add", "origin", str(templates.origin))
    _record(project, "_src_path", f'"{OPTION}"')

    for command in (["status"], ["diff"], ["update"], ["update", "--template", OPTION]):
        assert invoke(*command, project, "--json").code == 2
    assert _error(invoke("new", "pan", f"--template={OPTION}", "--json")) == (2, "usage")

    assert not (project / "pwned").exists()
    assert not (project.parent / "pwned").exists()
