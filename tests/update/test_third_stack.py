"""A stack of a fork's own is a folder and one line of the questionnaire: every command takes it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.stack_files import ROOT
from tests.update.conftest import commit, git

from scaffold.source import PARTS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.conftest import Invoke

#: One file a line, but for stack.yml: a service that is nothing but its layout.
FILES = {
    "{{ _copier_conf.answers_file }}.jinja": '{% include "templates/shared/answers.yml.jinja" %}\n',
    "README.md.jinja": """\
{% from "templates/shared/contract.jinja" import layout, places with context %}
# {{ project_name }}

{% for entry in layout %}
{{ entry.concept }}: {{ places[entry.concept] | join(", ") }}
{% endfor %}
""",
    "Makefile": "build:\n\t@echo built\n",
    "Procfile": "web: sh serve.sh\nrelease: sh release.sh\ncleanup: sh cleanup.sh\n",
    "serve.sh": "exec false\n",
    "toolchain.yml": """\
tools:
  - name: sh
    commands: [sh]
    probe: [-c, echo sh 1.0]
    pattern: 'sh (\\d+\\.\\d+)'
    at_least: "1.0"
    reason: runs the service
    install: {otherwise: it is there}
""",
}


@pytest.fixture
def fork(work: Path) -> Path:
    root = work / "fork"
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        root.mkdir(exist_ok=True)
        copy(ROOT / part, root / part)
    questions = (root / "copier.yml").read_text()
    choice = "    Express (TypeScript): express\n"
    assert choice in questions
    (root / "copier.yml").write_text(questions.replace(choice, f"{choice}    Tiny: tiny\n"))
    folder = root / "templates" / "tiny"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / name).write_text(text)
    concepts = yaml.safe_load((root / "contract" / "layout.yaml").read_text())
    described = {
        "workers": "one",
        "tools": [],
        "made": [],
        "layout": {entry["concept"]: ["serve.sh"] for entry in concepts},
        "makers": ["tiny"],
    }
    (folder / "stack.yml").write_text(yaml.safe_dump(described))
    git(work, "init", "--quiet", "fork")
    commit(root)
    git(root, "tag", "v9.0.0")
    return root


def test_every_command_takes_a_third_stack(fork: Path, work: Path, invoke: Invoke) -> None:
    stacks = invoke("list", "--template", fork, "--json").envelope["result"]["stacks"]
    assert "not proven" in [stack["state"] for stack in stacks if stack["name"] == "tiny"]

    assert invoke("new", "shop", "-s", "tiny", "--template", fork).code == 0
    shop = work / "shop"
    assert (shop / "README.md").read_text().count("serve.sh") > 10
    assert not (shop / "stack.yml").exists()
    (diagnosis,) = invoke("doctor", shop, "--json").envelope["result"]["stacks"]
    assert ("sh", "1.0") in {(tool["name"], tool["found"]) for tool in diagnosis["tools"]}
    explained = invoke("explain", shop / "README.md", "--json").envelope["result"]
    assert explained["contract"]
    assert "templates/tiny/stack.yml" in explained["parts"]

    checked = invoke("verify", shop, "--only", "LAY03", "--only", "LAY04", "--template", fork, "--json").envelope
    assert (checked["result"]["stack"], checked["result"]["counts"]["passed"]) == ("tiny", 2), checked

    serve = fork / "templates" / "tiny" / "serve.sh"
    serve.write_text("exec true\n")
    commit(fork)
    git(fork, "tag", "v9.1.0")
    assert invoke("update", shop, "--yes").code == 0
    assert (shop / "serve.sh").read_text() == "exec true\n"
    assert invoke("status", shop, "--exit-code").code == 0
