"""The CI job that asks for updates: run in bash as its forge would run it, on a clone, with a new release to be found."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import copier
import pytest
import yaml
from tests.stack_files import STACKS
from tests.update.conftest import commit, git

from scaffold import source
from scaffold.history import releases

if TYPE_CHECKING:
    from tests.integration.conftest import Invoke

ROOT = Path(__file__).parents[2]
FILES = {"github": ".github/workflows/update.yml", "gitlab": ".gitlab-ci.yml"}
BRANCH = "scaffold-update-v1.1.0"
TITLE = "Update the templates to v1.1.0"
URL = "https://forge.invalid/team/shop"

#: GitHub's command as far as the job uses it. It keeps requests in the folder that it lies in.
GH = """\
import argparse, os, pathlib, sys

here = pathlib.Path(__file__).parent
parser = argparse.ArgumentParser()
commands = parser.add_subparsers(dest="command", required=True)
commands.add_parser("auth").add_argument("action", choices=["setup-git"])
actions = commands.add_parser("pr").add_subparsers(dest="action", required=True)
known = actions.add_parser("list")
known.add_argument("--state", choices=["all"], required=True)
known.add_argument("--head", required=True)
create = actions.add_parser("create")
for option in ("--head", "--title", "--body-file"):
    create.add_argument(option, required=True)
said = parser.parse_args()
if os.environ["GH_TOKEN"] != "secret":
    sys.exit("no token")
request = here / f"{said.head}.request" if "head" in said else None
if said.action == "list" and request.exists():
    print(f"1\\t{request.read_text().splitlines()[0]}\\t{said.head}\\tOPEN\\t2026-11-23T04:17:00Z")
if said.action == "create":
    if (here / "refuses").exists():
        sys.exit("GitHub Actions is not permitted to create or approve pull requests")
    assert said.body_file == "-"
    request.write_text(f"{said.title}\\n{sys.stdin.read()}")
"""
#: What a push to GitLab comes with.
HOOK = """\
#!/bin/sh
[ "$GIT_PUSH_OPTION_COUNT" -gt 0 ] || exit 0
count=0
while [ "$count" -lt "$GIT_PUSH_OPTION_COUNT" ]; do
    eval "printf '%s\\n' \\"\\$GIT_PUSH_OPTION_$count\\""
    count=$((count + 1))
