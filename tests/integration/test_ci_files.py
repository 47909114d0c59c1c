"""The CI files of projects, against the schemas of their forges; and the one that may write, against known attacks."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from tests.stack_files import STACKS

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke

PROGRAMS = Path(sys.executable).parent
OPTIONS = {
    "plain": ["database=sqlite"],
    "full": ["database=postgresql", "redis=true", "ci_updates=true"],
    "mysql": ["database=mysql", "ci_updates=true"],
}


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


@pytest.mark.parametrize("stack", STACKS)
def test_an_audit_of_the_workflows_finds_nothing(stack: str, work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack, "--no-git", *_pairs(*OPTIONS["full"])).code == 0

    _run(PROGRAMS / "zizmor", "--offline", "--no-progress", work / "shop/.github")


@pytest.mark.parametrize("stack", STACKS)
def test_bots_find_what_to_update(stack: str, work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack, "--no-git").code == 0
    _run(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.dependabot", work / "shop/.github/dependabot.yml")
    assert not (work / "shop/renovate.json").exists()

    assert invoke("new", "vault", "-s", stack, "--no-git", "-d", "ci=gitlab").code == 0
    _run(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.renovate", work / "vault/renovate.json")


@pytest.mark.parametrize("stack", STACKS)
def test_ci_runs_on_what_the_image_has(stack: str, work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack, "--no-git").code == 0
    assert invoke("new", "vault", "-s", stack, "--no-git", "-d", "ci=gitlab").code == 0
    dockerfile = (work / "shop/Dockerfile").read_text()
    image, version = re.findall(r"^FROM (\w+):([\d.]+)-(?:slim|bookworm)", dockerfile, re.MULTILINE)[-1]

    language = image.removesuffix("lang")  # the image of Go is called golang
    assert re.search(
        rf"{language}-version: \"?{re.escape(version)}\b", (work / "shop/.github/workflows/ci.yml").read_text()
    )
    assert f"image: {image}:{version}-bookworm\n" in (work / "vault/.gitlab-ci.yml").read_text()


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
