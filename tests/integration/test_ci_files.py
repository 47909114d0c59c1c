"""The CI files of projects, against the schemas of their forges; and the one that may write, against known attacks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from scaffold import catalog, source

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke

STACKS = [choice.value for choice in catalog.load(source.find()).stacks]
PROGRAMS = Path(sys.executable).parent
OPTIONS = {
    "plain": ["database=sqlite"],
    "full": ["database=postgresql", "redis=true", "ci_updates=true"],
    "mysql": ["database=mysql", "ci_updates=true"],
}
#: Versions are pinned by tag, as in the workflow that tests the service.
ZIZMOR = "rules:\n  unpinned-uses:\n    config:\n      policies:\n        '*': ref-pin\n"


def _pairs(*options: str) -> list[str]:
    return [word for option in options for word in ("-d", option)]


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("stack", STACKS)
def test_github_takes_the_workflows(stack: str, options: list[str], work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack, "--no-git", *_pairs(*options)).code == 0
    found = sorted((work / "shop/.github/workflows").iterdir())

    assert [path.name for path in found] == ["ci.yml", *(["update.yml"] if "ci_updates=true" in options else [])]
    _run(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *found)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("stack", STACKS)
def test_gitlab_takes_the_jobs(stack: str, options: list[str], work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack, "--no-git", *_pairs("ci=gitlab", *options)).code == 0
    file = work / "shop/.gitlab-ci.yml"

    jobs = set(yaml.safe_load(file.read_text())) - {"workflow"}
    assert jobs == {"check", "container-image", *(["update"] if "ci_updates=true" in options else [])}
    _run(
        PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci", file
    )  # fmt: skip


def test_nobody_gains_from_the_workflow_that_may_write(work: Path, tmp_path: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", "express", "--no-git", "-d", "ci_updates=true").code == 0
    (tmp_path / "zizmor.yml").write_text(ZIZMOR)
    file = work / "shop/.github/workflows/update.yml"

    _run(PROGRAMS / "zizmor", "--offline", "--no-progress", "--config", tmp_path / "zizmor.yml", file)

    versions = {
        step["uses"].split("@")[0]: step["uses"]
        for name in ("ci.yml", "update.yml")
        for job in yaml.safe_load((file.parent / name).read_text())["jobs"].values()
        for step in job["steps"]
        if "uses" in step
    }
    text = file.read_text() + (file.parent / "ci.yml").read_text()
    assert all(text.count(f"{action}@") == text.count(version) for action, version in versions.items())


@pytest.mark.parametrize("ci", ["github", "gitlab"])
def test_stacks_share_the_text(ci: str, work: Path, invoke: Invoke) -> None:
    name = {"github": ".github/workflows/update.yml", "gitlab": ".gitlab-ci.yml"}[ci]
    texts = set()
    for stack in STACKS:
        made = invoke("new", "shop", "-s", stack, "-o", stack, "--no-git", *_pairs(f"ci={ci}", "ci_updates=true"))
        assert made.code == 0
        text = (work / stack / "shop" / name).read_text()
        texts.add(text[text.index("# Once a week" if ci == "github" else "# In a schedule") :])
        assert not text.startswith("\n")
        assert "\n\n\n" not in text
        assert text.endswith("\n")
        assert not text.endswith("\n\n")

    assert len(texts) == 1