done > options.txt
"""


@dataclass(frozen=True)
class Forge:
    """A forge that holds a service, and runs its job on clones.

    Attributes:
        kind: Which forge.
        origin: The repository of the service.
        place: Where the clones are, and what the forge remembers.
        token: What a person gives to the job.
    """

    kind: str
    origin: Path
    place: Path
    token: str = "secret"  # noqa: S105 - of no forge

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run the job on a new clone of the newest commit."""
        clone = self.clone()
        for program, command in {"scaffold": "-m scaffold", "gh": shlex.quote(str(self.place / "gh.py"))}.items():
            (self.place / program).write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {command} "$@"\n')
            (self.place / program).chmod(0o755)
        (self.place / "gh.py").write_text(GH)
        (self.place / "pip").write_text('#!/bin/sh\n[ "$1" = install ] && [ "$(eval echo \\$$#)" = scaffold-stacks ]\n')
        (self.place / "pip").chmod(0o755)
        job = yaml.safe_load((clone / FILES[self.kind]).read_text())
        return self._github(job, clone) if self.kind == "github" else self._gitlab(job, clone)

    def clone(self) -> Path:
        """Return a new clone, without more of the past than a forge gives to its jobs."""
        place = self.place / f"clone{sum(1 for _ in self.place.glob('clone*'))}"
        git(self.place, "clone", "--quiet", "--depth=1", self.origin.as_uri(), str(place))
        return place

    def branches(self) -> list[str]:
        """Return the branches of the service."""
        return git(self.origin, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def request(self) -> tuple[str, str] | None:
        """Return title and text of the request that was opened."""
        if self.kind == "github":
            request = self.place / f"{BRANCH}.request"
            title, _, text = request.read_text().partition("\n") if request.exists() else ("", "", "")
            return (title, text) if title else None
        options = self.origin / "options.txt"
        if not options.exists():
            return None
        first, second, title, text = options.read_text().splitlines()
        assert [first, second] == ["merge_request.create", "merge_request.remove_source_branch"]
        return (
            title.removeprefix("merge_request.title="),
            text.removeprefix("merge_request.description=").replace("\\n", "\n"),
        )

    def _github(self, workflow: dict[str, Any], clone: Path) -> subprocess.CompletedProcess[str]:
        job = workflow["jobs"]["update"]
        assert job["defaults"]["run"]["shell"] == "bash"
        outputs = self.place / "outputs"
        outputs.write_text("")
        done = subprocess.CompletedProcess[str]([], 0, "", "")
        for step in job["steps"]:
            if "uses" in step:
                continue
            known = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
            expressions = {"secrets.UPDATE_TOKEN || github.token": self.token}
            expressions |= {f"steps.update.outputs.{name}": value for name, value in known.items()}
            if "if" in step and not expressions.get(step["if"]):
                continue
            assert "${{" not in step["run"], "what is not known before would become part of the script"
            settings = {
                name: expressions[value.removeprefix("${{ ").removesuffix(" }}")]
                for name, value in step.get("env", {}).items()
            }
            settings |= {"RUNNER_TEMP": str(self.place), "GITHUB_OUTPUT": str(outputs)}
            done = self._bash(step["run"], clone, settings, done.stdout)
            if done.returncode:
                break
        return done

    def _gitlab(self, jobs: dict[str, Any], clone: Path) -> subprocess.CompletedProcess[str]:
        git(clone, "checkout", "--quiet", "--detach")
        # The token is for the forge, which here is a folder.
        settings = {
            "CI_PROJECT_URL": URL, "UPDATE_TOKEN": self.token, "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{self.origin.as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://scaffold:secret@forge.invalid/team/shop.git",
        }  # fmt: skip
        return self._bash("\n".join(jobs["update"]["script"]), clone, settings)

    def _bash(
        self, script: str, clone: Path, settings: dict[str, str], said: str = ""
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=clone,
            env={**os.environ, "CI": "true", "PATH": f"{self.place}:{os.environ['PATH']}", **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        done.stdout = said + done.stdout
        return done


@pytest.fixture(params=FILES)
def forge(request: pytest.FixtureRequest, tmp_path: Path, work: Path, invoke: Invoke) -> Forge:
    """A forge with a service made from the release before the newest one."""
    templates = tmp_path / "templates"
    templates.mkdir()
    for part in releases.PARTS:
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, templates / part)
    git(templates, "init", "--quiet", "--initial-branch=main")
    commit(templates)
    git(templates, "tag", "v1.0.0")
    _edit(templates / "templates/shared/AGENTS.md.jinja", "# For coding agents", "# For agents that code")
    (templates / "CHANGELOG.md").write_text("# Changelog\n\n## 1.1.0 - 2026-11-24\n\n- Another heading.\n")
    commit(templates)
    git(templates, "tag", "v1.1.0")

    options = ["-d", f"ci={request.param}", "-d", "ci_updates=true"]
    made = invoke("new", "shop", "-s", "express", "--template", templates, "--version", "1.0.0", *options)
    assert made.code == 0, made.err
    origin = tmp_path / "shop.git"
    git(work, "clone", "--quiet", "--bare", "shop", str(origin))
    git(work / "shop", "remote", "add", "origin", str(origin))
    git(origin, "config", "receive.advertisePushOptions", "true")
    (origin / "hooks/pre-receive").write_text(HOOK)
    (origin / "hooks/pre-receive").chmod(0o755)
    place = tmp_path / "forge"
    place.mkdir()
    return Forge(request.param, origin, place)


def _edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def _push(shop: Path) -> None:
    commit(shop)
    git(shop, "push", "--quiet", "origin", "main")


def test_a_request_brings_the_update_once(forge: Forge, invoke: Invoke) -> None:
    before = git(forge.origin, "rev-parse", "main")
    by_hand = forge.clone()
    plan = invoke("update", by_hand, "--branch", "scaffold-update").out

    done = forge.run()

    assert done.returncode == 0, done.stdout
    assert forge.branches() == ["main", BRANCH]
    assert git(forge.origin, "rev-parse", f"{BRANCH}^") == before == git(forge.origin, "rev-parse", "main")
    assert git(forge.origin, "rev-parse", f"{BRANCH}^{{tree}}") == git(by_hand, "rev-parse", "HEAD^{tree}")
    assert forge.request() == (TITLE, f"~~~~text\n{plan}~~~~\n")
    assert "~ AGENTS.md" in plan
    assert "Another heading." in plan

    pushed = git(forge.origin, "rev-parse", BRANCH)
    (forge.origin / "options.txt").unlink(missing_ok=True)
    done = forge.run()

    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith(f"{BRANCH} was asked for before.\n")
    assert git(forge.origin, "rev-parse", BRANCH) == pushed
    assert not (forge.origin / "options.txt").exists(), "nothing was pushed"


@pytest.mark.parametrize("edited", [False, True], ids=["as rendered", "edited"])
def test_without_a_newer_version_nothing_is_done(forge: Forge, edited: bool, work: Path, invoke: Invoke) -> None:  # noqa: FBT001
    assert invoke("update", work / "shop").code == 0
    if edited:
        _edit(work / "shop/AGENTS.md", "# For agents that code", "# For all")
    _push(work / "shop")

    done = forge.run()

    assert done.returncode == 0, done.stdout
    assert (forge.branches(), forge.request()) == (["main"], None)


def test_edits_come_along(forge: Forge, work: Path) -> None:
    with (work / "shop/AGENTS.md").open("a") as file:
        file.write("\nOurs.\n")
    _push(work / "shop")

    assert forge.run().returncode == 0
    merged = git(forge.origin, "show", f"{BRANCH}:AGENTS.md")
    assert merged.startswith("# For agents that code\n")
    assert merged.endswith("\nOurs.")


def test_a_conflict_is_left_to_a_person(forge: Forge, work: Path) -> None:
    _edit(work / "shop/AGENTS.md", "# For coding agents", "# For all")
    _push(work / "shop")

    done = forge.run()

    assert done.returncode == 1
    assert "! AGENTS.md (contents)" in done.stdout
    assert "Another heading." in done.stdout
    assert "scaffold update --branch scaffold-update, resolve, git add" in done.stdout.splitlines()[-1]
    assert (forge.branches(), forge.request()) == (["main"], None)


def test_what_goes_wrong_fails_the_job(forge: Forge, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "templates")

    done = forge.run()

    assert done.returncode == 1
    assert "source-not-found" in done.stdout
    assert (forge.branches(), forge.request()) == (["main"], None)


@pytest.mark.parametrize("forge", ["github"], indirect=True)
def test_a_request_that_was_refused_is_opened_by_the_next_run(forge: Forge) -> None:
    (forge.place / "refuses").touch()
    done = forge.run()
    assert done.returncode == 1
    assert "not permitted to create" in done.stdout
    (forge.place / "refuses").unlink()

    assert forge.run().returncode == 0
    request = forge.request()
    assert request is not None
    assert request[0] == TITLE


@pytest.mark.parametrize("forge", ["gitlab"], indirect=True)
def test_without_a_token_nothing_is_pushed(forge: Forge) -> None:
    done = replace(forge, token="").run()

    assert done.returncode != 0
    assert "UPDATE_TOKEN: is not set" in done.stdout
    assert forge.branches() == ["main"]


@pytest.mark.parametrize("ci", FILES)
@pytest.mark.parametrize("stack", STACKS)
def test_the_option_can_be_set_and_taken_back(stack: str, ci: str, work: Path, invoke: Invoke) -> None:
    assert invoke("new", "shop", "-s", stack, "-d", f"ci={ci}").code == 0
    assert invoke("new", "shop", "-s", stack, "-d", f"ci={ci}", "-d", "ci_updates=true", "-o", "on").code == 0
    shop, on = work / "shop", work / "on/shop"
    first = git(shop, "rev-parse", "HEAD^{tree}")

    assert invoke("set", "ci_updates=true", "--project", shop).code == 0
    assert git(shop, "rev-parse", "HEAD^{tree}") == git(on, "rev-parse", "HEAD^{tree}")
    changed = {FILES[ci], ".copier-answers.yml", "AGENTS.md", "README.md"}
    assert set(git(shop, "diff", "--name-only", first, "HEAD").split()) == changed
    assert FILES[ci] in (shop / "README.md").read_text()

    assert invoke("set", "ci_updates=false", "--project", shop).code == 0
    assert git(shop, "rev-parse", "HEAD^{tree}") == first
    assert invoke("set", "ci_updates=true", "--project", shop).code == 0
    # Without CI there is nobody to ask, so the answer falls away.
    assert invoke("set", "ci=none", "--project", shop).code == 0
    assert "ci_updates" not in (shop / ".copier-answers.yml").read_text()
    assert invoke("set", f"ci={ci}", "--project", shop).code == 0
    assert git(shop, "rev-parse", "HEAD^{tree}") == first


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # Copier leaves a listing open
def test_without_ci_it_is_refused_in_the_same_words(work: Path, tmp_path: Path, invoke: Invoke) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    for part in source.PARTS:
        (shutil.copytree if (ROOT / part).is_dir() else shutil.copy)(ROOT / part, plain / part)
    data = {"stack": "express", "project_name": "shop", "ci": "none", "ci_updates": True}
    rule = "it needs ci=github or ci=gitlab"

    with pytest.raises(ValueError, match=f"Validation error for question 'ci_updates': {rule}"):
        copier.run_copy(str(plain), work / "copied", data=data, defaults=True, quiet=True)
    refused = invoke("new", "shop", "-s", "express", "-d", "ci=none", "-d", "ci_updates=true", "--json")
    assert refused.code == 2
    assert refused.envelope["error"]["message"] == f'ci_updates "true": {rule}'
    assert not (work / "shop").exists()
