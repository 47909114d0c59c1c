"""What the manual tells to put into Renovate's configuration: valid, and with the effect that it promises.

The configuration was also given to Renovate's own validator and to a dry run of Renovate (44.121), which is too large to
be installed in every run.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.trees import snapshot
from tests.update.conftest import commit, git

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke

MANUAL = Path(__file__).parents[2] / "docs/how-to/update.md"
BLOCKS = re.findall(r"^```json\n(.*?)^```", MANUAL.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
PIPX = "pipx run --spec scaffold-stacks=={{{newVersion}}} scaffold"


def _own() -> dict[str, Any]:
    return next(block for block in map(json.loads, BLOCKS) if "customManagers" in block)


@pytest.mark.parametrize("block", BLOCKS)
def test_configuration_is_valid(block: str, tmp_path: Path) -> None:
    file = tmp_path / "renovate.json"
    file.write_text(block)
    checker = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run([checker, "--builtin-schema", "vendor.renovate", file], capture_output=True, check=False)
    assert done.returncode == 0, done.stdout


def test_it_updates_as_scaffold_does(work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", "express", "--version", "0.3.0").code == 0
    shop = work / "shop"
    (shop / "src/mine.ts").write_text("// ours\n")
    commit(shop)
    git(work, "clone", "--quiet", str(shop), "expected")
    assert invoke("update", work / "expected", "--to", "v0.4.0").code == 0
    manager, rule = _own()["customManagers"][0], _own()["packageRules"][0]

    answers = shop / ".copier-answers.yml"
    found = re.search(manager["matchStrings"][0].replace("(?<", "(?P<"), answers.read_text())
    assert found is not None
    assert found["currentValue"] == "0.3.0"
    # Renovate first writes the new version where it found the old one, then runs the commands.
    answers.write_text(answers.read_text().replace("_commit: v0.3.0", "_commit: v0.4.0"))
    for command in rule["postUpgradeTasks"]["commands"]:
        words = shlex.split(command.replace(PIPX, f"{sys.executable} -m scaffold").replace("{{{newVersion}}}", "0.4.0"))
        subprocess.run(words, cwd=shop, check=True, capture_output=True)

    assert snapshot(shop) == snapshot(work / "expected")
    changed = git(shop, "diff", "--cached", "--name-only", "HEAD").splitlines()
    assert ".copier-answers.yml" in changed
    assert git(shop, "log", "--format=%s", "-1") == "Work", "the commit is Renovate's to make"
